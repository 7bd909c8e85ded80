#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""build_test.py SOURCE_ROOT BUILD_ROOT SANITIZE - sources of users, built with the flags they get.

Each test compiles what lies in sources/ as `ntbox cc` and pkg-config would have it compiled, with
each compiler that is installed. With a sanitizer nothing is linked: the runtime wants its own flags.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE, BUILD, SANITIZE = sys.argv[1:4]
SDK = os.path.join(BUILD, "sdk")
SOURCES = os.path.join(SOURCE, "test", "sdk", "sources")
TOOLS = os.path.join(SOURCE, "tools")
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
C = [name for name in ("gcc", "clang-19", "clang") if shutil.which(name)]
CXX = [name for name in ("g++", "clang++-19", "clang++") if shutil.which(name)]


def run(*command, cwd=None, env=None):
    return subprocess.run(command, cwd=cwd, env=env, text=True, capture_output=True, check=False)


def flags(*wanted):
    """The flags of some sections of the file that `ntbox cc` reads."""
    section, found = "", []
    with open(os.path.join(SDK, "flags"), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#") and section in wanted:
                found.append(line.replace("@SDK@", SDK))
    return found


class Build(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def compile(self, compiler, name, *arguments):
        """Compiles sources/NAME without a warning; gives the object."""
        target = os.path.join(self.folder, name + ".o")
        language = "c++" if name.endswith(".cpp") else "c"
        side = "client" if name.startswith("client") else "driver"
        result = run(compiler, *flags("all", language, side), *WARNINGS, "-c", "-o", target,
                     *arguments, os.path.join(SOURCES, name))
        self.assertEqual((result.returncode, result.stderr), (0, ""), f"{compiler} {name}")
        return target

    def link(self, compiler, name, *arguments):
        target = os.path.join(self.folder, name)
        result = run(compiler, "-o", target, *arguments, "-L" + SDK, "-lntcrt",
                     "-Wl,-rpath," + SDK)
        self.assertEqual(result.returncode, 0, result.stderr)
        return target

    def need_link(self):
        if SANITIZE != "none":
            self.skipTest("built with a sanitizer")

    def test_c_driver(self):
        for compiler in C:
            for level in ("-O0", "-O2"):
                self.compile(compiler, "driver.c", level)
                self.compile(compiler, "driver.c", level, "-DDBG=1", "-std=c99")

    def test_driver_of_two_files_links(self):
        self.need_link()
        for compiler in C:
            objects = [self.compile(compiler, name) for name in ("driver.c", "second.c")]
            target = self.link(compiler, "driver.so", *flags("link-driver"), *objects)
            symbols = run("nm", "-D", target).stdout
            self.assertIn(" T DriverEntry\n", symbols)
            self.assertIn(" U ntcrt__vsnwprintf", symbols)
            self.assertNotIn(" T RtlStringCbPrintfW\n", symbols)
            for name in ("wcslen", "swprintf", "_vsnwprintf", "printf"):
                self.assertNotRegex(symbols, rf" U {name}\b")

    def test_headers_of_further_kinds_of_drivers(self):
        for compiler, name in [(c, "driver_headers.c") for c in C] + [
            (c, "driver_headers.cpp") for c in CXX
        ]:
            self.compile(compiler, name)
            self.compile(compiler, name, "-DUSE_AVL")

    def test_headers_of_libraries(self):
        for compiler, name in [(c, "driver_libraries.c") for c in C] + [
            (c, "driver_libraries.cpp") for c in CXX
        ]:
            self.compile(compiler, name, "-Wno-unused-parameter")

    def test_headers_of_libraries_with_the_package(self):
        """As on Windows: nothing of ntbox but these headers themselves."""
        found = 0
        for compiler, name in (("gcc", "driver_libraries.c"), ("g++", "driver_libraries.cpp")):
            compiler = "x86_64-w64-mingw32-" + compiler
            if not shutil.which(compiler):
                continue
            result = run(compiler, "-D_WIN32_WINNT=0x0a00", "-DNTDDI_VERSION=0x0a000000",
                         "-DNTBOX_PACKAGE", *WARNINGS, "-Wno-unused-parameter", "-fsyntax-only",
                         "-isystem", "/usr/share/mingw-w64/include/ddk", "-idirafter",
                         os.path.join(SOURCE, "sdk", "include"), os.path.join(SOURCES, name))
            self.assertEqual((result.returncode, result.stderr), (0, ""), compiler)
            found += 1
        if not found:
            self.skipTest("no compiler for Windows")

    def test_cxx_driver(self):
        for compiler in CXX:
            target = self.compile(compiler, "driver.cpp")
            self.assertIn(" T DriverEntry\n", run("nm", target).stdout)

    def test_client_with_wide_main(self):
        self.need_link()
        for compiler in C:
            for more in ([], ["-DUNICODE", "-D_UNICODE"]):
                target = self.link(compiler, "client", self.compile(compiler, "client.c", *more),
                                   os.path.join(SDK, "libntbox_main.a"))
                result = run(target, "g\u00e4")
                self.assertEqual(result.stdout, "2 g\u00e4|g\u00e4|4000000000|00222000|7|e0000001 1\n")
                self.assertEqual(result.returncode, 5)

    def test_cxx_client(self):
        self.need_link()
        for compiler in CXX:
            target = self.link(compiler, "client", self.compile(compiler, "client.cpp"))
            self.assertEqual(run(target).stdout, "plain! 6 0\n")

    def test_pkg_config(self):
        if not shutil.which("pkg-config"):
            self.skipTest("no pkg-config")
        environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(BUILD, "meson-uninstalled"))
        for side, name in (("driver", "driver.c"), ("client", "client.c")):
            words = run("pkg-config", "--cflags", f"ntbox-{side}", env=environment).stdout.split()
            result = run("gcc", *words, "-fsyntax-only", *WARNINGS, os.path.join(SOURCES, name))
            self.assertEqual((result.returncode, result.stderr), (0, ""), side)
            words = run("pkg-config", "--libs", f"ntbox-{side}", env=environment).stdout
            self.assertIn("-lntcrt", words)

    def test_a_wrong_layout_row_fails_the_build(self):
        table = os.path.join(self.folder, "layout.tsv")
        output = os.path.join(self.folder, "layout.c")
        for size, expected in ((208, 0), (207, 1)):
            with open(table, "w", encoding="utf-8") as file:
                file.write(f"IRP\t-\t{size}\tkernel\n")
            generator = os.path.join(TOOLS, "gen-layout.py")
            self.assertEqual(run(sys.executable, generator, table, "kernel", output).returncode, 0)
            result = run("gcc", *flags("all", "c"), "-fsyntax-only", output)
            self.assertEqual(result.returncode, expected, result.stderr)
            if expected:
                self.assertIn("layout.tsv:1: IRP", result.stderr)

    def check_try(self, text, name="source.c"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        result = run(sys.executable, os.path.join(TOOLS, "check-try.py"), path)
        found = [line.split(":", 1)[1] for line in result.stdout.splitlines()]
        self.assertEqual(result.returncode, 1 if found else 0, result.stderr)
        return found

    def test_check_try_finds_jumps(self):
        rows = [
            ("for (;;) { __try { break; } __except (1) { } }", ["1: break leaves a __try block"]),
            ("while (x) {\n__try { if (x) continue; } __finally { } }",
             ["2: continue leaves a __try block"]),
            ("__try { for (;;) break; do { continue; } while (0); } __finally { }", []),
            ("__try { switch (x) { case 1: break; default: continue; } } __except (1) { }",
             ["1: continue leaves a __try block"]),
            ("for (;;) { __try { } __except (1) { break; } }", []),
            ("__try { return 1; } __finally { return 2; }", ["1: return leaves a __finally block"]),
            ("for (;;) { __try { } __finally { break; } }", ["1: break leaves a __finally block"]),
            ("for (;;) { try { break; } except (1) { } }", ["1: break leaves a __try block"]),
            ("for (;;) { __try { __try { } __finally { } break; } __except (1) { } }",
             ["1: break leaves a __try block"]),
            ("/* __try { break; } */ // __try { break; }\nconst char *s = \"__try { break; }\";", []),
            ("\n#define OUT __try { break; \\\n }\nint a[] = { 1, 2 }; __try { int b[] = { 1 }; }"
             " __finally { }", []),
            ("__try { if (x) { } else break; } __except (1) { }",
             ["1: break leaves a __try block"]),
        ]
        for text, expected in rows:
            wanted = [line + "; not supported" for line in expected]
            self.assertEqual(self.check_try("int f(int x) { " + text + " return 0; }"), wanted, text)

    def test_check_try_leaves_cxx_exceptions_alone(self):
        text = "void f() { for (;;) { try { break; } catch (...) { } } }"
        self.assertEqual(self.check_try(text, "source.cpp"), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
