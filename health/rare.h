// A group of settings that few checks have. What has none takes eight octets, since there may be a
// hundred thousand checks.
#pragma once

#include <memory>
#include <utility>

namespace holdfast::health {

/// A value of T that is kept elsewhere unless it equals T{}; copied, assigned and compared like a
/// T.
template <typename T>
class Rare {
 public:
  Rare() noexcept = default;
  // As a T is made from its members: {.name = value}.
  Rare(T value) {  // NOLINT(google-explicit-constructor)
    if (!(value == T{})) {
      value_ = std::make_unique<const T>(std::move(value));
    }
  }
  Rare(const Rare& other)
      : value_(other.value_ == nullptr ? nullptr : std::make_unique<const T>(*other.value_)) {}
  Rare(Rare&&) noexcept = default;
  Rare& operator=(const Rare& other) {
    return *this = Rare(other);  // NOLINT(misc-unconventional-assign-operator)
  }
  Rare& operator=(Rare&&) noexcept = default;
  ~Rare() = default;

  /// Whether it differs from T{}.
  explicit operator bool() const noexcept { return value_ != nullptr; }
  const T& operator*() const noexcept {
    static const T kUsual{};
    return value_ == nullptr ? kUsual : *value_;
  }
  const T* operator->() const noexcept { return &**this; }

  bool operator==(const Rare& other) const { return **this == *other; }

 private:
  std::unique_ptr<const T> value_;
};

}  // namespace holdfast::health
