// Renders and publishes the zone of the listener tests; see listen_tables.h.
#include "tests/dataplane/listen_tables.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/base/check.h"
#include "dataplane/listen/rights.h"
#include "dataplane/wire/name.h"

namespace holdfast::listen {

namespace {

constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kNs = 2;
constexpr std::uint16_t kSoa = 6;
constexpr std::uint16_t kTxt = 16;
constexpr std::uint16_t kAaaa = 28;
constexpr std::uint32_t kTtl = 300;

std::string Wire(const std::string& text) {
  const auto name = wire::FromText(text);
  HF_CHECK(name.has_value());
  return wire::Fold(*name);
}

std::string Below(const std::string& label) {
  return Wire(label + "." + kTestOrigin);
}

void Put16(std::string& to, std::size_t value) {
  to += static_cast<char>(value >> 8U);
  to += static_cast<char>(value & 0xFFU);
}

// One record behind its owner, which placing it fills in.
std::string Record(std::string_view owner, std::uint16_t type, std::string_view rdata) {
  std::string record(owner);
  Put16(record, type);
  Put16(record, 1);
  Put16(record, 0);
  Put16(record, kTtl);
  Put16(record, rdata.size());
  record += rdata;
  return record;
}

control::ImageSpecPtr Rrset(std::uint16_t type, const std::vector<std::string>& rdatas) {
  auto spec = std::make_shared<control::ImageSpec>();
  spec->type = type;
  spec->ttl = kTtl;
  for (const std::string& rdata : rdatas) {
    spec->wire += Record("\xC0\x0C", type, rdata);
    spec->record_ends.push_back(static_cast<std::uint16_t>(spec->wire.size()));
  }
  return spec;
}

std::string SoaRdata() {
  std::string rdata = Below("ns") + Below("hostmaster");
  for (const std::size_t value : {1U, 7'200U, 900U, 60'000U, 300U}) {
    Put16(rdata, 0);
    Put16(rdata, value);
  }
  return rdata;
}

control::ImageSpecPtr Negative() {
  auto spec = std::make_shared<control::ImageSpec>();
  spec->kind = table::ImageKind::kNegative;
  spec->type = kSoa;
  spec->ttl = kTtl;
  spec->wire = Record(std::string_view("\0\0", 2), kSoa, SoaRdata());
  spec->record_ends = {static_cast<std::uint16_t>(spec->wire.size())};
  const auto origin_octets = static_cast<unsigned>(Wire(kTestOrigin).size());
  spec->relocations = {
      {.at = 0,
       .code = static_cast<std::uint16_t>(
           (static_cast<unsigned>(table::RelocationBase::kSuffix) << 14U) | origin_octets)}};
  return spec;
}

control::CompiledName Name(std::string name, std::vector<control::CompiledRrset> rrsets) {
  return {.name = std::move(name), .rrsets = std::move(rrsets)};
}

// One A record that is all its name has.
control::CompiledRrset Alone(const std::string& address) {
  control::CompiledRrset rrset{.type = kA, .kind = table::RrsetKind::kAddress, .answer = {}};
  rrset.address.ttl = kTtl;
  std::ranges::copy(address, rrset.address.address);
  return rrset;
}

std::vector<std::string> BigRdatas() {
  // Records of 1,000 octets: strings of 249 characters and their lengths.
  std::vector<std::string> rdatas;
  for (std::size_t i = 0; i < kBigOctets / 1'000; ++i) {
    const char number[2] = {static_cast<char>('a' + (i / 26)), static_cast<char>('a' + (i % 26))};
    std::string rdata;
    for (int string = 0; string < 4; ++string) {
      rdata += static_cast<char>(249);
      rdata += std::string(number, 2) + std::string(247, '.');
    }
    rdatas.push_back(rdata);
  }
  return rdatas;
}

control::CompiledZone Zone(std::size_t hosts) {
  control::CompiledZone zone{.origin = Wire(kTestOrigin), .serial = 1, .max_labels = 3};
  zone.negative = Negative();
  auto apex = Name(zone.origin,
                   {{.type = kNs, .answer = Rrset(kNs, {Below("ns")})},
                    {.type = kSoa, .answer = Rrset(kSoa, {SoaRdata()})}});
  apex.flags = table::kNameApex;
  zone.names.push_back(std::move(apex));
  const std::string v4("\xC0\x00\x02\x01", 4);
  const std::string v6("\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
  zone.names.push_back(Name(Below("ns"), {Alone(v4)}));
  zone.names.push_back(Name(
      Below("www"),
      {{.type = kA, .answer = Rrset(kA, {v4})}, {.type = kAaaa, .answer = Rrset(kAaaa, {v6})}}));
  zone.names.push_back(Name(Below("big"), {{.type = kTxt, .answer = Rrset(kTxt, BigRdatas())}}));
  for (std::size_t i = 0; i < hosts; ++i) {
    std::string address = v4;
    address[2] = static_cast<char>(i >> 8U);
    address[3] = static_cast<char>(i);
    zone.names.push_back(Name(Below("h" + std::to_string(i)), {Alone(address)}));
  }
  return zone;
}

}  // namespace

TestTables::TestTables(std::size_t image_octets) {
  std::string folder = std::filesystem::temp_directory_path() / "holdfast-listen-XXXXXX";
  HF_CHECK(mkdtemp(folder.data()) != nullptr);
  run_dir_ = folder;
  std::vector<std::string> notes;
  control::PublisherOptions options;
  options.run_dir = run_dir_;
  options.image = {.directory = run_dir_, .octets = image_octets, .stem = "listen"};
  if (geteuid() == 0) {
    options.image.group = FindUser("nobody").value().gid;  // some tests' readers are that user
  }
  auto publisher = control::Publisher::Open(options, notes);
  if (!publisher) {
    std::fprintf(stderr, "%s\n", publisher.error().message.c_str());
  }
  HF_CHECK(publisher.has_value());
  publisher_ = std::move(*publisher);
}

TestTables::~TestTables() {
  publisher_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(run_dir_, ignored);
}

void TestTables::Publish(std::size_t hosts) {
  HF_CHECK(publisher_->PutZone(Zone(hosts)).has_value());
  HF_CHECK(publisher_->Commit().has_value());
}

}  // namespace holdfast::listen
