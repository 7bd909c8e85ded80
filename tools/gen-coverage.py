#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen-coverage.py ROOT [--check] - docs/coverage.md, from the tables in spec/

--check writes nothing, and fails if the page is not what it would be.
"""
import argparse
import collections
import csv
import pathlib
import sys
import textwrap

sys.dont_write_bytecode = True
import exportspec  # noqa: E402

WINDOWS = ("ntoskrnl", "hal")  # libraries whose rows are exports of Windows's kernel
FILTERS = "fltmgr"  # no part of the kernel: a section of its own
WANTED = 2  # missing exports that this many surveyed drivers import are listed

HEAD = """# What of the kernel's exports is there

Made by `tools/gen-coverage.py` from the tables in [spec](../spec/README.md); `./x lint` checks that it is
up to date. `ntbox exports` shows the same, one line an export.

- **full**: implemented, and a test would fail, on Windows too, if it did something else.
- **partial**: implemented, but something is missing, or no test names it; the note says which.
- **stub**: a driver links and loads; a call ends in a bugcheck with the name. Data and functions of the C
  runtime have no stubs: a driver that wants a missing one is refused by name.
"""

DEMAND = """
## Against what drivers import

The survey in `spec/demand.tsv` has the imports of {total} drivers: {wdm} WDM drivers without the filter
manager and {filters} minifilters, from the sources of Microsoft's Windows-driver-samples (`ms-`), the book
*Windows Kernel Programming* (`zod-c` and the chapter), dokany, hevd, hidden and System Informer. It was made
from the sources, not from import tables, so code that is compiled conditionally counts.

Only imports from outside fltmgr are counted: the filter manager is not part of ntbox, so a minifilter here
has all that it needs *of the kernel*; what it needs of fltmgr has a section of its own. An export is there
if it is full or partial, and its note does not begin with "always" (always a failure, always a bugcheck).

For exports that more than six drivers import, the survey names six, how many there are, and in which order
a set of drivers would need them. From that follows for each driver which exports it imports for certain
(*imports*), which it may import besides (*perhaps*), and that it imports no other. *all* is "yes" if
everything is there, what it may import included, and "no" if one that is certain is missing.

**{complete} of {total} drivers have all: {complete_wdm} of {wdm} WDM drivers and {complete_filters} of {filters} minifilters.** Of {exports} exports that the survey has, {there} are there.

| driver | kind | all | imports | there | perhaps | there | missing |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def read_table(path):
    with open(path, encoding="ascii", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def split(text):
    return [word for word in text.split(",") if word]


def components(rows):
    counts = collections.defaultdict(collections.Counter)
    for row in rows.values():
        if row["library"] != FILTERS:
            counts[row["component"]][row["status"]] += 1
            counts["all"][row["status"]] += 1
    yield ""
    yield "## By component"
    yield ""
    yield "| component | full | partial | stub |"
    yield "| --- | --- | --- | --- |"
    for name in sorted(counts, key=lambda name: (name == "all", name)):
        cells = " | ".join(str(counts[name][status]) for status in exportspec.STATUSES)
        yield f"| {name} | {cells} |"
    others = collections.Counter(row["library"] for row in rows.values()
                                 if row["library"] not in WINDOWS)
    yield ""
    yield from textwrap.wrap(
        "Among them are names that Windows's kernel does not export: "
        f"{others['inline']} that are inline there, {others['none']} system services that only "
        f"programs call, and {others['wdmsec'] + others['wdm']} of the WDK's static libraries.", 110)


def drivers(rows, spec):
    demand = [row for row in read_table(spec / "demand.tsv") if row["library"] != FILTERS]
    kinds = {row["driver"]: row["kind"] for row in read_table(spec / "drivers.tsv")}
    there = {row["export"] for row in demand
             if row["export"] in rows and exportspec.is_there(rows[row["export"]])}
    lines, complete = [], collections.Counter()
    for driver, kind in sorted(kinds.items(), key=lambda item: (item[1] != "wdm", item[0])):
        imports = {row["export"] for row in demand if driver in split(row["imported_by"])}
        perhaps = {row["export"] for row in demand if driver in split(row["perhaps"])}
        missing = sorted(imports - there)
        verdict = "no" if missing else "yes" if perhaps <= there else "perhaps"
        complete[kind] += verdict == "yes"
        shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more"
                                          if len(missing) > 4 else "")
        lines.append(f"| {driver} | {kind} | {verdict} | {len(imports)} | "
                     f"{len(imports & there)} | {len(perhaps)} | {len(perhaps & there)} | {shown} |")
    yield DEMAND.format(
        total=len(kinds), wdm=sum(kind == "wdm" for kind in kinds.values()),
        filters=sum(kind == "minifilter" for kind in kinds.values()),
        complete=sum(complete.values()), complete_wdm=complete["wdm"],
        complete_filters=complete["minifilter"], exports=len(demand), there=len(there)).rstrip("\n")
    yield from lines
    yield ""
    yield "### Missing exports by the number of drivers that import them"
    yield ""
    yield f"Those of {WANTED} drivers or more."
    yield ""
    wanted = collections.defaultdict(list)
    for row in demand:
        if row["export"] not in there and int(row["drivers"]) >= WANTED:
            wanted[int(row["drivers"])].append(row["export"])
    yield "| drivers | exports |"
    yield "| --- | --- |"
    for count in sorted(wanted, reverse=True):
        yield f"| {count} | {', '.join(sorted(wanted[count]))} |"


