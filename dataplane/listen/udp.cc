// recvmmsg, answer, sendmmsg; see udp.h.
#include "dataplane/listen/udp.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>

#include "dataplane/listen/client.h"
#include "dataplane/wire/ports.h"

namespace holdfast::listen {

namespace {

// Leaves in `message` nothing but the source address of the reply: the address that was asked.
// The kernel writes it when it receives and reads it when it sends, in the same form; the interface
// is left to the routes (0), since the way back need not be the way the query came.
bool KeepSource(msghdr& message) noexcept {
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(at), sizeof(info));
      info.ipi6_ifindex = 0;
      cmsghdr* first = CMSG_FIRSTHDR(&message);
      first->cmsg_level = IPPROTO_IPV6;
      first->cmsg_type = IPV6_PKTINFO;
      first->cmsg_len = CMSG_LEN(sizeof(info));
      std::memcpy(CMSG_DATA(first), &info, sizeof(info));
      message.msg_controllen = CMSG_SPACE(sizeof(info));
      return true;
    }
    if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(at), sizeof(info));
      info.ipi_ifindex = 0;
      if (info.ipi_spec_dst.s_addr == 0) {
        info.ipi_spec_dst = info.ipi_addr;  // it came before the socket was prepared
      }
      cmsghdr* first = CMSG_FIRSTHDR(&message);
      first->cmsg_level = IPPROTO_IP;
      first->cmsg_type = IP_PKTINFO;
      first->cmsg_len = CMSG_LEN(sizeof(info));
      std::memcpy(CMSG_DATA(first), &info, sizeof(info));
      message.msg_controllen = CMSG_SPACE(sizeof(info));
      return true;
    }
  }
  return false;
}

}  // namespace

UdpBurst::UdpBurst() noexcept {
  for (unsigned i = 0; i < answer::kMaxBurst; ++i) {
    msghdr& message = in_[i].msg_hdr;
    message.msg_name = &client_[i];
    message.msg_iov = &in_piece_[i];
    message.msg_iovlen = 1;
    message.msg_control = control_[i].octets.data();
  }
}

void UdpBurst::PrepareReceive(Responder& responder) noexcept {
  for (unsigned i = 0; i < answer::kMaxBurst; ++i) {
    in_piece_[i] = {.iov_base = responder.Buffer(i), .iov_len = Responder::kBufferOctets};
    in_[i].msg_hdr.msg_namelen = sizeof(client_[i]);
    in_[i].msg_hdr.msg_controllen = kControlOctets;
    in_[i].msg_hdr.msg_flags = 0;
  }
}

unsigned UdpBurst::Serve(int fd, Responder& responder) noexcept {
  PrepareReceive(responder);
  const int got = recvmmsg(fd, in_.data(), answer::kMaxBurst, MSG_DONTWAIT, nullptr);
  if (got <= 0) {
    if (got < 0 && errno != EAGAIN && errno != EINTR) {
      responder.Count(Counter::kUdpReceiveFailed);
    }
    return 0;
  }
  const auto received = static_cast<unsigned>(got);
  responder.Count(Counter::kUdpReceived, received);
  unsigned jobs = 0;
  for (unsigned i = 0; i < received; ++i) {
    if (MakeJob(i, jobs, responder)) {
      ++jobs;
    }
  }
  if (jobs != 0) {
    responder.Answer(jobs);
    Send(fd, jobs, responder);
  }
  return received;
}

bool UdpBurst::MakeJob(unsigned message, unsigned job, Responder& responder) noexcept {
  // sin_port and sin6_port stand at the same place.
  if (wire::IsUnanswerablePort(ntohs(client_[message].sin6_port))) {
    responder.Count(Counter::kUdpSourcePort);
    return false;
  }
  if ((in_[message].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
    responder.Count(Counter::kUdpCut);
    return false;
  }
  if (!KeepSource(in_[message].msg_hdr)) {
    // A reply could leave from an address that was not asked.
    responder.Count(Counter::kUdpNoDestination);
    return false;
  }
  const ClientAddress client = ClientOf(client_[message]);
  responder.JobAt(job) = {.message = responder.Buffer(message),
                          .query_octets = in_[message].msg_len,
                          .room_octets = Responder::kBufferOctets,
                          .transport = answer::Transport::kUdp,
                          .client_is_v6 = client.is_v6,
                          .client = client.octets};
  message_of_job_[job] = message;
  return true;
}

void UdpBurst::Send(int fd, unsigned jobs, Responder& responder) noexcept {
  unsigned replies = 0;
  for (unsigned i = 0; i < jobs; ++i) {
    const answer::Job& job = responder.JobAt(i);
    if (job.outcome != answer::Outcome::kReply) {
      continue;
    }
    out_piece_[replies] = {.iov_base = job.message, .iov_len = job.reply_octets};
    out_[replies].msg_hdr = in_[message_of_job_[i]].msg_hdr;
    out_[replies].msg_hdr.msg_iov = &out_piece_[replies];
    ++replies;
  }
  unsigned done = 0;
  while (done < replies) {
    const int sent = sendmmsg(fd, &out_[done], replies - done, MSG_DONTWAIT);
    if (sent > 0) {
      responder.Count(Counter::kUdpSent, static_cast<unsigned>(sent));
      done += static_cast<unsigned>(sent);
      continue;
    }
    if (errno == EINTR) {
      continue;
    }
    if (errno == EAGAIN || errno == ENOBUFS) {
      responder.Count(Counter::kUdpSendFull, replies - done);
      return;
    }
    // The first one was refused, the others may still go.
    responder.Count(Counter::kUdpSendFailed);
    ++done;
  }
}

}  // namespace holdfast::listen
