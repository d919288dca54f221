// Queries in the order in which they are sent, and with each what a right reply to it says; one
// cache line for an ordinary name, since the generator reads all of it for the first time whenever
// it sends. Made once; read by the generator's core.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/io/address.h"
#include "dataplane/io/classify.h"
#include "tools/querygen/questions.h"

namespace holdfast::querygen {

/// Between whom frames go. Both addresses of one family.
struct Ends {
  io::MacAddress from_mac{};
  io::MacAddress to_mac{};
  io::IpAddress from;
  io::IpAddress to;
};

/// One query. Behind it lie the address that is expected (address_octets) and the question.
struct Entry {
  std::uint16_t udp_sum;          // of the datagram, id and source port taken as zero; memory order
  std::uint16_t ip_checksum;      // IPv4, memory order
  std::uint16_t question_octets;  // name, type and class
  std::uint16_t rcodes;           // bit n: rcode n is right
  std::uint8_t least_answers;
  std::uint8_t most_answers;    // kAnyAnswers: not bounded
  std::uint8_t address_octets;  // 0: no address is known
  std::uint8_t reserved;

  [[nodiscard]] const std::byte* Address() const noexcept {
    return reinterpret_cast<const std::byte*>(this + 1);
  }
  [[nodiscard]] const std::byte* Question() const noexcept { return Address() + address_octets; }
};
static_assert(sizeof(Entry) == 12);

class Corpus {
 public:
  using QuestionOf = std::function<Question(std::size_t)>;
  static constexpr std::size_t kMaxEntries = std::size_t{1} << 20U;
  static constexpr std::size_t kChunk = 16;      // questions are copied in chunks
  static constexpr std::size_t kMaxHeader = 80;  // of a frame, a multiple of kChunk
  static constexpr std::size_t kDnsHeader = 12;

  /// Draws from `population` questions: each as often as any other as long as there are no more
  /// than kMaxEntries, else a uniform sample of so many, none of them twice.
  /// @return kInvalid when there is none, or the ends are of two families.
  static Result<Corpus> Create(std::size_t population,
                               const QuestionOf& question_of,
                               const Ends& ends);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool v6() const noexcept { return v6_; }
  /// @param number  below size(). Begins at a cache line.
  [[nodiscard]] const Entry& At(std::size_t number) const noexcept {
    return *reinterpret_cast<const Entry*>(octets_.get() + (number * stride_));
  }
  /// Octets from one entry to the next: a multiple of 64.
  [[nodiscard]] std::size_t stride() const noexcept { return stride_; }
  /// As many chunks hold any of the questions; they may be read behind each.
  [[nodiscard]] std::size_t chunks() const noexcept { return chunks_; }
  /// Of every frame, up to its question; lengths, ports, id and checksums are zero but port 53.
  [[nodiscard]] const std::byte* Header() const noexcept { return header_.data(); }
  /// Where UDP begins in every frame.
  [[nodiscard]] std::size_t udp_at() const noexcept { return udp_at_; }
  [[nodiscard]] std::size_t question_at() const noexcept {
    return udp_at_ + io::kUdpOctets + kDnsHeader;
  }

 private:
  struct Freed {
    void operator()(std::byte* octets) const noexcept;
  };
  void PutHeader(const Ends& ends);
  void Put(std::size_t number, const Question& question);

  std::array<std::byte, kMaxHeader> header_{};
  std::unique_ptr<std::byte, Freed> octets_;
  std::size_t size_ = 0;
  std::size_t stride_ = 0;
  std::size_t chunks_ = 0;
  std::size_t udp_at_ = 0;
  bool v6_ = false;
};

}  // namespace holdfast::querygen
