// What the rules for a check's settings share, for their own files: check.cc (what every check has,
// and the order), http.cc (requests and what is expected of responses), native.cc (the types that
// are Holdfast's own, and TLS). See ValidateCheck in health/check.h.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "health/check.h"

namespace holdfast::health {

inline constexpr std::size_t kMaxTextOctets = 255;

/// What may stand in a request line or a Host header without ending it.
bool IsGraphic(std::string_view text);

/// A value of outside hands, fit for a message.
std::string Shown(std::string_view text);

/// Words a refusal: the check, the field, its value, what was expected.
class Refusal {
 public:
  explicit Refusal(const CheckConfig& check) : check_(check) {}
  [[nodiscard]] Status operator()(const char* field,
                                  const std::string& value,
                                  const char* expected) const;

 private:
  const CheckConfig& check_;
};

/// Path, search string and keep-alive; then method, headers, statuses and regular expression.
Status ValidateHttp(const CheckConfig& check, const Refusal& refuse);

/// The settings of the check's own type, and those of TLS where HTTPS has them.
Status ValidateNative(const CheckConfig& check, const Refusal& refuse);

}  // namespace holdfast::health
