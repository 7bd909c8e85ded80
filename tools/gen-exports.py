#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen-exports.py - the edges of libntoskrnl.so, from spec/exports.tsv and the built components

    gen-exports.py --spec exports.tsv --readelf readelf --map MAP --stubs C --table C ARCHIVE...

MAP    linker version script: implemented exports and stubs are NTOSKRNL_1, the rest is local
stubs  a C function for each name of the spec that no archive defines
table  a sorted C table of implemented names and addresses, for MmGetSystemRoutineAddress

An archive's symbol is an export if its visibility is default and its name is not private to a
component. A name of the spec that is defined but hidden is an error: it would link as neither.
"""
import argparse
import csv
import re
import subprocess
import sys

VERSION = "NTOSKRNL_1"
PRIVATE = re.compile(
    r"^(Ki|Mi|Exp|Obp|Sep|Psp|Iop|Cmp|Ldrp|Rtlp|Halp|Kdp|Initp|Ntcrt|Sim)[A-Z]|^_")
# Called by inline functions of the DDK headers, through ntbox/intrinsics.h.
# Defined in the library itself, for the carrier (src/init/entry.c).
ENTRIES = ["NtboxKernelEntry", "NtboxKernelExit"]
ALLOWED = {"KiReadCr8", "KiWriteCr8", "KiReadGsQword"}
# Defined beside the archives, in src/init/entry.c.
ENTRY = ["NtboxKernelEntry", "NtboxKernelExit"]
SYMBOL = re.compile(
    r"^\s*\d+:\s+[0-9a-fA-F]+\s+\S+\s+(?P<type>\w+)\s+(?P<bind>GLOBAL|WEAK)\s+"
    r"(?P<visibility>\w+)\s+(?P<section>\w+)\s+(?P<name>[A-Za-z_]\w*)")


def defined_symbols(readelf, archives):
    """name -> (is function, is visible) of all global definitions in the archives."""
    found = {}
    text = subprocess.run([readelf, "--wide", "--syms", *archives], check=True,
                          stdout=subprocess.PIPE, universal_newlines=True).stdout
    for line in text.splitlines():
        match = SYMBOL.match(line)
        if match and match["section"] != "UND":
            found[match["name"]] = (match["type"] in ("FUNC", "IFUNC"),
                                    match["visibility"] in ("DEFAULT", "PROTECTED"))
    return found


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser()
    for option in ("spec", "readelf", "map", "stubs", "table"):
        parser.add_argument("--" + option, required=True)
    parser.add_argument("archives", nargs="+")
    options = parser.parse_args()

    with open(options.spec, encoding="ascii", newline="") as file:
        spec = {row["name"]: row for row in csv.DictReader(file, delimiter="\t")}
    symbols = defined_symbols(options.readelf, options.archives)

    hidden = sorted(name for name in spec if name in symbols and not symbols[name][1])
    if hidden:
        sys.exit("defined, but hidden; put them between #pragma GCC visibility push(default) and "
                 "pop:\n  " + "\n  ".join(hidden))
    exported = sorted(name for name, (_, visible) in symbols.items()
                      if visible and (name in ALLOWED or name in spec or not PRIVATE.match(name)))
    stubs = sorted(name for name in spec if name not in symbols)

    write(options.map, VERSION + " {\nglobal:\n" +
          "".join(f"    {name};\n" for name in sorted(exported + stubs + ENTRIES)) + "local:\n    *;\n};\n")

    write(options.stubs,
          "/* Made by tools/gen-exports.py: exports of Windows that are not implemented. */\n"
          "__attribute__((noreturn)) void KiUnimplementedExport(const char *Name);\n"
          "#define STUB(name) \\\n"
          "    __attribute__((visibility(\"default\"), noreturn)) void name(void); \\\n"
          "    void name(void) \\\n"
          "    { \\\n"
          "        KiUnimplementedExport(#name); \\\n"
          "    }\n" + "".join(f"STUB({name})\n" for name in stubs))

    # What the sdk's inline functions call is linked, but is no routine that Windows would find.
    found = [name for name in exported if name not in ALLOWED]
    write(options.table,
          "/* Made by tools/gen-exports.py: the implemented exports, sorted by name. */\n"
          "struct export { const char *Name; void *Address; };\n" +
          "".join(f"extern char {name}[];\n" for name in found) +
          "const struct export NtboxExports[] = {\n" +
          "".join(f"    {{\"{name}\", {name}}},\n" for name in found) +
          "};\nconst unsigned NtboxExportCount = sizeof(NtboxExports) / sizeof(NtboxExports[0]);\n")

    implemented = sum(name in symbols for name in spec)
    print(f"exports: {implemented} of {len(spec)} implemented, {len(stubs)} stubs, "
          f"{len(exported) - implemented} beyond the list")


if __name__ == "__main__":
    main()
