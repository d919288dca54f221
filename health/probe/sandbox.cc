// A list of what is refused, not of what is permitted: a check may be any program. What it names is
// what could reach other processes, the kernel's settings or other namespaces, or leave the process
// group that is killed at the end.
#include "health/probe/sandbox.h"

#include <array>
#include <cerrno>
#include <memory>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/sched.h>

namespace holdfast::health {

namespace {

constexpr std::array kRefused{
    SCMP_SYS(setsid),
    SCMP_SYS(setpgid),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(open_tree),
    SCMP_SYS(move_mount),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(reboot),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(acct),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(quotactl),
};

constexpr scmp_datum_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                        CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

struct Release {
  void operator()(void* context) const noexcept { seccomp_release(context); }
};

bool AddRules(scmp_filter_ctx context) {
  for (const int call : kRefused) {
    if (seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), call, 0) != 0) {
      return false;
    }
  }
  for (scmp_datum_t bit = 1; bit <= kNewNamespaces; bit <<= 1U) {
    const scmp_arg_cmp asks_for_it{
        .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = bit, .datum_b = bit};
    if ((kNewNamespaces & bit) != 0 &&
        seccomp_rule_add_array(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, &asks_for_it) !=
            0) {
      return false;
    }
  }
  // Its flags lie in memory, out of a filter's sight; libraries fall back to clone.
  return seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

// libseccomp 2.5 gives a program to a descriptor only.
std::vector<sock_filter> Export(scmp_filter_ctx context) {
  std::vector<sock_filter> filter;
  const int fd = memfd_create("sandbox", MFD_CLOEXEC);
  if (fd < 0) {
    return filter;
  }
  if (seccomp_export_bpf(context, fd) == 0) {
    const off_t octets = lseek(fd, 0, SEEK_END);
    filter.resize(static_cast<std::size_t>(octets) / sizeof(sock_filter));
    if (pread(fd, filter.data(), static_cast<std::size_t>(octets), 0) != octets) {
      filter.clear();
    }
  }
  close(fd);
  return filter;
}

Result<std::vector<sock_filter>> Build() {
  const std::unique_ptr<void, Release> context(seccomp_init(SCMP_ACT_ALLOW));
  std::vector<sock_filter> filter;
  if (context != nullptr && AddRules(context.get())) {
    filter = Export(context.get());
  }
  if (filter.empty()) {
    return Fail(ErrorCode::kUnavailable, "health: libseccomp makes no filter for EXEC checks");
  }
  return filter;
}

}  // namespace

const Result<std::vector<sock_filter>>& SandboxFilter() {
  static const Result<std::vector<sock_filter>> kFilter = Build();
  return kFilter;
}

}  // namespace holdfast::health
