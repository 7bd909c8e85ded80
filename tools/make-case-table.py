#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make-case-table.py | clang-format > src/rtl/case_table.h - case mapping of the BMP, as runs

Simple upper-case mappings of Unicode, of those pairs that map back (as Windows has it: no dotless i,
no long s, no micro sign), and final sigma. unicodedata has no simple mappings; they are the full ones
of one character, or else the title case.
"""
import sys
import unicodedata


def simple(character, method, other):
    for result in (getattr(character, method)(), getattr(character, other)()):
        if len(result) == 1 and ord(result) < 0x10000:
            return ord(result)
    return ord(character)


def upper(code):
    return simple(chr(code), 'upper', 'title')


def lower(code):
    return simple(chr(code), 'lower', 'lower')


def runs(mapping):
    """(first, last, stride, delta) of neighbours, 1 or 2 apart, with one delta."""
    result = []
    for code, delta in sorted(mapping.items()):
        if result:
            first, last, stride, before = result[-1]
            gap = code - last
            if delta == before and gap <= 2 and (first == last or gap == stride):
                result[-1] = (first, code, gap, delta)
                continue
        result.append((code, code, 1, delta))
    return result


def emit(name, mapping):
    print(f'static const RTLP_CASE_RUN {name}[] = {{')
    for first, last, stride, delta in runs(mapping):
        print(f'    {{0x{first:04X}, 0x{last:04X}, {stride}, 0x{delta & 0xFFFF:04X}}},')
    print('};')


up = {c: upper(c) for c in range(0x10000)
      if not 0xD800 <= c < 0xE000 and upper(c) != c and lower(upper(c)) == c}
down = {upper_code: code for code, upper_code in up.items()}
up[0x03C2] = 0x03A3
print('/* SPDX-License-Identifier: MIT')
print(' *')
print(' * rtl/case_table.h - upper and lower case of the BMP; made by tools/make-case-table.py, do not edit')
print(' *')
print(f' * Source  Unicode {unicodedata.unidata_version}')
print(' */')
emit('RtlpUpcaseRuns', {c: u - c for c, u in up.items()})
emit('RtlpDowncaseRuns', {u: c - u for u, c in down.items()})
sys.exit(0)
