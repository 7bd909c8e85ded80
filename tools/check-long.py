#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bans the type `long` in NT code: it is 64 bits here and 32 on Windows.

check-long.py ROOT [--stamp FILE]
"""
import argparse
import pathlib
import re
import sys

FOLDERS = ('src', 'user', 'lib', 'drivers', 'apps')
EXEMPT = ('src/hal/', 'user/ntdll/linux/')
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(match):
    return re.sub(r'[^\n]', ' ', match.group(0))


def problems(path, name):
    text = COMMENT.sub(blank, path.read_text())
    text = re.sub(r'\blong\s+long\b', '         ', text)
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r'\blong\b', line):
            yield f'{name}:{number}: `long`: write LONG, ULONG, or a type with its size'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('root', type=pathlib.Path)
    parser.add_argument('--stamp', type=pathlib.Path)
    options = parser.parse_args()
    found = []
    for folder in FOLDERS:
        for path in sorted((options.root / folder).rglob('*.[ch]')):
            name = path.relative_to(options.root).as_posix()
            if not name.startswith(EXEMPT):
                found += problems(path, name)
    if found:
        print('\n'.join(found), file=sys.stderr)
        return 1
    if options.stamp:
        options.stamp.write_text('')
    return 0


sys.exit(main())
