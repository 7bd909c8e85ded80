#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the tools know of spec/exports.tsv, the kernel's sources and its tests. No program."""
import collections
import csv
import pathlib
import re
import sys

COLUMNS = ["name", "kind", "component", "library", "max_irql", "irql_bugcheck", "status", "since",
           "source", "tests", "note"]
LEVELS = {"PASSIVE_LEVEL": 0, "APC_LEVEL": 1, "DISPATCH_LEVEL": 2, "HIGH_LEVEL": 15}
KINDS = ("function", "data")
STATUSES = ("full", "partial", "stub")
ALWAYS = "always "  # how the note of what only ever refuses begins
NO_TEST = "no test names it"
NOT_REVIEWED = "new: nobody has said yet what is missing"
MOST_TESTS = 3

# A definition in the house format: its name in column 0, or behind its type in column 0.
NAME = re.compile(r"^(?:[A-Za-z_][\w *]*[ *])?([A-Za-z_]\w*)\((?!.*;\s*$)")
# A variable that a row of kind data may mean.
DATA = re.compile(r"^(?!extern|static|typedef)[A-Za-z_][\w *]*[ *]([A-Za-z_]\w*)(?:\[|;| =)")
ENTER = re.compile(r"^\s*NT_ENTER\((\w+)\);")
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)

Definition = collections.namedtuple("Definition", "component file line enters")


def read(path):
    """The rows by name; ends the program with a message at the first row that is not right."""
    rows = {}
    with open(path, encoding="ascii", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        if reader.fieldnames != COLUMNS:
            sys.exit(f"{path}:1: the columns must be: " + " ".join(COLUMNS))
        for row in reader:
            where = f"{path}:{reader.line_num}: {row['name']}"
            if None in row or None in row.values():
                sys.exit(f"{where}: {len(COLUMNS)} columns are wanted")
            for column, allowed in (("kind", KINDS), ("status", STATUSES),
                                    ("max_irql", (*LEVELS, "-"))):
                if row[column] not in allowed:
                    sys.exit(f"{where}: {column} is one of {' '.join(allowed)}")
            if row["name"] in rows or (rows and row["name"] < previous):
                sys.exit(f"{where}: rows must be unique and sorted by name")
            previous = row["name"]
            rows[previous] = row
    return rows


def write(path, rows):
    with open(path, "w", encoding="ascii", newline="") as file:
        file.write("\t".join(COLUMNS) + "\n")
        for name in sorted(rows):
            file.write("\t".join(rows[name][column] for column in COLUMNS) + "\n")


def is_limited(row):
    """The row is a function that may not be called at every IRQL."""
    return row["kind"] == "function" and LEVELS.get(row["max_irql"], 15) < LEVELS["HIGH_LEVEL"]


def is_there(row):
    """A driver can use it: not a stub, nor something that always refuses by name."""
    return row["status"] != "stub" and not row["note"].startswith(ALWAYS)


def definitions(source):
    """name -> Definition of every function in SOURCE/<component>/*.c."""
    found = {}
    for path in sorted(pathlib.Path(source).glob("*/*.c")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if line != "{":
                continue
            head = number - 1
            while head > 0 and lines[head].startswith(" "):
                head -= 1
            match = NAME.match(lines[head])
            if match:
                first = lines[number + 1] if number + 1 < len(lines) else ""
                enter = ENTER.match(first)
                found[match[1]] = Definition(path.parent.name, path, head + 1,
                                             enter[1] if enter else None)
    return found


def variables(source):
    """name -> Definition of the global variables in SOURCE/<component>/*.c; macros may make more."""
    found = {}
    for path in sorted(pathlib.Path(source).glob("*/*.c")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = DATA.match(line)
            if match:
                found[match[1]] = Definition(path.parent.name, path, number, None)
    return found


def read_aliases(path):
    """What sources write (a macro, an inline function) -> the exports that it calls."""
    aliases = collections.defaultdict(list)
    with open(path, encoding="ascii", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            aliases[row["name"]] += row["calls"].split(",")
    return aliases


def mentions(tests, rows, aliases):
    """name -> Counter of the C files below TESTS whose code names it, itself or by an alias."""
    found = collections.defaultdict(collections.Counter)
    for path in sorted(pathlib.Path(tests).rglob("*.c")):
        name = path.relative_to(tests).as_posix()
        if name.startswith("spec/"):
            continue  # calls everything, and says nothing of what it does
        text = NOT_CODE.sub(" ", path.read_text(encoding="utf-8"))
        for word, count in collections.Counter(re.findall(r"[A-Za-z_]\w*", text)).items():
            for export in [word] + aliases.get(word, []):
                if export in rows:
                    found[export][name] += count
    return found


def best_tests(row, counts):
    """The files that say most about a row, as its tests column has them."""
    order = sorted(counts, key=lambda name: (not name.startswith(row["component"] + "/"),
                                             -counts[name], name))
    return ",".join(order[:MOST_TESTS])
