#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make-export-list.py SPEC.TSV EXPORTS.C - rows of `ntbox exports`, to standard output

SPEC says of each export what is there of it, EXPORTS.C is the kernel's generated table, which has
ntbox's own functions too.
"""
import csv
import re
import sys


def main(spec_path, table_path):
    with open(table_path, encoding="ascii") as file:
        implemented = set(re.findall(r'\{"(\w+)",', file.read()))
    with open(spec_path, encoding="ascii", newline="") as file:
        spec = {row["name"]: row for row in csv.DictReader(file, delimiter="\t")}
    if not implemented:
        sys.exit(f"{table_path}: no rows found")
    own = {"status": "full", "library": "ntbox", "max_irql": "-",
           "note": "of ntbox; not on Windows"}
    print("/* Made by make-export-list.py. */")
    for name in sorted(implemented | spec.keys()):
        row = spec.get(name, own)
        note = row["note"].replace("\\", "\\\\").replace('"', '\\"')
        print(f'    {{"{name}", "{row["library"]}", "{row["status"]}", "{row["max_irql"]}", '
              f'"{note}"}},')


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
