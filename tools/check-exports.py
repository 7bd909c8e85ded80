#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-exports.py ROOT [--update] - spec/exports.tsv against the sources and the tests

Checks   that a row is a stub exactly if no function of its name is in src/, and names the folder
         that has it; that the files in its tests column name it; that what is full has a test and
         no note, what is partial a note, what is a stub neither. What only the symbols tell is left
         to the build (gen-exports.py).
--update writes what can be known: component, status and tests. A function that is new in src/ becomes
         partial, with a note that nobody has looked at it. Who has takes the note away, or says in
         it what is missing or different; without a note, and with a test, a row becomes full.
"""
import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
import exportspec  # noqa: E402


def is_provided(row, found):
    """Defined, as far as the sources tell: a macro may make data, and the C runtime is elsewhere."""
    if row["component"] == "crt":
        return row["status"] != "stub"
    return row["name"] in found or (row["kind"] == "data" and row["status"] != "stub")


def update(rows, found, named):
    for name, row in rows.items():
        if not is_provided(row, found):
            row.update(status="stub", tests="", note="")
            continue
        if name in found and row["component"] != "crt":
            row["component"] = found[name].component
        if row["status"] == "stub":
            row["note"] = exportspec.NOT_REVIEWED
        row["tests"] = exportspec.best_tests(row, named[name])
        if row["tests"] and row["note"] == exportspec.NO_TEST:
            row["note"] = ""
        if not row["tests"] and not row["note"]:
            row["note"] = exportspec.NO_TEST
        row["status"] = "partial" if row["note"] else "full"


def row_problems(row, found, named, tests):
    name, status = row["name"], row["status"]
    if is_provided(row, found) and status == "stub":
        yield "is a stub, but {}:{} defines it".format(*found[name][1:3])
    if not is_provided(row, found) and status != "stub":
        yield f"is {status}, but nothing in src/ defines it"
    if status == "stub":
        if row["tests"] or row["note"]:
            yield "is a stub, which has no tests and no note"
        return
    if name in found and row["component"] not in (found[name].component, "crt"):
        yield f"is in {row['component']}, but {found[name].component} defines it"
    files = [file for file in row["tests"].split(",") if file]
    for file in files:
        if not (tests / file).is_file():
            yield f"names test/{file}, which does not exist"
        elif file not in named[name]:
            yield f"names test/{file}, which does not name it"
    if status == "full" and (row["note"] or not files):
        yield "is full: that needs a test and no note"
    if status == "partial" and not row["note"]:
        yield "is partial: the note must say what is missing"
    if row["note"] == exportspec.NO_TEST and files:
        yield "has tests and a note that says there are none"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    spec = options.root / "spec/exports.tsv"
    rows = exportspec.read(spec)
    found = {**exportspec.variables(options.root / "src"),
             **exportspec.definitions(options.root / "src")}
    aliases = exportspec.read_aliases(options.root / "spec/aliases.tsv")
    named = exportspec.mentions(options.root / "test", rows, aliases)
    if options.update:
        update(rows, found, named)
        exportspec.write(spec, rows)
    problems = [f"spec/exports.tsv: {row['name']} {problem}" for row in rows.values()
                for problem in row_problems(row, found, named, options.root / "test")]
    if problems:
        print("\n".join(problems), file=sys.stderr)
        print("tools/check-exports.py . --update writes what can be known", file=sys.stderr)
        return 1
    print(f"exports: {len(rows)} rows agree with the sources and the tests")
    return 0


sys.exit(main())
