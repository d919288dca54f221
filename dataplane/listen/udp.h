// DNS over a kernel UDP socket: bursts in, answers out, each from the address that was asked. One
// per listener thread; several threads may serve one socket.
#pragma once

#include <array>
#include <cstddef>
#include <netinet/in.h>
#include <sys/socket.h>

#include "dataplane/listen/responder.h"

namespace holdfast::listen {

/// The arrays of one burst. No allocation after construction.
class UdpBurst {
 public:
  UdpBurst() noexcept;
  UdpBurst(const UdpBurst&) = delete;
  UdpBurst& operator=(const UdpBurst&) = delete;

  /// Receives what waits, up to a burst, answers it and sends the replies. Never waits: a reply
  /// that does not fit into the send buffer is dropped and counted.
  /// @param fd  a prepared UDP listener (PrepareListener).
  /// @return datagrams received, 0..answer::kMaxBurst; less than kMaxBurst: the socket is empty.
  unsigned Serve(int fd, Responder& responder) noexcept;

 private:
  // Room for the destination address of either family and alignment.
  static constexpr std::size_t kControlOctets =
      CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(in_pktinfo));
  struct alignas(cmsghdr) Control {
    std::array<std::byte, kControlOctets> octets;
  };

  void PrepareReceive(Responder& responder) noexcept;
  bool MakeJob(unsigned message, unsigned job, Responder& responder) noexcept;
  void Send(int fd, unsigned jobs, Responder& responder) noexcept;

  std::array<mmsghdr, answer::kMaxBurst> in_{};
  std::array<mmsghdr, answer::kMaxBurst> out_{};
  std::array<iovec, answer::kMaxBurst> in_piece_{};
  std::array<iovec, answer::kMaxBurst> out_piece_{};
  std::array<sockaddr_in6, answer::kMaxBurst> client_{};  // large enough for IPv4 as well
  std::array<Control, answer::kMaxBurst> control_{};
  std::array<unsigned, answer::kMaxBurst> message_of_job_{};
};

}  // namespace holdfast::listen
