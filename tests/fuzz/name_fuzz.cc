// Names of dataplane/wire/name.h on arbitrary octets, read once as wire form and once as text:
// nothing may read past the end, and whatever is accepted must survive the way there and back.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::wire {
namespace {

// Everything that is promised of one complete name.
void CheckName(std::string_view name) {
  HF_CHECK(IsWellFormed(name));
  const auto again = FromText(ToText(name));
  HF_CHECK(again && *again == name);

  const std::string folded = Fold(name);
  HF_CHECK(IsWellFormed(folded) && Fold(folded) == folded);

  const std::size_t labels = Labels(name);
  HF_CHECK(labels <= kMaxLabels);
  std::string_view above = folded;
  for (std::size_t left = labels; left > 0; --left) {
    HF_CHECK(Labels(above) == left && IsAtOrBelow(folded, above));
    above = Parent(above);
  }
  HF_CHECK(above == std::string_view("\0", 1) && Parent(above) == above);

  const std::string wildcard = WildcardOf(name);
  HF_CHECK(wildcard.empty() == (name.size() + 2 > kMaxNameOctets));
  HF_CHECK(wildcard.empty() || (IsWellFormed(wildcard) && Parent(wildcard) == name));
}

// Octets that need not be a name: only bounds and termination are promised.
void CheckOctets(std::string_view octets) {
  HF_CHECK(Labels(octets) <= octets.size());
  std::string_view above = octets;
  for (std::size_t steps = 0; above.size() > 1; ++steps) {
    HF_CHECK(steps < octets.size());
    const std::string_view next = Parent(above);
    HF_CHECK(next.size() < above.size() &&
             next.data() + next.size() == above.data() + above.size());
    above = next;
  }
  if (IsWellFormed(octets)) {
    CheckName(octets);
  }
}

void CheckText(std::string_view text) {
  for (const auto& name : {FromText(text), FromRoute53Text(text)}) {
    HF_CHECK(name || !name.error().message.empty());
    if (name) {
      CheckName(*name);
    }
  }
  if (const auto type = TypeFromText(text)) {
    HF_CHECK(TypeFromText(TypeText(*type)) == *type);
  }
}

}  // namespace
}  // namespace holdfast::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  holdfast::wire::CheckOctets(octets);
  holdfast::wire::CheckText(octets);
  return 0;
}
