#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs harness_subject and checks that each of its tests ends as its name says."""
import re
import subprocess
import sys

EXPECTED_OUTPUT = {
    'FailsEqual': '1 + 1 is 2 (0x2), expected 3 = 3 (0x3)',
    'FailsString': 'is "a", expected "(null)"',
    'FailsWide': 'is L"wide", expected L"wider"',
    'FailsStatus': '0 is 0x00000000, expected 0xC0000001 = 0xC0000001',
    'FailsOnAnotherThread': 'expected: Context != NULL',
    'FailsClosedGap': 'known gap is closed (arithmetic)',
    'FailsWithoutBugCheck': 'expected bugcheck 0xD1 did not happen',
    'FailsByCrash': 'ended by signal 6',
    'FailsByHanging': 'no end after 1 seconds',
    'FailsWithSeedThree': '--filter Subject.FailsWithSeedThree --seed 3',
    'FailsInTearDown': '"survivor"',
}


def run(*arguments):
    return subprocess.run([sys.argv[1], *arguments], stdout=subprocess.PIPE, text=True, check=False)


def check(condition, message, output):
    if not condition:
        sys.exit(f'{message}\n{output}')


def main():
    names = run('--list').stdout.split()
    check(len(names) == 16, 'number of tests', names)
    for name in names:
        short = name.split('.')[1]
        result = run('--filter', name, '--timeout', '1' if 'Hanging' in name else '30')
        verdict = re.search(r'^(not )?ok 1 - ' + name + '( # SKIP no reason)?$', result.stdout, re.M)
        check(verdict is not None, name + ': no verdict', result.stdout)
        check((verdict[1] is not None) == short.startswith('Fails'), name, result.stdout)
        check((verdict[2] is not None) == (short == 'Skips'), name, result.stdout)
        check(result.stdout.endswith('1..1\n'), name + ': no plan', result.stdout)
        check((result.returncode != 0) == short.startswith('Fails'), name, result.returncode)
        check(EXPECTED_OUTPUT.get(short, '') in result.stdout, name + ': output', result.stdout)
    result = run('--filter', 'FailsWithSeedThree', '--seed', '4')
    check(result.returncode == 0, '--seed', result.stdout)
    result = run('--filter', 'Subject.Passes', '--no-fork')
    check(result.returncode == 0, '--no-fork', result.stdout)


main()
