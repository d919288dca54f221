// User, capabilities, no_new_privs; see rights.h.
#include "dataplane/listen/rights.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

namespace holdfast::listen {

namespace {

Status System(const char* what) {
  return Fail(ErrorCode::kIo,
              std::string("cannot give up rights: ") + what + ": " + std::strerror(errno));
}

Status Become(const std::string& user) {
  errno = 0;
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) {
    return Fail(
        ErrorCode::kNotFound,
        "--user " + user + ": there is no such user; `adduser --system " + user + "` makes it");
  }
  const uid_t uid = entry->pw_uid;
  const gid_t gid = entry->pw_gid;
  if (geteuid() != 0) {
    return uid == geteuid() ? Status{}
                            : Fail(ErrorCode::kInvalid,
                                   "--user " + user + ": started as user id " +
                                       std::to_string(geteuid()) + "; expected root or that user");
  }
  if (uid == 0) {
    return Fail(ErrorCode::kInvalid, "--user " + user + ": expected a user other than root");
  }
  if (setgroups(0, nullptr) != 0) {
    return System("setgroups");
  }
  if (setresgid(gid, gid, gid) != 0) {
    return System("setresgid");
  }
  if (setresuid(uid, uid, uid) != 0) {
    return System("setresuid");
  }
  return {};
}

}  // namespace

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

unsigned long RaiseDescriptorLimit() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return 1024;
  }
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

}  // namespace holdfast::listen
