#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""generate-tables.py STATUS.TSV ERRORS.TSV - the C tables of ntdll/status.c, to standard output"""
import sys


def rows(path, columns):
    """Yields (line number, fields) of a table, checking its shape."""
    with open(path, encoding="utf-8") as table:
        for number, line in enumerate(table, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            fields = line.split("\t")
            if len(fields) != columns:
                sys.exit(f"{path}:{number}: {len(fields)} columns, not {columns}")
            yield number, fields


def check_order(path, number, before, value):
    if value <= before:
        sys.exit(f"{path}:{number}: not sorted by value, or twice in the table")
    return value


def main(status_path, errors_path):
    print("/* Made by generate-tables.py from status.tsv and errors.tsv. */")
    print("static const NTDLL_STATUS_ROW StatusRows[] = {")
    before = -1
    for number, (status, name, error, _) in rows(status_path, 4):
        before = check_order(status_path, number, before, int(status, 16))
        print(f'    {{{status}u, {int(error)}u, "{name}"}},')
    print("};")
    print("static const NTDLL_ERROR_ROW ErrorRows[] = {")
    before = -1
    for number, (error, _, text) in rows(errors_path, 3):
        before = check_order(errors_path, number, before, int(error))
        text = text.replace("\\", "\\\\").replace('"', '\\"')
        print(f'    {{{int(error)}u, "{text}"}},')
    print("};")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
