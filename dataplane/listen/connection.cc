// The deadline lists; see connection.h.
#include "dataplane/listen/connection.h"

namespace holdfast::listen {

void DeadlineList::Start(Connection& connection, std::uint64_t now_ns) noexcept {
  Remove(connection);
  DeadlineLink& link = connection.link[place_];
  link.since_ns = now_ns;
  link.before = last_;
  (last_ == nullptr ? first_ : last_->link[place_].after) = &connection;
  last_ = &connection;
}

void DeadlineList::Remove(Connection& connection) noexcept {
  DeadlineLink& link = connection.link[place_];
  if (link.before == nullptr && first_ != &connection) {
    return;  // in no list
  }
  (link.before == nullptr ? first_ : link.before->link[place_].after) = link.after;
  (link.after == nullptr ? last_ : link.after->link[place_].before) = link.before;
  link.before = nullptr;
  link.after = nullptr;
}

}  // namespace holdfast::listen
