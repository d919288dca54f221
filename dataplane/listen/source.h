// What an epoll event leads to: the first member of everything that a listener thread waits for.
#pragma once

#include <cstdint>

namespace holdfast::listen {

enum class SourceKind : std::uint8_t { kStop, kUdp, kTcpListener, kConnection };

struct Source {
  int fd = -1;
  SourceKind kind = SourceKind::kStop;
};

}  // namespace holdfast::listen
