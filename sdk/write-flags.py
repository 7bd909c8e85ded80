#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""write-flags.py OUTPUT [SECTION FLAG...] -- ... - writes the flags file that `ntbox cc` reads.

Arguments after OUTPUT are groups that end with a lone "--": a section's name, then its flags.
"""
import sys


def main():
    output, groups, group = sys.argv[1], [], []
    for argument in sys.argv[2:]:
        if argument == "--":
            groups.append(group)
            group = []
        else:
            group.append(argument)
    with open(output, "w", encoding="utf-8") as file:
        file.write("# Flags for Windows sources, an argument a line. @SDK@ is this file's folder.\n")
        for name, *flags in groups:
            file.write(f"\n[{name}]\n" + "".join(f"{flag}\n" for flag in flags))


main()
