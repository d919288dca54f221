// Zones made of a few record sets, for tests of what is read and of the rules that bind them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "control/config/record_sets.h"
#include "control/model/rules.h"
#include "dataplane/wire/name.h"

namespace holdfast::control::testing {

struct Read {
  Zone zone;
  Findings findings;
};

/// SOA and NS, so that the zone is whole.
inline constexpr const char* kApex = R"(
  {"Name": "example.test.", "Type": "NS", "TTL": 172800,
   "ResourceRecords": [{"Value": "ns-1.other.test."}, {"Value": "ns-2.other.test"}]},
  {"Name": "example.test.", "Type": "SOA", "TTL": 900,
   "ResourceRecords": [{"Value": "ns-1.other.test. hostmaster.test. 1 7200 900 1209600 86400"}]})";

inline std::unique_ptr<Read> ReadJson(const std::string& text) {
  auto read = std::make_unique<Read>();
  read->zone.origin = wire::FromText("example.test").value();
  read->zone.id = "Z1";
  read->zone.source = Source{"r.json", 0};
  ReadRecordSetsText(text, "r.json", read->zone, read->findings);
  if (read->findings.Ok()) {
    CheckZone(read->zone, read->findings);
  }
  return read;
}

inline std::unique_ptr<Read> ReadRecords(const std::string& records) {
  return ReadJson("{\"ResourceRecordSets\": [" + records + (records.empty() ? "" : ",") + kApex +
                  "]}");
}

/// {"Name": "NAME.example.test.", "Type": "A", EXTRA..., TTL and one value}
inline std::string Plain(const std::string& name, const std::string& extra = "") {
  return "{\"Name\": \"" + name + ".example.test.\", \"Type\": \"A\", " + extra +
         (extra.empty() ? "" : ", ") + R"("TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]})";
}
inline std::string Alias(const std::string& name,
                         const std::string& target,
                         const std::string& extra = "",
                         bool evaluate = true) {
  return "{\"Name\": \"" + name + ".example.test.\", \"Type\": \"A\", " + extra +
         (extra.empty() ? "" : ", ") + R"("AliasTarget": {"HostedZoneId": "Z1", "DNSName": ")" +
         target + ".example.test.\", \"EvaluateTargetHealth\": " + (evaluate ? "true" : "false") +
         "}}";
}

struct Refusal {
  std::string records;
  std::vector<const char*> parts;
};

inline void ExpectRefusals(const std::vector<Refusal>& table) {
  for (const Refusal& row : table) {
    const auto read = ReadRecords(row.records);
    ASSERT_FALSE(read->findings.Ok()) << row.records;
    for (const char* part : row.parts) {
      EXPECT_THAT(read->findings.ToError().message, ::testing::HasSubstr(part)) << row.records;
    }
  }
}

}  // namespace holdfast::control::testing
