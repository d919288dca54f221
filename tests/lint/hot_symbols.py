#!/usr/bin/python3
"""Refuses what the packet path must not call: allocation, exceptions, locks, waiting, printing.

Run by meson (suite lint) with the static libraries of the hot rooms. It reads the symbols that each
object leaves undefined (`nm -u`), mangled, so that no demangler's wording matters.
"""

import re
import subprocess
import sys

# What is refused: a word for the message, and the mangled symbols.
FORBIDDEN = (
    ("allocates memory", re.compile(
        r"(malloc|calloc|realloc|reallocarray|free|posix_memalign|aligned_alloc|memalign|strdup"
        r"|strndup|asprintf|vasprintf|mmap|munmap|brk|sbrk)$|_Zn[wa]|_Zd[la]")),
    ("needs exceptions, guards or run-time types", re.compile(
        r"__cxa_|__gxx_personality|_Unwind_|__dynamic_cast|_ZTIN?|_ZTVN10__cxxabiv1"
        r"|_ZSt\d+__throw_|_ZSt9terminatev")),
    ("takes a lock or waits", re.compile(
        r"pthread_(mutex|cond|rwlock|spin|barrier|once|join)|sem_(wait|timedwait|post)"
        r"|(nano|u|clock_nano)?sleep$|sched_yield$|poll$|ppoll$|select$|epoll_|futex"
        r"|_ZNSt\d+(mutex|condition_variable|shared_mutex)")),
    ("calls the kernel", re.compile(
        r"(open|openat|close|read|write|pread|pwrite|readv|writev|ioctl|recv|send|recvfrom|sendto"
        r"|recvmsg|sendmsg|recvmmsg|sendmmsg|syscall|getrandom|clock_gettime|gettimeofday|time)"
        r"(64)?$")),
    ("prints or logs", re.compile(
        r"(v|f|vf|d|vd)?printf$|__(v|f|vf)?printf_chk$|f?puts$|f?putc(har)?$|fwrite$|fflush$"
        r"|perror$|v?syslog$|_ZSt4(cout|cerr|clog)|_ZNSo")),
)


def undefined_symbols(library):
    """Yields (object, symbol); raises RuntimeError when nm cannot read the library."""
    run = subprocess.run(["nm", "-A", "-u", library], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"{library}: nm failed: {run.stderr.strip()}")
    for line in run.stdout.splitlines():
        place, _, symbol = line.rpartition(" ")
        # "lib.a:object.o:      U symbol"; weak references (w) count as well.
        yield place.split(": ")[0].split(":")[-1].strip(), symbol.split("@")[0]


def objects_in(library):
    run = subprocess.run(["ar", "t", library], capture_output=True, text=True, check=False)
    return run.stdout.split() if run.returncode == 0 else []


def demangle(symbol):
    run = subprocess.run(["c++filt", symbol], capture_output=True, text=True, check=False)
    return run.stdout.strip() or symbol


def check_library(library):
    """Returns the complaints on one static library, one for each object and symbol."""
    if not objects_in(library):
        return [f"{library}: is no static library with objects in it"]
    complaints = []
    for where, symbol in undefined_symbols(library):
        for why, pattern in FORBIDDEN:
            if pattern.match(symbol):
                complaints.append(f"{library}: {where} {why}: {demangle(symbol)} ({symbol})")
                break
    return complaints


def main(arguments):
    if not arguments:
        print("usage: hot_symbols.py LIBRARY.a...", file=sys.stderr)
        return 2
    complaints = []
    for library in arguments:
        try:
            complaints += check_library(library)
        except RuntimeError as error:
            complaints.append(str(error))
    for complaint in complaints:
        print(complaint)
    print(f"hot symbols: {len(arguments)} libraries, {len(complaints)} forbidden references")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
