// Reads the command line; see arguments.h. One table says what there is, for parsing and for help.
#include "dataplane/listen/arguments.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "dataplane/table/format.h"

namespace holdfast::listen {

namespace {

using Value = std::uint64_t;

struct Number {
  std::string_view name;
  Value least;
  Value most;
  void (*set)(Arguments&, Value);
  std::string_view help;
};

constexpr std::array kNumbers = {
    Number{"--drain-ms",
           0,
           60'000,
           [](Arguments& a, Value v) { a.server.drain_ms = static_cast<std::uint32_t>(v); },
           "at the end, how long replies wait for clients to read them (1000)"},
    Number{"--tcp-idle-ms",
           10,
           3'600'000,
           [](Arguments& a, Value v) { a.server.tcp.idle_ms = static_cast<std::uint32_t>(v); },
           "a TCP connection without a whole query for so long is closed (10000)"},
    Number{
        "--tcp-max-connections",
        1,
        1'000'000,
        [](Arguments& a, Value v) { a.server.tcp.max_connections = static_cast<std::uint32_t>(v); },
        "TCP connections at a time; the longest idle one gives way (10000)"},
    Number{
        "--tcp-max-per-client",
        1,
        1'000'000,
        [](Arguments& a, Value v) { a.server.tcp.max_per_client = static_cast<std::uint32_t>(v); },
        "TCP connections of one IPv4 address or IPv6 /64; more are refused (100)"},
    Number{"--tcp-total-ms",
           10,
           86'400'000,
           [](Arguments& a, Value v) { a.server.tcp.total_ms = static_cast<std::uint32_t>(v); },
           "a TCP connection is closed when so old (60000)"},
    Number{"--threads",
           1,
           table::kMaxReaderThreads,
           [](Arguments& a, Value v) { a.server.threads = static_cast<unsigned>(v); },
           "listener threads; each serves all sockets (1)"},
    Number{"--wait",
           0,
           86'400,
           [](Arguments& a, Value v) { a.wait_seconds = static_cast<unsigned>(v); },
           "seconds to wait for tables, then give up (for ever)"},
};

struct Text {
  std::string_view name;
  std::string Arguments::* place;
  std::string_view help;
};

constexpr std::array kTexts = {
    Text{
        "--run-dir", &Arguments::run_dir, "folder of the tables' root block and readers; required"},
    Text{"--user", &Arguments::user, "user to become when started as root (stay)"},
};

Status SetNumber(Arguments& arguments, const Number& number, std::string_view text) {
  Value value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < number.least ||
      value > number.most) {
    return Fail(ErrorCode::kInvalid,
                std::string(number.name) + " is \"" + std::string(text) +
                    "\", expected a number from " + std::to_string(number.least) + " to " +
                    std::to_string(number.most));
  }
  number.set(arguments, value);
  return {};
}

// Sets an argument that has a value. kNotFound: there is none of this name.
Status SetValue(Arguments& arguments, std::string_view name, std::string_view value) {
  for (const Number& number : kNumbers) {
    if (name == number.name) {
      return SetNumber(arguments, number, value);
    }
  }
  for (const Text& text : kTexts) {
    if (name == text.name) {
      if (value.empty()) {
        return Fail(ErrorCode::kInvalid, std::string(name) + " is empty");
      }
      arguments.*text.place = value;
      return {};
    }
  }
  return Fail(ErrorCode::kNotFound,
              "there is no argument \"" + std::string(name) + "\"; --help lists them");
}

bool SetSwitch(Arguments& arguments, std::string_view name) {
  if (name == "--udp" || name == "--no-udp") {
    arguments.udp = name == "--udp";
    return true;
  }
  if (name == "--client-subnet" || name == "--no-client-subnet") {
    arguments.server.answer.client_subnet = name == "--client-subnet";
    return true;
  }
  if (name == "--help") {
    arguments.help = true;
    return true;
  }
  if (name == "--version") {
    arguments.version = true;
    return true;
  }
  return false;
}

}  // namespace

Result<Arguments> ParseArguments(std::span<const char* const> arguments) {
  Arguments parsed;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (SetSwitch(parsed, argument)) {
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    if (equals != std::string_view::npos) {
      HF_TRY(SetValue(parsed, name, argument.substr(equals + 1)));
      continue;
    }
    if (i + 1 == arguments.size()) {
      // Whether it is one of ours decides what is wrong with it.
      const Status set = SetValue(parsed, name, "");
      return !set && set.error().code == ErrorCode::kNotFound
                 ? std::unexpected(set.error())
                 : Result<Arguments>(
                       Fail(ErrorCode::kInvalid, std::string(name) + " stands without a value"));
    }
    HF_TRY(SetValue(parsed, name, arguments[++i]));
  }
  if (parsed.run_dir.empty() && !parsed.help && !parsed.version) {
    return Fail(ErrorCode::kInvalid, "--run-dir is missing: expected the folder of the tables");
  }
  return parsed;
}

std::string HelpText() {
  std::string text =
      "holdfast-sockets: answers DNS over TCP and UDP on the sockets that are passed to it\n"
      "(LISTEN_FDS, from descriptor 3 on), without any right.\n\n";
  const auto line = [&text](std::string_view name, std::string_view value, std::string_view help) {
    std::string head = "  " + std::string(name) + std::string(value);
    head.resize(std::max<std::size_t>(head.size(), 28), ' ');
    text += head + " " + std::string(help) + "\n";
  };
  for (const Text& argument : kTexts) {
    line(argument.name, " TEXT", argument.help);
  }
  for (const Number& argument : kNumbers) {
    line(argument.name, " N", argument.help);
  }
  line("--no-client-subnet", "", "pass over EDNS Client Subnet: clients count by their address");
  line("--no-udp", "", "leave UDP sockets alone");
  line("--version", "", "say which release this is");
  return text;
}

}  // namespace holdfast::listen
