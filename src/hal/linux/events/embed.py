#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a file as a C array: embed.py INPUT OUTPUT NAME."""
import sys

data = open(sys.argv[1], 'rb').read()
with open(sys.argv[2], 'w') as out:
    out.write('#include <stddef.h>\n')
    out.write('extern const unsigned char %s[];\nextern const size_t %sSize;\n' % ((sys.argv[3],) * 2))
    out.write('const unsigned char %s[] __attribute__((aligned(8))) = {' % sys.argv[3])
    for i, byte in enumerate(data):
        out.write('%s%d,' % ('\n' if i % 24 == 0 else '', byte))
    out.write('\n};\nconst size_t %sSize = sizeof(%s);\n' % ((sys.argv[3],) * 2))
