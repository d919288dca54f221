// What a DNS endpoint may send back to a DNS check. The first octet chooses what was asked; a
// judgement is one of the known sentences, and only a reply that fits the question gets one.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "dataplane/base/bytes.h"
#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"
#include "health/probe/dns_message.h"

namespace holdfast::health {
namespace {

constexpr std::uint16_t kId = 0x4846;

DnsSettings Asked(std::uint8_t choice) {
  const std::string name = wire::FromText("www.example.test").value();
  const struct {
    wire::Type type;
    std::string rdata;
  } questions[] = {{wire::Type::kSoa, name + name + std::string(20, '\1')},
                   {wire::Type::kA, "\xC0\1\2\3"},
                   {wire::Type::kNs, name},
                   {wire::Type::kMx, std::string("\0\12", 2) + name},
                   {wire::Type::kSrv, std::string("\0\1\0\2\0\3", 6) + name},
                   {wire::Type::kTxt, "\4hold"},
                   {wire::Type::kA, ""},
                   {wire::Type::kAny, ""}};
  const auto& question = questions[choice & 7U];
  return {.question = name,
          .type = static_cast<std::uint16_t>(question.type),
          .rcodes = 1U | (choice & 8U),
          .rdata = question.rdata};
}

}  // namespace
}  // namespace holdfast::health

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::health;
  if (size == 0) {
    return 0;
  }
  const DnsSettings settings = Asked(data[0]);
  const auto message = std::as_bytes(std::span(data, size)).subspan(1);
  const auto judged = JudgeDnsReply(message, settings, kId);
  if (!judged) {
    return 0;
  }
  HF_CHECK(message.size() >= wire::kHeaderOctets && LoadBe16(message.data()) == kId);
  HF_CHECK(judged->outcome != Outcome::kUnknown);
  const bool pass = judged->outcome == Outcome::kPass;
  HF_CHECK(judged->reason.starts_with(pass ? "Success: DNS reply " : "Failure: DNS reply "));
  const unsigned rcode = LoadBe16(message.data() + 2) & 0xFU;
  HF_CHECK(!pass || (settings.rcodes >> rcode & 1U) != 0);
  for (const char c : judged->reason) {
    HF_CHECK(c >= 0x20 && c < 0x7F);
  }
  return 0;
}
