// Starts and ends EAL. Its log goes into memory of ours from before the start, since a failed start
// explains itself only there. Main thread, but for the keeping of messages.
#include "dataplane/io/eal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <bpf/libbpf.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "dataplane/io/remedy.h"

namespace holdfast::io {
namespace {

constexpr unsigned kMaxCpu = 1023;
constexpr std::size_t kKeptOctets = 1500;  // of the log, in an error message

// The last of what DPDK and libbpf said. A process has one EAL, so it has one of these. Any thread
// of theirs may write.
struct LastMessages {
  std::mutex mutex;
  std::string text;
};
LastMessages& Messages() {
  static LastMessages messages;
  return messages;
}

ssize_t Keep(void*, const char* text, std::size_t octets) {
  LastMessages& messages = Messages();
  const std::scoped_lock lock(messages.mutex);
  messages.text.append(text, octets);
  if (messages.text.size() > kKeptOctets) {
    messages.text.erase(0, messages.text.size() - kKeptOctets);
  }
  return static_cast<ssize_t>(octets);
}

// The AF_XDP driver's libbpf complains of what it then does in another way.
int KeepBpf(libbpf_print_level level, const char* format, va_list arguments) {
  std::array<char, 512> line{};
  const int octets =
      level == LIBBPF_DEBUG ? 0 : std::vsnprintf(line.data(), line.size(), format, arguments);
  if (octets > 0) {
    Keep(nullptr, line.data(), std::min(static_cast<std::size_t>(octets), line.size() - 1));
  }
  return octets;
}

void KeepMessages() {
  FILE* stream = fopencookie(nullptr, "w", {.write = Keep});
  std::setvbuf(stream, nullptr, _IOLBF, 0);
  rte_openlog_stream(stream);
  libbpf_set_print(KeepBpf);
}

std::string Join(const std::vector<unsigned>& numbers) {
  std::string text;
  for (const unsigned number : numbers) {
    text += (text.empty() ? "" : ",") + std::to_string(number);
  }
  return text;
}

}  // namespace

std::vector<std::string> EalArguments(const EalOptions& options) {
  const auto& main_cpus = options.other_cpus.empty() ? options.cpus : options.other_cpus;
  std::string lcores = "0@(" + Join(main_cpus) + ")";
  for (std::size_t i = 0; i < options.cpus.size(); ++i) {
    lcores += "," + std::to_string(i + 1) + "@" + std::to_string(options.cpus[i]);
  }
  // One address mode everywhere: as root EAL would choose physical addresses by itself. Nothing
  // attaches to us, so no files are left behind in any memory mode.
  std::vector<std::string> arguments{"--lcores",
                                     lcores,
                                     "--main-lcore",
                                     "0",
                                     "--iova-mode=va",
                                     "--file-prefix",
                                     options.file_prefix,
                                     "-m",
                                     std::to_string(options.memory_mb)};
  if (options.no_huge) {
    arguments.insert(arguments.end(), {"--no-huge", "--no-shconf"});
  } else {
    arguments.emplace_back("--in-memory");
  }
  if (!options.telemetry) {
    arguments.emplace_back("--no-telemetry");
  }
  if (options.pci.empty()) {
    arguments.emplace_back("--no-pci");
  }
  for (const std::string& device : options.pci) {
    arguments.insert(arguments.end(), {"-a", device});
  }
  arguments.emplace_back(options.verbose ? "--log-level=info" : "--log-level=warning");
  arguments.insert(arguments.end(), options.more.begin(), options.more.end());
  return arguments;
}

Result<std::vector<unsigned>> ParseCpuList(const std::string& text) {
  const auto wrong = [&](const std::string& why) {
    return Fail(ErrorCode::kInvalid,
                "CPU list '" + text + "': " + why + ", expected numbers and ranges like 0,2-4");
  };
  std::vector<unsigned> cpus;
  std::string_view rest = text;
  const auto take_number = [&](unsigned& value) {
    const auto [behind, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    rest.remove_prefix(static_cast<std::size_t>(behind - rest.data()));
    return error == std::errc{} && value <= kMaxCpu;
  };
  const auto take = [&](char wanted) {
    const bool there = rest.starts_with(wanted);
    rest.remove_prefix(there ? 1 : 0);
    return there;
  };
  do {
    unsigned first = 0;
    if (!take_number(first)) {
      return wrong("no CPU number from 0 to 1023 before '" + std::string(rest) + "'");
    }
    unsigned last = first;
    if (take('-') && (!take_number(last) || last < first)) {
      return wrong("the range from " + std::to_string(first) + " has no end after that");
    }
    for (unsigned cpu = first; cpu <= last; ++cpu) {
      if (std::ranges::find(cpus, cpu) != cpus.end()) {
        return wrong("CPU " + std::to_string(cpu) + " comes twice");
      }
      cpus.push_back(cpu);
    }
  } while (take(','));
  if (!rest.empty()) {
    return wrong("'" + std::string(rest) + "' does not belong there");
  }
  return cpus;
}

Result<Eal> Eal::Start(const EalOptions& options) {
  if (!options.no_huge) {
    HF_TRY(CheckHugepages(ReadSmallFile("/proc/meminfo"), options.memory_mb));
  }
  if (!options.verbose) {
    KeepMessages();
  }
  std::vector<std::string> arguments = EalArguments(options);
  arguments.insert(arguments.begin(), "holdfast-dataplane");
  std::vector<char*> argv;  // rte_eal_init permutes the pointers, not the texts
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0) {
    return Fail(
        ErrorCode::kInvalid,
        std::string("DPDK does not start (") + rte_strerror(rte_errno) + "): " + LastWords());
  }
  return Eal();
}

Eal::Eal(Eal&& other) noexcept : running_(std::exchange(other.running_, false)) {}

Eal::~Eal() {
  if (running_) {
    const std::string folder = rte_eal_get_runtime_dir();
    rte_eal_cleanup();
    // EAL leaves its folder, one for each file prefix. We have no files in it: what is not empty is
    // somebody else's, too, and stays.
    rmdir(folder.c_str());
  }
}

std::string Eal::LastWords() {
  LastMessages& messages = Messages();
  const std::scoped_lock lock(messages.mutex);
  std::string words;
  for (const char c : messages.text) {
    words += c == '\n' ? std::string("; ") : std::string(1, c);
  }
  messages.text.clear();
  while (words.ends_with("; ")) {
    words.resize(words.size() - 2);
  }
  return words.empty() ? "its own messages say no more" : words;
}

}  // namespace holdfast::io
