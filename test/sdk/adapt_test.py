#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""adapt_test.py SOURCE_ROOT BUILD_ROOT SANITIZE - copies of sources that only Microsoft's compiler reads.

What adapt-sources.py writes, and that it compiles and does what Windows does.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE, BUILD, SANITIZE = sys.argv[1:4]
SDK = os.path.join(BUILD, "sdk")
ADAPTER = os.path.join(SOURCE, "tools", "adapt-sources.py")
COMPILERS = [name for name in ("gcc", "clang-19", "clang") if shutil.which(name)]


def run(*command, cwd=None):
    return subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False)


def flags(*wanted):
    section, found = "", []
    with open(os.path.join(SDK, "flags"), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#") and section in wanted:
                found.append(line.replace("@SDK@", SDK))
    return found


class Adapt(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def adapt(self, *names, folders=()):
        """What the adapter prints, as a dictionary."""
        more = [word for folder in folders for word in ("-I", folder)]
        result = run(sys.executable, ADAPTER, os.path.join(self.folder, "cache"), *more, *names,
                     cwd=self.folder)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return dict(line.split("\t") for line in result.stdout.splitlines())

    def adapted(self, text, name="source.c"):
        """The copy's text without its first line; None: there is no copy."""
        self.write(name, text)
        copy = self.adapt(name).get(name)
        if copy is None:
            return None
        with open(copy, encoding="utf-8") as file:
            first, rest = file.read().split("\n", 1)
        self.assertEqual(first, f'#line 1 "{name}"')
        return rest

    def test_rows(self):
        rows = [
            # A comma before __VA_ARGS__.
            ("#define P(f, ...) p(f, __VA_ARGS__)", "#define P(f, ...) p(f __VA_OPT__(,) __VA_ARGS__)"),
            ("#define P(f, ...) p(f, \\\n  __VA_ARGS__)",
             "#define P(f, ...) p(f __VA_OPT__(,) \\\n  __VA_ARGS__)"),
            ("#define P(f, ...) p(f, ##__VA_ARGS__)", None),
            ("#define P(f, ...) p(f, #__VA_ARGS__)", None),
            ("#define P(f, v...) p(f, v)", None),
            ("int a; // p(f, __VA_ARGS__)", None),
            # Types and numbers of 32 bits.
            ("unsigned long a; long int b; long long c; long double d; long *e;",
             "unsigned int a;  int b; long long c; long double d; int *e;"),
            ("typedef const unsigned long X; int longer; /* long */ char *s = \"long 1L\";",
             "typedef const unsigned int X; int longer; /* long */ char *s = \"long 1L\";"),
            ("#define A 0x80002000L\nint b = 1ul + 2LU + 3l;",
             "#define A 0x80002000\nint b = 1U + 2U + 3;"),
            ("long long a = 3i64 + 0x4UI64; int b = 5i32; short c = 6ui16;",
             "long long a = 3ll + 0x4Ull; int b = 5; short c = 6u;"),
            ("long long a = 1LL + 2ULL; float f = 1.0f; long double d = 1.0L; int c = L'l';",
             None),
            ("f(long a, long, long b);", "f(int a, int, int b);"),
            # What ## stands next to.
            ('#define P(f) p("a" ## f)', '#define P(f) p("a"  f)'),
            ('#define P(f) p(##f)', '#define P(f) p(f)'),
            ("#define P(a, b) a->##b", "#define P(a, b) a->b"),
            ("#define P(a, b) a##b L##\"x\" x##a", None),
            # The function's name as a string.
            ('#define P(f) p(__FUNCTION__ ": " f)', '#define P(f) p(__FILE_NAME__ ": " f)'),
            ('void f(void) { p("in " __FUNCTION__ "\\n"); }',
             'void f(void) { p("in " __FILE_NAME__ "\\n"); }'),
            ('void f(void) { p("%s", __FUNCTION__); }', None),
        ]
        for text, expected in rows:
            with self.subTest(text):
                self.assertEqual(self.adapted(text), expected)

    def test_what_includes_a_changed_file_is_changed(self):
        self.write("inc/macro.h", "#define P(f, ...) p(f, __VA_ARGS__)\n")
        self.write("inc/middle.h", '#include "Macro.H"\n')
        self.write("other.h", "int other;\n")
        self.write("a.c", '#include <middle.h>\n#include "other.h"\nint a;\n')
        self.write("b.c", '#include "other.h"\n')
        copies = self.adapt("a.c", "b.c", folders=[os.path.join(self.folder, "inc")])
        inc = os.path.join(self.folder, "inc")
        self.assertEqual(sorted(copies), [os.path.join(inc, "macro.h"),
                                          os.path.join(inc, "middle.h"), "a.c"])
        with open(copies["a.c"], encoding="utf-8") as file:
            text = file.read()
        self.assertIn("middle.h", text)
        self.assertNotIn("<middle.h>", text)
        self.assertIn(os.path.join(self.folder, "other.h"), text)

    PROGRAM = r"""
#include <windows.h>
#include <stdio.h>
#define P(f, ...) printf(f, __VA_ARGS__)
static int Find(int what)
{
    int i, found = 0;
    for (i = 0; i < 9; i++) {
        if (i == 7)
            __try {
                __try {
                    if (what == 0) break;
                    if (what == 1) continue;
                } __finally { found += 100; }
                found += 10;
            } __except (1) { }
        else
            found++;
    }
    return found * 10 + i;
}
int main(void)
{
    P("start ");
    P("%d %d %d ", Find(0), Find(1), Find(2));
    P("%d %d", (int)sizeof(long), 0xffffffffUL + 1 == 0);
    return 0;
}
"""

    def test_program(self):
        if SANITIZE != "none":
            self.skipTest("built with a sanitizer")
        self.write("program.c", self.PROGRAM)
        copy = self.adapt("program.c")["program.c"]
        for compiler in COMPILERS:
            target = os.path.join(self.folder, "program")
            result = run(compiler, *flags("all", "c", "client"), "-Wall", "-Werror", "-O0", "-o",
                         target, copy, "-L" + SDK, "-lntcrt", "-Wl,-rpath," + SDK,
                         cwd=self.folder)
            self.assertEqual((result.returncode, result.stderr), (0, ""), compiler)
            self.assertEqual(run(target).stdout, "start 1077 1089 1189 4 1")

    def test_messages_name_the_original(self):
        self.write("source.c", "long a;\n\nint b = c;\n")
        copy = self.adapt("source.c")["source.c"]
        result = run("gcc", *flags("all", "c", "driver"), "-fsyntax-only", copy, cwd=self.folder)
        self.assertIn("source.c:3:9: error", result.stderr)
        self.assertNotIn("cache", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
