"""The hot symbol lint itself: a real object with a planted call is refused, a clean one passes."""

import subprocess

import hot_symbols
import pytest


def build(folder, code, *options):
    """Compiles `code` into a static library as hot rooms are compiled, and returns its path."""
    source, built, library = folder / "hot.cc", folder / "hot.o", folder / "libhot.a"
    source.write_text(code)
    subprocess.run(["c++", "-std=c++20", "-O2", *options, "-c", source, "-o", built], check=True)
    subprocess.run(["ar", "rcs", library, built], check=True)
    return str(library)


HOT = ("-fno-exceptions", "-fno-rtti")


def test_memory_functions_and_arithmetic_are_fine(tmp_path):
    library = build(tmp_path, """
        #include <cstring>
        extern int Other(const void*);
        int Copy(void* to, const void* from, unsigned long n) {
          std::memcpy(to, from, n);
          return std::memcmp(to, from, n) + Other(to);
        }""", *HOT)
    assert hot_symbols.check_library(library) == []


@pytest.mark.parametrize("code, symbol", [
    ("#include <cstdlib>\nvoid* F(unsigned n) { return std::malloc(n); }", "malloc"),
    ("#include <cstdlib>\nvoid F(void* p) { std::free(p); }", "free"),
    ("int* F(unsigned n) { return new int[n]; }", "operator new[]"),
    ("void F(int* p) { delete p; }", "operator delete"),
    ("#include <string>\nint F(std::string s) { return (int)(s + s).size(); }", "operator new"),
    ("#include <pthread.h>\nint F(pthread_mutex_t* m) { return pthread_mutex_lock(m); }",
     "pthread_mutex_lock"),
    ("#include <vector>\nint F(std::vector<int>& v) { return v.at(3); }", "__throw_out_of_range"),
    ("extern int G();\nint F() { static int once = G(); return once; }", "__cxa_guard_acquire"),
    ("struct S { ~S(); };\nS s;", "__cxa_atexit"),
    ("#include <cstdio>\nvoid F() { std::printf(\"%d\", 1); }", "printf"),
    ("#include <unistd.h>\nlong F(int fd, char* b) { return read(fd, b, 9); }", "read"),
    ("#include <time.h>\nint F(timespec* t) { return clock_gettime(CLOCK_REALTIME, t); }",
     "clock_gettime"),
])
def test_a_planted_call_is_named_with_its_object(tmp_path, code, symbol):
    complaints = hot_symbols.check_library(build(tmp_path, code, *HOT))
    assert complaints
    assert any(symbol in complaint for complaint in complaints)
    assert all("hot.o" in complaint for complaint in complaints)


def test_code_that_throws_is_refused(tmp_path):
    complaints = hot_symbols.check_library(build(tmp_path, "void F() { throw 1; }"))
    assert any("__cxa_throw" in complaint for complaint in complaints)


@pytest.mark.parametrize("name, content", [("no.a", None), ("text.a", b"not an archive"),
                                           ("empty.a", b"!<arch>\n")])
def test_what_is_no_library_is_refused(tmp_path, name, content, capsys):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert hot_symbols.main([str(path)]) == 1
    assert name in capsys.readouterr().out


def test_the_command_needs_a_library_and_fails_on_any_bad_one(tmp_path):
    assert hot_symbols.main([]) == 2
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    good = build(tmp_path / "good", "int F(int a) { return a * a; }", *HOT)
    bad = build(tmp_path / "bad", "int* F() { return new int; }", *HOT)
    assert hot_symbols.main([good]) == 0
    assert hot_symbols.main([good, bad]) == 1
