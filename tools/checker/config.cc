#include "tools/checker/config.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "control/config/fields.h"
#include "control/config/probing_keys.h"
#include "control/config/text_file.h"
#include "control/config/toml.h"
#include "control/model/findings.h"

namespace holdfast::tools {
namespace {

using control::Fields;
using control::Findings;
using control::Value;

constexpr control::Range kPathLength{1, 4096};
constexpr control::Range kNameLength{1, 64};
constexpr control::Range kHostLength{1, 253};
constexpr std::size_t kMaxControls = 64;
constexpr const char* kAddress =
    "a name or an address with a port such as \"ns1.example.test:9443\" or \"[2001:db8::1]:9443\"";

class CheckerReader {
 public:
  CheckerReader(const Value& root, const std::string& path) : root_(root), path_(path) {}
  Result<CheckerFile> Read();

 private:
  std::string FileOf(Fields& fields, std::string_view name, std::string_view expected);
  void ReadControl(Fields& fields);
  void ReadHealth(Fields& fields);

  const Value& root_;
  const std::string& path_;
  Findings findings_;
  CheckerFile file_;
};

std::string CheckerReader::FileOf(Fields& fields,
                                  std::string_view name,
                                  std::string_view expected) {
  return fields.Require(name, expected)
             ? control::PathFrom(path_, fields.Text(name, kPathLength).value_or(std::string(name)))
             : std::string();
}

void CheckerReader::ReadControl(Fields& fields) {
  health::RemoteCheckerOptions::Control made;
  if (!fields.Require("address", kAddress)) {
    return;
  }
  const std::string text = fields.Text("address", {1, 300}).value_or("");
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), made.port);
  const bool plain =
      std::ranges::all_of(host, [](unsigned char c) { return c > 0x20 && c < 0x7F; });
  if (host.empty() || !plain || (host.contains(':') && !bracketed) || parsed.ec != std::errc{} ||
      parsed.ptr != port.data() + port.size() || made.port == 0) {
    if (!text.empty()) {
      fields.Expected("address", *fields.Find("address"), kAddress);
    }
    return;
  }
  made.host = host;
  made.name = fields.Text("name", kHostLength).value_or(host);
  for (const auto& other : file_.options.controls) {
    if (other.host == made.host && other.port == made.port) {
      fields.Refuse("address", "is " + text + ", which another [[control]] has already");
    }
  }
  file_.options.controls.push_back(std::move(made));
}

void CheckerReader::ReadHealth(Fields& fields) {
  health::CheckerOptions& checker = file_.options.checker;
  checker.max_in_flight =
      static_cast<std::size_t>(fields.Integer("max_in_flight", {1, 1'000'000})
                                   .value_or(static_cast<std::int64_t>(checker.max_in_flight)));
  ReadProbingKeys(fields, checker);
  file_.options.allow_exec = fields.Bool("allow_exec").value_or(false);
}

Result<CheckerFile> CheckerReader::Read() {
  Fields top(root_, path_, "", findings_);
  if (top.Require("name", "the name that controls know it by, in its certificate")) {
    file_.name = top.Text("name", kNameLength).value_or("");
  }
  file_.options.identity = {.certificate = FileOf(top, "certificate", "a file in PEM"),
                            .key = FileOf(top, "key", "the certificate's key, a file in PEM"),
                            .ca = FileOf(top, "ca", "a file in PEM with whom to believe")};
  const auto& controls = top.Array("control");
  for (const Value& table : controls) {
    if (table.kind != Value::Kind::kTable) {
      top.Expected("control", table, "tables written as [[control]]");
      continue;
    }
    Fields fields = top.Within(table);
    ReadControl(fields);
    fields.RefuseUnknown();
  }
  if (controls.empty() || controls.size() > kMaxControls) {
    top.Refuse("control",
               "has " + std::to_string(controls.size()) + " tables; expected 1.." +
                   std::to_string(kMaxControls) + " [[control]]");
  }
  if (const Value* health = top.Table("health"); health != nullptr) {
    Fields fields = top.Within(*health);
    ReadHealth(fields);
    fields.RefuseUnknown();
  }
  top.RefuseUnknown();
  if (!findings_.Ok()) {
    return std::unexpected(findings_.ToError());
  }
  return std::move(file_);
}

}  // namespace

Result<CheckerFile> ParseCheckerFile(std::string_view text, const std::string& path) {
  const auto root = control::ParseToml(text, path);
  if (!root) {
    return std::unexpected(root.error());
  }
  return CheckerReader(*root, path).Read();
}

Result<CheckerFile> LoadCheckerFile(const std::string& path) {
  const auto text = control::ReadFile(path, control::kMaxTomlOctets);
  if (!text) {
    return std::unexpected(text.error());
  }
  auto file = ParseCheckerFile(*text, path);
  if (!file) {
    return file;
  }
  const auto& identity = file->options.identity;
  HF_TRY(health::ReadIdentity(identity, health::LinkSide::kChecker));
  const auto names = health::NamesOfCertificate(identity.certificate);
  if (!names) {
    return std::unexpected(names.error());
  }
  if (std::ranges::find(*names, file->name) == names->end()) {
    return Fail(ErrorCode::kInvalid,
                path + ": name is \"" + file->name + "\"; expected one that " +
                    identity.certificate +
                    " is for: " + (names->empty() ? "none" : names->front()));
  }
  return file;
}

}  // namespace holdfast::tools
