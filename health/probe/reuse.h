// What a probe leaves to the next one of the same target, where its check allows that: a connection
// that stays open, a TLS session to resume. On the health loop's thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "health/check.h"
#include "health/probe/descriptor.h"
#include "health/probe/tls.h"

namespace holdfast::health {

struct KeptConnection {
  Descriptor descriptor;
  std::unique_ptr<TlsSession> tls;           // null: plain
  std::shared_ptr<const std::size_t> place;  // see ProbeLoop::most_kept
};

struct Reuse {
  std::string session;  // as TlsSession::TakeSession gives it; empty: none
  std::optional<KeptConnection> connection;
};

/// Whether probes of `check` leave anything.
inline bool LeavesSomething(const CheckConfig& check) noexcept {
  return check.keep_alive || (UsesTls(check.type) && check.tls_resume);
}

}  // namespace holdfast::health