def filter_manager(rows, spec):
    names = {name for name, row in rows.items() if row["library"] == FILTERS}
    stubs = sum(rows[name]["status"] == "stub" for name in names)
    demand = [row for row in read_table(spec / "demand.tsv") if row["library"] == FILTERS]
    unknown = sorted(row["export"] for row in demand if row["export"] not in names)
    wanted = collections.defaultdict(list)
    for row in demand:
        wanted[int(row["drivers"])].append(row["export"])
    yield ""
    yield "## The filter manager"
    yield ""
    yield from textwrap.wrap(
        f"On Windows fltmgr is a driver of its own. Of its {len(names)} functions {stubs} are stubs here: a "
        "minifilter links and loads, and its first call, of FltRegisterFilter as a rule, is a bugcheck with "
        f"that name. The drivers of the survey import {len(demand)} of them; " +
        (f"without a row are {', '.join(unknown)}." if unknown else "each has a row."), 110)
    yield ""
    yield "| drivers | functions |"
    yield "| --- | --- |"
    for count in sorted(wanted, reverse=True):
        yield f"| {count} | {', '.join(sorted(wanted[count]))} |"


def partial(rows):
    noted = collections.defaultdict(list)
    for name, row in rows.items():
        if row["status"] == "partial":
            noted[row["note"]].append(name)
    untested = noted.pop(exportspec.NO_TEST, [])
    yield ""
    yield "## What is partial"
    yield ""
    yield "[DIFFERENCES.md](DIFFERENCES.md) says more about these."
    yield ""
    yield "| exports | what is different or missing |"
    yield "| --- | --- |"
    for note, names in sorted(noted.items(), key=lambda item: item[1]):
        yield f"| {', '.join(names)} | {note} |"
    yield ""
    yield from textwrap.wrap(f"No test names these {len(untested)}: " + ", ".join(untested) + ".",
                             110)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    spec = options.root / "spec"
    rows = exportspec.read(spec / "exports.tsv")
    text = HEAD + "\n".join([*components(rows), *drivers(rows, spec),
                             *filter_manager(rows, spec), *partial(rows)]) + "\n"
    page = options.root / "docs/coverage.md"
    if not options.check:
        page.write_text(text, encoding="ascii")
    elif not page.exists() or page.read_text(encoding="ascii") != text:
        sys.exit("docs/coverage.md is out of date; run tools/gen-coverage.py .")


if __name__ == "__main__":
    main()
