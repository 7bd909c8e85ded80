#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Function and file sizes against the house limits.

report-sizes.py ROOT [--all]

Limits: a function at most 100 lines, 95 % of them at most 60; a file at most 1,000 lines.
tools/long-functions.txt names the exceptions, each with its reason. --all lists every function.
"""
import argparse
import pathlib
import re
import sys

FOLDERS = ('src', 'sdk', 'user', 'cli', 'lib', 'drivers', 'apps', 'test', 'bench', 'fuzz')
NAME = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)\s*\(')
FUNCTION_LIMIT, FUNCTION_AIM, FILE_LIMIT = 100, 60, 1000


def functions(lines):
    """(name, first line, length): the house format puts a definition's braces in column 0."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == '{':
            start = number
        elif line == '}' and start is not None:
            head = start - 1
            while head > 1 and lines[head - 2] and lines[head - 2][0] not in '}#/ ' \
                    and not lines[head - 2].endswith((';', '*/', '}')):
                head -= 1
            text = ' '.join(lines[head - 1:start])
            names = NAME.findall(text)
            yield (names[0] if names else '?'), head, number - head + 1
            start = None


def exceptions(root):
    allowed = {}
    path = root / 'tools/long-functions.txt'
    for line in path.read_text().splitlines() if path.exists() else []:
        name, _, reason = line.partition(' ')
        if name and not name.startswith('#'):
            if not reason.strip():
                sys.exit(f'tools/long-functions.txt: {name}: no reason')
            allowed[name] = reason
    return allowed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('root', type=pathlib.Path)
    parser.add_argument('--all', action='store_true')
    options = parser.parse_args()
    allowed = exceptions(options.root)
    lengths, files, bad = [], 0, []
    for folder in FOLDERS:
        for path in sorted((options.root / folder).rglob('*.[ch]')):
            name = path.relative_to(options.root).as_posix()
            lines = path.read_text(errors='replace').splitlines()
            files += 1
            if len(lines) > FILE_LIMIT and name not in allowed:
                bad.append(f'{name}: {len(lines)} lines, the limit is {FILE_LIMIT}')
            for function, line, length in functions(lines):
                lengths.append(length)
                if options.all:
                    print(f'{length:4} {name}:{line} {function}')
                if length > FUNCTION_LIMIT and function not in allowed:
                    bad.append(f'{name}:{line}: {function}: {length} lines, '
                               f'the limit is {FUNCTION_LIMIT}')
    lengths.sort()
    if not lengths:
        return 0
    within = sum(1 for n in lengths if n <= FUNCTION_AIM) * 100 / len(lengths)
    print(f'sizes: {files} files; {len(lengths)} functions, median {lengths[len(lengths) // 2]}, '
          f'99 % within {lengths[len(lengths) * 99 // 100]}, longest {lengths[-1]} lines; '
          f'{within:.1f} % at most {FUNCTION_AIM}')
    if within < 95:
        bad.append(f'only {within:.1f} % of the functions are at most {FUNCTION_AIM} lines')
    if bad:
        print('\n'.join(bad), file=sys.stderr)
        return 1
    return 0


sys.exit(main())
