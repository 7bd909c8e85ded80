#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the include edges of tools/layers.txt; a build step.

check-layers.py ROOT [--stamp FILE] [--depfile FILE]

Fails on: an include of a folder that is not allowed, a private header (*p.h) used from another
folder, a Linux header in NT or portable code, a folder with sources that layers.txt does not name.
"""
import argparse
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Code that may use the host's headers.
HOST_CODE = ('src/hal/linux', 'src/hal/posix', 'src/hal/sim', 'cli', 'user/ntdll/linux', 'sdk/crt',
             'host')
HOST_HEADER = re.compile(
    r'^(sys/|linux/|asm/|bits/|unistd\.h|pthread\.h|fcntl\.h|sched\.h|dlfcn\.h|poll\.h|signal\.h|'
    r'ucontext\.h|elf\.h|link\.h|bpf/|elfutils/|termios\.h|spawn\.h|netinet/)')
CHECKED = ('src', 'sdk', 'user', 'cli', 'lib', 'drivers', 'apps', 'host')
PRIVATE = re.compile(r'^(?!halp\.h$)[a-z0-9]+p\.h$')


def read_layers(path):
    layers = {}
    for line in path.read_text().splitlines():
        line = line.split('#')[0].strip()
        if line:
            folder, _, allowed = line.partition(':')
            layers[folder.strip()] = set(allowed.split())
    return layers


def resolve(root, source, name):
    """The file of ours that an include means, or None."""
    bases = [source.parent, root / 'src', root, root / 'sdk/include', root / 'sdk/crt',
             root / 'user', root / 'lib/channel', root / 'drivers/notify']
    for base in bases:
        path = (base / name).resolve()
        if path.is_file() and root in path.parents:
            return path
    return None


def check_include(root, source, folder, allowed, kind, name):
    target = resolve(root, source, name) if kind == '"' else None
    if target is None:
        if HOST_HEADER.match(name) and not folder.startswith(HOST_CODE) and kind == '<':
            return f'a host header in {folder}: <{name}>'
        return None
    target_folder = target.parent.relative_to(root).as_posix()
    if target_folder.startswith('sdk/include/'):
        target_folder = 'sdk/include'
    if target_folder == folder:
        return None
    if target_folder not in allowed:
        return f'{folder} may not include {target_folder}: "{name}"'
    if PRIVATE.match(target.name):
        return f'private header of {target_folder}: "{name}"'
    return None


def check_file(root, source, layers):
    folder = source.parent.relative_to(root).as_posix()
    problems = []
    if folder not in layers:
        return [f'{source.relative_to(root)}:1: tools/layers.txt does not name {folder}']
    for number, line in enumerate(source.read_text(errors='replace').splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            problem = check_include(root, source, folder, layers[folder], *match.groups())
            if problem:
                problems.append(f'{source.relative_to(root)}:{number}: {problem}')
    return problems


def check_cycles(layers):
    """layers.txt itself must have an order; src <-> src/ke is the one documented knot."""
    done, path = set(), []

    def visit(folder):
        if folder in path:
            cycle = path[path.index(folder):] + [folder]
            return [] if set(cycle) <= {'src', 'src/ke', 'src/rtl'} else [' -> '.join(cycle)]
        if folder in done:
            return []
        path.append(folder)
        found = [c for f in sorted(layers.get(folder, ())) for c in visit(f)]
        path.pop()
        done.add(folder)
        return found

    return [f'tools/layers.txt: a cycle: {c}' for f in sorted(layers) for c in visit(f)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('root', type=pathlib.Path)
    parser.add_argument('--stamp', type=pathlib.Path)
    parser.add_argument('--depfile', type=pathlib.Path)
    options = parser.parse_args()
    root = options.root.resolve()
    layers = read_layers(root / 'tools/layers.txt')
    sources = sorted(p for top in CHECKED for p in (root / top).rglob('*.[ch]')
                     if p.is_file() and not p.name.endswith('.bpf.c'))
    problems = check_cycles(layers)
    for source in sources:
        if source.is_relative_to(root / 'sdk/include'):
            continue  # the overlay includes the headers that it overlays
        problems += check_file(root, source, layers)
    if options.depfile:
        names = ' '.join(str(s).replace(' ', '\\ ') for s in sources)
        options.depfile.write_text(f'{options.stamp}: {names}\n')
    if problems:
        print('\n'.join(problems), file=sys.stderr)
        return 1
    if options.stamp:
        options.stamp.write_text(f'{len(sources)} files\n')
    else:
        print(f'layers: {len(sources)} files, no forbidden include')
    return 0


sys.exit(main())
