// Sockets that leave from where a check's Origin says: in another network namespace, by one
// interface, from one source address. Whatever our own side lacks for that says nothing of the
// endpoint, so it has words of its own. Health loop.
#pragma once

#include <functional>
#include <string>

#include "health/origin.h"

namespace holdfast::health {

struct OriginSocket {
  int fd = -1;          // -1: there is none
  int error = 0;        // errno of `open`, when it is what failed
  std::string problem;  // a sentence that names the setting and its value, when that is what failed
};

/// Makes a socket and binds it. The calling thread enters the namespace for as long as `open` runs
/// and is back in its own before this returns; the process ends where it cannot be, since
/// everything behind would go on in the wrong network.
/// @param open  makes a socket of the target's family, not bound: a descriptor, or -1 with errno.
OriginSocket OpenFrom(const Origin& origin, const std::function<int()>& open);

}  // namespace holdfast::health
