// JSON as Value trees: the lists that `aws route53 list-...` prints, handed out item by item so
// that a large file is never held as a tree, and small documents whole. The only file that knows
// nlohmann is json.cc. Control core.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "control/config/value.h"
#include "control/model/findings.h"

namespace holdfast::control {

inline constexpr std::size_t kMaxJsonOctets = std::size_t{1} << 30;
inline constexpr int kMaxJsonDepth = 64;

/// Reads {"LIST": [item, ...]} and calls `on_item` for each item that is an object, in their order.
/// Faults become errors: syntax (with line and column), a NUL octet, a depth above kMaxJsonDepth, a
/// name given twice in one object, no LIST, other members than those of paging, a page that is not
/// the last.
/// @param file  only for messages.
/// Reading stops at the first syntax fault or after Findings::kKept errors.
void ReadJsonList(std::string_view text,
                  const std::string& file,
                  std::string_view list,
                  const std::function<void(const Value&)>& on_item,
                  Findings& findings);

/// Reads a whole document of any form. Faults become errors: syntax, depth and names given twice,
/// as above. @return nothing then.
std::optional<Value> ReadJsonDocument(std::string_view text,
                                      const std::string& file,
                                      Findings& findings);

}  // namespace holdfast::control
