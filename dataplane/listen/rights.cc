// User, capabilities, no_new_privs; see rights.h.
#include "dataplane/listen/rights.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

namespace holdfast::listen {

namespace {

Status System(const char* what) {
  return Fail(ErrorCode::kIo,
              std::string("cannot give up rights: ") + what + ": " + std::strerror(errno));
}

Status Become(const std::string& name) {
  const auto user = FindUser(name);
  if (!user) {
    return std::unexpected(user.error());
  }
  if (geteuid() != 0) {
    return user->uid == geteuid()
               ? Status{}
               : Fail(ErrorCode::kInvalid,
                      "user '" + name + "': started as user id " + std::to_string(geteuid()) +
                          "; expected root or that user");
  }
  // The kernel forgets the signal of a parent's death with the user.
  int death_signal = 0;
  const pid_t parent = getppid();
  if (prctl(PR_GET_PDEATHSIG, &death_signal) != 0) {
    return System("PR_GET_PDEATHSIG");
  }
  if (setgroups(0, nullptr) != 0) {
    return System("setgroups");
  }
  if (setresgid(user->gid, user->gid, user->gid) != 0) {
    return System("setresgid");
  }
  if (setresuid(user->uid, user->uid, user->uid) != 0) {
    return System("setresuid");
  }
  if (prctl(PR_SET_PDEATHSIG, death_signal) != 0) {
    return System("PR_SET_PDEATHSIG");
  }
  if (death_signal != 0 && getppid() != parent) {  // it died in between
    raise(death_signal);
  }
  return {};
}

}  // namespace

Result<User> FindUser(const std::string& name) {
  const passwd* entry = getpwnam(name.c_str());
  if (entry == nullptr) {
    return Fail(ErrorCode::kNotFound,
                "user '" + name + "': there is no such user; `adduser --system --group " + name +
                    "` makes it");
  }
  if (entry->pw_uid == 0) {
    return Fail(ErrorCode::kInvalid, "user '" + name + "': expected another one than root");
  }
  return User{.uid = entry->pw_uid, .gid = entry->pw_gid};
}

Status DropRights(const std::string& user) {
  if (!user.empty()) {
    HF_TRY(Become(user));
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, 2> none{};
  if (syscall(SYS_capset, &header, none.data()) != 0) {
    return System("capset");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return System("no_new_privs");
  }
  return {};
}

}  // namespace holdfast::listen
