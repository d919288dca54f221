// Exact shares of answers: fractions of any size. Shares multiply along alias trees beyond what 64
// bits hold, and explain promises them exactly. Cold: explain alone uses them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

struct bignum_st;

namespace holdfast::control {

/// A fraction in lowest terms, 0 or more.
class Share {
 public:
  Share() : Share(0, 1) {}
  /// @param denominator  not 0.
  Share(std::uint64_t numerator, std::uint64_t denominator);
  Share(const Share& other);
  Share& operator=(const Share& other);
  Share(Share&&) noexcept = default;
  Share& operator=(Share&&) noexcept = default;
  ~Share() = default;

  Share& operator+=(const Share& other);
  Share& operator*=(const Share& other);
  bool operator==(const Share& other) const;

  /// "3/8", "1" for the whole.
  [[nodiscard]] std::string Text() const;
  /// Nearest double, for people.
  [[nodiscard]] double Value() const;

 private:
  struct Free {
    void operator()(bignum_st* number) const noexcept;
  };
  using Number = std::unique_ptr<bignum_st, Free>;
  static Number Make(std::uint64_t value);
  void Reduce();

  Number numerator_;
  Number denominator_;
};

}  // namespace holdfast::control
