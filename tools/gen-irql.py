#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen-irql.py SPEC HEADER|ROWS - the highest IRQL of each export, from spec/exports.tsv

A name that ends in .h   NT_IRQL_LIMIT_<export>, which NT_ENTER of src/nt.h looks at
else                     rows of the test that breaks every limit (test/spec/irql_test.c)

An output that is as it was is not touched.
"""
import pathlib
import sys

sys.dont_write_bytecode = True
import exportspec  # noqa: E402


def header(rows):
    yield "/* Made by tools/gen-irql.py from spec/exports.tsv. */"
    yield "#pragma once"
    for name, row in rows.items():
        if exportspec.is_limited(row) and row["component"] != "crt" and not row["irql_bugcheck"]:
            yield f"#define NT_IRQL_LIMIT_{name} {row['max_irql']}"


def test_rows(rows):
    yield "/* Made by tools/gen-irql.py from spec/exports.tsv. */"
    for name, row in rows.items():
        if exportspec.is_limited(row) and row["status"] != "stub":
            code = row["irql_bugcheck"] or "0xA"
            yield f'    {{"{row["component"]}", "{name}", {row["max_irql"]}, {code}}},'


def main(spec, output):
    rows = exportspec.read(spec)
    text = "\n".join((header if output.endswith(".h") else test_rows)(rows)) + "\n"
    path = pathlib.Path(output)
    if not path.exists() or path.read_text(encoding="ascii") != text:
        path.write_text(text, encoding="ascii")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
