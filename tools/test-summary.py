#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds up test runs and prints the last line of ./x test.

test-summary.py NAME=TESTLOG.json... NAME=pass|fail...

A TAP test counts once for each of its points, any other test once. Skipped and failed ones are
named. Exit status 1 if anything failed or nothing ran.
"""
import json
import re
import sys

POINT = re.compile(r'^(ok|not ok)\b([^#]*)(#\s*skip\b.*)?', re.I)
PASSED = {'OK', 'EXPECTEDFAIL'}


def points(test):
    """(result, name, why) of each point of a test."""
    name = test['name'].split(' / ')[-1]
    found = []
    for line in (test.get('stdout') or '').splitlines():
        match = POINT.match(line)
        if match:
            result = 'skip' if match.group(3) else 'pass' if match.group(1).lower() == 'ok' \
                else 'fail'
            found.append((result, f'{name}: {match.group(2).strip(" -")}', match.group(3) or ''))
    if test['result'] in PASSED and found:
        return found
    if test['result'] == 'SKIP' or test.get('returncode') == 77:
        lines = [l for l in (test.get('stdout') or '').splitlines() if l.strip()]
        return [('skip', name, lines[-1] if lines else '')]
    if test['result'] in PASSED:
        return [('pass', name, '')]
    failed = [f for f in found if f[0] == 'fail']
    return [f for f in found if f[0] != 'fail'] + (failed or [('fail', name, test['result'])])


def main():
    counts = {'pass': 0, 'fail': 0, 'skip': 0}
    for argument in sys.argv[1:]:
        kind, _, value = argument.partition('=')
        if value in ('pass', 'fail'):
            counts[value] += 1
            continue
        try:
            with open(value) as log:
                tests = [json.loads(line) for line in log if line.strip()]
        except OSError as error:
            print(f'{kind}: {error}')
            counts['fail'] += 1
            continue
        for test in tests:
            for result, name, why in points(test):
                counts[result] += 1
                if result != 'pass':
                    print(f'{kind}: {result.upper()} {name} {why}'.rstrip())
    print(f"{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped")
    return 1 if counts['fail'] or not counts['pass'] else 0


sys.exit(main())
