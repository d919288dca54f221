// See server_names.h.
#include "dataplane/answer/server_names.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "dataplane/base/bytes.h"

namespace holdfast::answer {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kRecordHead = 12;  // pointer, type, class, TTL, RDLENGTH
constexpr std::uint16_t kQuestionPointer = 0xC00C;

bool IsOneOf(const table::NameKey& key, std::string_view first, std::string_view second) noexcept {
  const std::string_view name(reinterpret_cast<const char*>(key.name), key.octets);
  return name == first || name == second;
}

// The text that a name stands for; empty when there is none, or it is not to be told.
std::string_view TextFor(const table::NameKey& key, const table::Settings& settings) noexcept {
  if (IsOneOf(key, "\7version\4bind\0"sv, "\7version\6server\0"sv)) {
    return {settings.version, settings.version_octets};
  }
  if (IsOneOf(key, "\10hostname\4bind\0"sv, "\2id\6server\0"sv)) {
    return {settings.identity, settings.identity_octets};
  }
  return {};
}

bool AsksForText(std::uint16_t qtype) noexcept {
  return qtype == static_cast<std::uint16_t>(wire::Type::kTxt) ||
         qtype == static_cast<std::uint16_t>(wire::Type::kAny);
}

}  // namespace

void AnswerServerName(const Query& query, const table::Settings* settings, Reply& reply) noexcept {
  const std::string_view text = settings != nullptr && AsksForText(query.qtype)
                                    ? TextFor(query.key, *settings)
                                    : std::string_view();
  if (text.empty()) {
    reply.rcode = wire::Rcode::kRefused;
    reply.extended = ExtendedError::kClassNotSupported;
    return;
  }
  // A question of at most 28 octets and 268 of the record: they fit into any reply.
  std::byte* record = reply.message + reply.at;
  StoreBe16(record, kQuestionPointer);
  StoreBe16(record + 2, static_cast<std::uint16_t>(wire::Type::kTxt));
  StoreBe16(record + 4, static_cast<std::uint16_t>(wire::Class::kCh));
  StoreBe32(record + 6, 0);
  StoreBe16(record + 10, static_cast<std::uint16_t>(1 + text.size()));
  record[kRecordHead] = static_cast<std::byte>(text.size());
  std::memcpy(record + kRecordHead + 1, text.data(), text.size());
  reply.at += kRecordHead + 1 + text.size();
  reply.answers = 1;
  reply.authoritative = true;
}

}  // namespace holdfast::answer
