// Gives up what the process does not need once it runs. Cold, main thread, before other threads
// start.
#pragma once

#include <string>
#include <sys/types.h>

#include "dataplane/base/result.h"

namespace holdfast::listen {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// A user that a process without rights can be.
/// @return kNotFound when there is none of this name, kInvalid when it is root.
Result<User> FindUser(const std::string& name);

/// Becomes `user` (name; its group, no supplementary groups) when started as root and `user` is not
/// empty; gives up all capabilities; new ones can never be had again (no_new_privs). Started
/// without root, `user` must be empty or the user it runs as. A signal that the parent's death was
/// to send is sent still. Files of /proc stay root's: no other process of that user may trace it.
/// @return kNotFound when there is no such user, kInvalid when it is root or cannot be become
/// without being root, kIo when the kernel refuses.
Status DropRights(const std::string& user);

}  // namespace holdfast::listen
