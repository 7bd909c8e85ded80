#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen-exports.py - the edges of libntoskrnl.so, from spec/exports.tsv and the built components

    gen-exports.py --spec TSV --source SRC --readelf readelf --map MAP --stubs C --table C ARCHIVE...

MAP    linker version script: implemented exports and stubs are NTOSKRNL_1, the rest is local
stubs  a C function for each function of the spec that no archive defines
table  a sorted C table of implemented names and addresses, for MmGetSystemRoutineAddress

An archive's symbol is an export if its visibility is default and its name is not private to a
component. The spec and the archives must agree: see problems_of. Rows of the C runtime are not
ours to export (libntcrt and the host's libc have them), and missing data is no stub: a driver
would read the code of a function as its value. Loading a driver that wants either is refused.
"""
import argparse
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import exportspec  # noqa: E402

VERSION = "NTOSKRNL_1"
PRIVATE = re.compile(
    r"^(Ki|Mi|Exp|Obp|Sep|Psp|Iop|Cmp|Ldrp|Rtlp|Halp|Kdp|Initp|Ntcrt|Sim)[A-Z]|^_")
# ntbox's own, which need no row.
OWN = re.compile(r"^Ntbox[A-Z]")
# Called by inline functions of the DDK headers, through ntbox/intrinsics.h.
ALLOWED = {"KiReadCr8", "KiWriteCr8", "KiReadGsQword"}
# Defined in the library itself, for the carrier (src/init/entry.c).
ENTRIES = ["NtboxHostEntry", "NtboxKernelEntry", "NtboxKernelExit"]
SYMBOL = re.compile(
    r"^\s*\d+:\s+[0-9a-fA-F]+\s+\S+\s+(?P<type>\w+)\s+(?P<bind>GLOBAL|WEAK)\s+"
    r"(?P<visibility>\w+)\s+(?P<section>\w+)\s+(?P<name>[A-Za-z_]\w*)")


def defined_symbols(readelf, archives):
    """name -> it is visible, of all global definitions in the archives."""
    found = {}
    text = subprocess.run([readelf, "--wide", "--syms", *archives], check=True,
                          stdout=subprocess.PIPE, universal_newlines=True).stdout
    for line in text.splitlines():
        match = SYMBOL.match(line)
        if match and match["section"] != "UND":
            found[match["name"]] = match["visibility"] in ("DEFAULT", "PROTECTED")
    return found


def enter_problem(row, definition):
    """What is wrong with how a defined function looks at its IRQL, or None."""
    name = row["name"]
    wants = exportspec.is_limited(row) and not row["irql_bugcheck"]
    if definition is None:
        return f"{name}: its definition is not found; its name must begin a line" if wants else None
    where = f"{definition.file}:{definition.line}: {name}"
    if wants and definition.enters != name:
        return f"{where}: the first line of its body must be: NT_ENTER({name});"
    if not wants and definition.enters:
        return f"{where}: its row says irql_bugcheck, so it must look itself, without NT_ENTER" \
            if row["irql_bugcheck"] else f"{where}: its row has no limit, so it takes no NT_ENTER"
    return None


def problems_of(rows, symbols, exported, found):
    """Where the spec and the built components say different things."""
    for name in exported:
        if name not in rows and name not in ALLOWED and not OWN.match(name):
            yield f"{name}: exported, but has no row in spec/exports.tsv; add one"
    for name, row in rows.items():
        if row["component"] == "crt":
            continue
        if name not in symbols:
            if row["status"] != "stub":
                yield f"{name}: spec/exports.tsv says {row['status']}, but nothing defines it"
            continue
        if not symbols[name]:
            yield (f"{name}: defined, but hidden; put it between "
                   "#pragma GCC visibility push(default) and pop")
        if row["status"] == "stub":
            yield (f"{name}: spec/exports.tsv says stub, but it is defined; run "
                   "tools/check-exports.py . --update, then write its note")
        elif row["kind"] == "function":
            problem = enter_problem(row, found.get(name))
            if problem:
                yield problem


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def write_map(path, names):
    write(path, VERSION + " {\nglobal:\n" + "".join(f"    {name};\n" for name in sorted(names)) +
          "local:\n    *;\n};\n")


def write_stubs(path, stubs):
    write(path,
          "/* Made by tools/gen-exports.py: exports of Windows that are not implemented. */\n"
          "/* Not declared as it is, noreturn: what it returns to is then in the stub, not behind it. */\n"
          "void KiUnimplementedExport(const char *Name);\n"
          "#define STUB(name) \\\n"
          "    __attribute__((visibility(\"default\"), noreturn)) void name(void); \\\n"
          "    void name(void) \\\n"
          "    { \\\n"
          "        KiUnimplementedExport(#name); \\\n"
          "        __builtin_trap(); \\\n"
          "    }\n" + "".join(f"STUB({name})\n" for name in stubs))


def write_table(path, names):
    write(path,
          "/* Made by tools/gen-exports.py: the implemented exports, sorted by name. */\n"
          "struct export { const char *Name; void *Address; };\n" +
          "".join(f"extern char {name}[];\n" for name in names) +
          "const struct export NtboxExports[] = {\n" +
          "".join(f"    {{\"{name}\", {name}}},\n" for name in names) +
          "};\nconst unsigned NtboxExportCount = sizeof(NtboxExports) / sizeof(NtboxExports[0]);\n")


def main():
    parser = argparse.ArgumentParser()
    for option in ("spec", "source", "readelf", "map", "stubs", "table"):
        parser.add_argument("--" + option, required=True)
    parser.add_argument("archives", nargs="+")
    options = parser.parse_args()

    rows = exportspec.read(options.spec)
    symbols = defined_symbols(options.readelf, options.archives)
    exported = sorted(name for name, visible in symbols.items()
                      if visible and (name in ALLOWED or name in rows or not PRIVATE.match(name)))
    problems = list(problems_of(rows, symbols, exported, exportspec.definitions(options.source)))
    if problems:
        sys.exit("\n".join(problems))
    stubs = [name for name, row in rows.items() if row["status"] == "stub" and
             row["kind"] == "function" and row["component"] != "crt"]

    write_map(options.map, exported + stubs + ENTRIES)
    write_stubs(options.stubs, stubs)
    # What the sdk's inline functions call is linked, but is no routine that Windows would find.
    write_table(options.table, [name for name in exported if name not in ALLOWED])
    counts = {status: sum(row["status"] == status for row in rows.values())
              for status in exportspec.STATUSES}
    print(f"exports: {counts['full']} full, {counts['partial']} partial, {counts['stub']} stubs")


if __name__ == "__main__":
    main()
