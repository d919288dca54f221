#include "control/config/checkers_config.h"

#include <algorithm>
#include <map>
#include <utility>

#include "control/config/text_file.h"

namespace holdfast::control {
namespace {

constexpr std::size_t kMaxCheckers = 63;  // with the local one as many as min_reporters may ask for
constexpr Range kPathLength{1, 4096};
constexpr Range kNameLength{1, 64};

std::string FileOf(Fields& fields,
                   const std::string& path,
                   std::string_view name,
                   std::string_view expected) {
  return fields.Require(name, expected)
             ? PathFrom(path, fields.Text(name, kPathLength).value_or(std::string(name)))
             : std::string();
}

// A name is compared with what a certificate says, and is shown in logs and metrics.
bool IsName(std::string_view name) {
  return std::ranges::all_of(name, [](unsigned char c) { return c > 0x20 && c < 0x7F; });
}

void ReadChecker(Fields& fields, std::vector<health::CheckerName>& checkers) {
  constexpr const char* kExpected = "the name in its certificate, 1..64 characters without blanks";
  if (!fields.Require("name", kExpected)) {
    return;
  }
  const auto name = fields.Text("name", kNameLength);
  if (!name) {
    return;
  }
  if (!IsName(*name)) {
    fields.Expected("name", *fields.Find("name"), kExpected);
  } else if (*name == "local") {
    fields.Refuse("name", "is \"local\", which this node's own checker is called");
  } else if (std::ranges::find(checkers, *name, &health::CheckerName::name) != checkers.end()) {
    fields.Refuse("name", "is \"" + *name + "\", which another [[checkers.checker]] has already");
  }
  checkers.push_back({.name = *name, .region = fields.Text("region", kNameLength).value_or("")});
}

}  // namespace

void ReadCheckersTable(Fields& fields, const std::string& path, CheckersConfig& checkers) {
  if (fields.Require("listen", "addresses with ports such as \"192.0.2.1:9443\"")) {
    checkers.listen = ReadAddresses(fields, "listen");
  }
  if (checkers.listen.empty() && fields.Has("listen")) {
    fields.Refuse("listen", "has no address; expected at least one");
  }
  checkers.identity = {.certificate = FileOf(fields, path, "certificate", "a file in PEM"),
                       .key = FileOf(fields, path, "key", "the certificate's key, a file in PEM"),
                       .ca = FileOf(fields, path, "ca", "a file in PEM with whom to believe")};
  checkers.local = fields.Bool("local").value_or(true);
  for (const Value& table : fields.Array("checker")) {
    if (table.kind != Value::Kind::kTable) {
      fields.Expected("checker", table, "tables written as [[checkers.checker]]");
      continue;
    }
    Fields one = fields.Within(table);
    ReadChecker(one, checkers.checkers);
    one.RefuseUnknown();
  }
  if (checkers.checkers.size() > kMaxCheckers) {
    fields.Refuse("checker",
                  "has " + std::to_string(checkers.checkers.size()) + " tables; expected at most " +
                      std::to_string(kMaxCheckers));
  }
  if (!checkers.local && checkers.checkers.empty()) {
    fields.Refuse("local", "is false and there is no [[checkers.checker]]: nobody would probe");
  }
}

void WarnOfCheckers(const CheckersConfig& checkers,
                    std::span<const health::CheckConfig> checks,
                    const std::string& path,
                    Findings& findings) {
  const std::size_t all = checkers.checkers.size() + (checkers.local ? 1 : 0);
  std::map<std::string_view, std::size_t> unknown;  // regions, and how many checks name each
  for (const health::CheckConfig& check : checks) {
    const bool probed = !health::IsDerived(check.type);
    std::size_t watching = 0;
    for (const std::string& region : check.regions) {
      const auto of_region =
          std::ranges::count(checkers.checkers, region, &health::CheckerName::region);
      watching += static_cast<std::size_t>(of_region);
      unknown[region] += of_region == 0 ? 1 : 0;
    }
    watching = watching == 0 ? all : watching;
    if (probed && check.quorum.min_reporters > watching) {
      findings.AddWarning(path,
                          "check '" + check.id + "': key 'min_reporters' is " +
                              std::to_string(check.quorum.min_reporters) + ", but " +
                              std::to_string(watching) +
                              (watching == 1 ? " checker watches it" : " checkers watch it") +
                              "; it will never be decided");
    }
  }
  for (const auto& [region, named] : unknown) {
    if (named != 0 && !checkers.checkers.empty()) {
      findings.AddWarning(path,
                          "region \"" + std::string(region) + "\" is named by " +
                              std::to_string(named) + (named == 1 ? " check" : " checks") +
                              ", but no [[checkers.checker]] has it; it is left out");
    }
  }
}

}  // namespace holdfast::control
