#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make-export-list.py SPEC.TSV EXPORTS.C - rows of `ntbox exports`, to standard output

SPEC has what Windows exports, EXPORTS.C the kernel's generated table of what is implemented.
"""
import csv
import re
import sys


def main(spec_path, table_path):
    with open(table_path, encoding="ascii") as file:
        implemented = set(re.findall(r'\{"(\w+)",', file.read()))
    with open(spec_path, encoding="ascii", newline="") as file:
        spec = {row["name"]: row["max_irql"] for row in csv.DictReader(file, delimiter="\t")}
    if not implemented:
        sys.exit(f"{table_path}: no rows found")
    print("/* Made by make-export-list.py. */")
    for name in sorted(implemented | spec.keys()):
        status = "implemented" if name in implemented else "stub"
        irql = spec.get(name, "-")
        print(f'    {{"{name}", "{status}", "{irql}"}},')


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
