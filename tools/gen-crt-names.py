#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen-crt-names.py SPEC OUTPUT [--table] - every C runtime function that is not a stub, in C

A program that compiles and links if the sdk's headers declare, and libntcrt or the host's library
has, each function of spec/exports.tsv's component crt that the table calls full or partial.
--table  their names and addresses, sorted by name, for MmGetSystemRoutineAddress (src/ldr)
"""
import sys

sys.dont_write_bytecode = True
import exportspec  # noqa: E402

HEADERS = ["ctype.h", "setjmp.h", "stdio.h", "stdlib.h", "string.h", "wchar.h", "wctype.h"]


# The kernel's swprintf takes no size. A pointer to setjmp would note no __try block for longjmp.
OTHER = {"swprintf": "_swprintf"}
ONLY_CALLED = {"_setjmp"}


def write_table(names, output):
    with open(output, "w", encoding="ascii") as file:
        file.write("/* Made by tools/gen-crt-names.py from spec/exports.tsv. */\n"
                   '#include "ldr/ldrp.h"\n')
        file.writelines(f"#include <{name}>\n" for name in HEADERS)
        file.write("const LDRP_EXPORT LdrpRuntime[] = {\n")
        file.writelines(f'    {{"{name}", (void *)({OTHER.get(name, name)})}},\n'
                        for name in sorted(names) if name not in ONLY_CALLED)
        file.write("};\nconst ULONG LdrpRuntimeCount = "
                   "sizeof(LdrpRuntime) / sizeof(LdrpRuntime[0]);\n")


def main(spec, output, *options):
    names = [name for name, row in exportspec.read(spec).items()
             if row["component"] == "crt" and row["status"] != "stub"]
    if options == ("--table",):
        write_table(names, output)
        return
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
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["--table"]):
        sys.exit(__doc__)
    main(*sys.argv[1:])
