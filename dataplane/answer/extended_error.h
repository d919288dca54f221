// Why a reply is an error, for people (RFC 8914): what parse and compose note, and options writes
// where there is room for it. It never changes the reply otherwise. None speaks of health, which is
// nobody's affair but the operator's (RFC 8914 6).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast::answer {

enum class ExtendedError : std::uint8_t {
  kNone = 0,
  kNotAuthoritative,
  kOpcodeNotSupported,
  kTypeNotSupported,
  kTransferNotSupported,
  kClassNotSupported,
  kInvalidType,
  kNotReady,
  kProhibited,
  kInvalidData,
  kCount
};

struct ExtendedErrorText {
  std::uint16_t info_code;
  std::string_view text;  // UTF-8, without a final zero
};

inline constexpr std::array<ExtendedErrorText, static_cast<std::size_t>(ExtendedError::kCount)>
    kExtendedErrorTexts = {{{0, ""},
                            {20, "in no zone of this server"},
                            {21, "opcode not supported"},
                            {21, "query type not supported"},
                            {21, "no transfers here"},
                            {21, "class not supported"},
                            {30, "type is no data"},
                            {14, "zone not loaded"},
                            {18, "not for this network"},
                            {24, "data not readable"}}};

}  // namespace holdfast::answer
