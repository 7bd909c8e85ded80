#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen-crt-names.py SPEC OUTPUT - a C program with every C runtime function that is not a stub

It compiles and links if the sdk's headers declare, and libntcrt or the host's library has, each
function of spec/exports.tsv's component crt that the table calls full or partial.
"""
import sys

sys.dont_write_bytecode = True
import exportspec  # noqa: E402

HEADERS = ["ctype.h", "setjmp.h", "stdio.h", "stdlib.h", "string.h", "wchar.h", "wctype.h"]


def main(spec, output):
    names = [name for name, row in exportspec.read(spec).items()
             if row["component"] == "crt" and row["status"] != "stub"]
    with open(output, "w", encoding="ascii") as file:
        file.write("/* Made by tools/gen-crt-names.py from spec/exports.tsv. */\n")
        file.writelines(f"#include <{name}>\n" for name in HEADERS)
        file.write("void *volatile CrtFunctions[] = {\n")
        file.writelines(f"    (void *)({name}),\n" for name in names)
        file.write("};\n\nint\nmain(void)\n{\n    unsigned i = 0;\n\n"
                   "    while (i < sizeof(CrtFunctions) / sizeof(CrtFunctions[0]) && "
                   "CrtFunctions[i] != 0) {\n        ++i;\n    }\n"
                   "    return i != sizeof(CrtFunctions) / sizeof(CrtFunctions[0]);\n}\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
