#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""adapt-sources.py CACHE [-I FOLDER...] SOURCE... - copies of sources as gcc and clang can read them

Some things that Microsoft's compiler does cannot be had by options. They are put into copies of the
files that need it and of those that include these; the files themselves stay as they are:

- a plain long has 32 bits: it is an int, and 1L and 1UL are 1 and 1U; 1i64 is 1ll
- a comma before __VA_ARGS__ is dropped when there are no further arguments: `__VA_OPT__(,)`
- "text" ## MORE and ( ## MORE are one after the other: the ## goes
- __FUNCTION__ and __FUNCSIG__ are strings, which may stand next to others: there __FILE_NAME__ does
- break and continue may leave a __try block: a goto does, to behind the block

A copy says where it comes from (#line), so messages, __FILE__ and debuggers name the original, with
its line numbers. It lies below CACHE, in a folder named after what it says. For each file that has
one a line is printed: the file, a tab, the copy. Files in the folders of -I and next to the sources
are followed; what cannot be read or found is left to the compiler.
"""
import hashlib
import importlib.util
import os
import re
import sys

DEFINE = re.compile(
    rb"^[ \t]*#[ \t]*define[ \t]+\w+\([^)]*\.\.\.[ \t]*\)(?:[^\n\\]|\\\r?\n|\\.)*", re.MULTILINE
)
ANY_DEFINE = re.compile(rb"^[ \t]*#[ \t]*define\b(?:[^\n\\]|\\\r?\n|\\.)*", re.MULTILINE)
COMMA = re.compile(rb",((?:[ \t]|\\\r?\n)*)__VA_ARGS__\b(?!\s*##)")
# What ## stands behind or before: no token comes of it, and Microsoft's leaves both as they are.
PASTE = re.compile(
    rb'(?:"(?:\\.|[^"\\\n])*"|[(\[{.;>*&!=])(?:[ \t]|\\\r?\n)*(##)(?!#)|'
    rb'(?<![,#])(##)(?=(?:[ \t]|\\\r?\n)*[(\[.;])'
)
FUNCTION_WORDS = {b"__FUNCTION__", b"__FUNCSIG__", b"__FUNCDNAME__"}
INCLUDE = re.compile(rb'^([ \t]*#[ \t]*include[ \t]*)(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE)

PIECE = re.compile(
    rb"""(?P<skip>//(?:[^\n\\]|\\\r?\n|\\.)*|/\*.*?\*/|R"(?P<mark>[^(\s"]{0,16})\(.*?\)(?P=mark)"|
        "(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|
        ^[ \t]*\#[ \t]*(?:include|error|pragma|line|warning|import)\b[^\n]*)|
        (?P<number>\.?[0-9](?:[eEpP][+-]|[\w.'])*)|(?P<word>[A-Za-z_]\w*)|(?P<other>[^\s])""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
TYPE_WORDS = {b"long", b"int", b"short", b"unsigned", b"signed", b"const", b"volatile", b"double"}
LONG_NUMBER = re.compile(rb"(0[xX][0-9a-fA-F']+|0[bB][01']+|[0-9][0-9']*)(?:([uU]?)[lL]|[lL]([uU]))$")
SIZED_NUMBER = re.compile(rb"(0[xX][0-9a-fA-F']+|0[bB][01']+|[0-9][0-9']*)([uU]?)[iI](8|16|32|64)$")


def load_scanner():
    path = os.path.join(os.path.dirname(os.path.realpath(__file__)), "check-try.py")
    spec = importlib.util.spec_from_file_location("check_try", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHECK_TRY = load_scanner()


def find_loosely(folder, name):
    """The file below folder that name means on Windows, or None."""
    path = folder
    for part in re.split(r"[\\/]+", name):
        if part in ("", "."):
            continue
        exact = os.path.join(path, part)
        if not os.path.exists(exact):
            try:
                entries = os.listdir(path)
            except OSError:
                return None
            exact = next(
                (os.path.join(path, e) for e in entries if e.lower() == part.lower()), None
            )
            if exact is None:
                return None
        path = exact
    return path if os.path.isfile(path) else None


class File:
    def __init__(self, path, folders, words):
        self.path, self.includes, self.edits = path, [], []
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data.startswith(b"\xef\xbb\xbf"):
            self.data = self.data[3:]
        self.find_includes(folders)
        self.find_commas()
        self.find_pastes()
        self.find_words()
        if b"try" in self.data:
            self.find_jumps(words)

    def find_includes(self, folders):
        own = os.path.dirname(self.path) or "."
        for match in INCLUDE.finditer(self.data):
            quoted, name = match.group(2) is not None, match.group(2) or match.group(3)
            name = name.decode("latin-1")
            searched = ([own] if quoted else []) + folders
            for find in (lambda f, n: (p := os.path.join(f, n)) and os.path.isfile(p) and p or None,
                         find_loosely):
                target = next((p for p in (find(f, name) for f in searched) if p), None)
                if target:
                    self.includes.append((match, target))
                    break

    def find_commas(self):
        for define in DEFINE.finditer(self.data):
            for comma in COMMA.finditer(define.group()):
                at = define.start() + comma.start()
                self.edits.append((at, at + 1, b" __VA_OPT__(,)"))

    def find_pastes(self):
        for define in ANY_DEFINE.finditer(self.data):
            for paste in PASTE.finditer(define.group()):
                at = define.start() + paste.start(1 if paste.group(1) else 2)
                self.edits.append((at, at + 2, b""))

    def find_words(self):
        """Types: their words come one after the other; two longs, or a double, stay. Names of the
        function next to a string."""
        run, before = [], None
        for match in PIECE.finditer(self.data):
            piece = match.group()
            if piece[:1] in b"/#" and match.group("skip"):
                continue
            if before is not None and (
                (piece[:1] == b'"' and before.group() in FUNCTION_WORDS)
                or (before.group()[:1] == b'"' and piece in FUNCTION_WORDS)
            ):
                word = match if piece in FUNCTION_WORDS else before
                if not self.edits or self.edits[-1][0] != word.start():
                    self.edits.append((word.start(), word.end(), b"__FILE_NAME__"))
            before = match
            if match.group("skip"):
                self.change_long(run)
                run = []
                continue
            if match.group("word") in TYPE_WORDS:
                run.append(match)
                continue
            self.change_long(run)
            run = []
            number = match.group("number") and LONG_NUMBER.match(match.group("number"))
            if number:
                sign = b"U" if number.group(2) or number.group(3) else b""
                self.edits.append((match.start(), match.end(), number.group(1) + sign))
            number = match.group("number") and SIZED_NUMBER.match(match.group("number"))
            if number:
                size = b"ll" if number.group(3) == b"64" else b""
                self.edits.append((match.start(), match.end(),
                                   number.group(1) + number.group(2) + size))
        self.change_long(run)

    def change_long(self, run):
        words = [match.group() for match in run]
        if words.count(b"long") == 1 and b"double" not in words:
            match = run[words.index(b"long")]
            self.edits.append((match.start(), match.end(), b"" if b"int" in words else b"int"))

    def find_jumps(self, words):
        text = self.data.decode("latin-1")
        scanner = CHECK_TRY.Scanner(self.path, text, words)
        scanner.run()
        for number, (jump, start, end) in enumerate(scanner.jumps):
            label = b"ntboxJump%d" % number
            word = text[jump:].split(";", 1)[0].strip().encode()
            self.edits.append((jump, jump + len(word), b"goto " + label))
            self.edits.append((start, start, b"{ "))
            self.edits.append((end, end, b" if (0) { " + label + b": " + word + b"; } }"))

    def text(self, copies):
        """With its edits, and includes that are right from another folder."""
        edits = list(self.edits)
        seen = set()
        for match, target in self.includes:
            if match.start() in seen:
                continue
            seen.add(match.start())
            path = copies.get(os.path.realpath(target))
            if path is None and match.group(2) is None:
                continue
            name = os.path.abspath(path or target).encode("latin-1", "surrogateescape")
            edits.append((match.start(), match.end(), match.group(1) + b'"' + name + b'"'))
        data, at = b"", 0
        # Of insertions at one place, the inner statement's end comes first.
        for start, end, piece in sorted(edits, key=lambda e: e[0]):
            data += self.data[at:start] + piece
            at = end
        name = self.path.replace("\\", "\\\\").replace('"', '\\"')
        return b'#line 1 "' + os.fsencode(name) + b'"\n' + data + self.data[at:]


def read_all(sources, folders):
    files, waiting = {}, [(s, s.endswith(".c")) for s in sources]
    while waiting:
        path, words = waiting.pop()
        real = os.path.realpath(path)
        if real in files:
            continue
        try:
            files[real] = File(path, folders, words)
        except OSError:
            continue
        waiting += [(target, words) for _, target in files[real].includes]
    return files


def changed_files(files):
    """Those with edits, and all that include them, at any depth."""
    changed = {real for real, file in files.items() if file.edits}
    grows = bool(changed)
    while grows:
        more = {
            real
            for real, file in files.items()
            if real not in changed
            and any(os.path.realpath(target) in changed for _, target in file.includes)
        }
        changed |= more
        grows = bool(more)
    return changed


def write_file(path, data):
    """Whole or not at all: another compilation may be reading it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, path)


def write_copies(files, changed, cache):
    """Their names are known before their contents: a hash over everything."""
    total = hashlib.sha256()
    for real in sorted(changed):
        total.update(os.fsencode(real) + b"\0" + os.fsencode(files[real].path) + b"\0")
        total.update(files[real].data)
    folder = os.path.join(cache, total.hexdigest()[:16])
    copies = {
        real: os.path.join(folder, hashlib.sha256(os.fsencode(real)).hexdigest()[:8],
                           os.path.basename(real))
        for real in changed
    }
    for real, copy in copies.items():
        write_file(copy, files[real].text(copies))
    return copies


def main():
    cache, folders, sources, rest = sys.argv[1], [], [], iter(sys.argv[2:])
    for argument in rest:
        if argument == "-I":
            folders.append(next(rest))
        else:
            sources.append(argument)
    files = read_all(sources, folders)
    copies = write_copies(files, changed_files(files), cache)
    named = set()
    for path in [*sources, *(files[real].path for real in sorted(copies))]:
        copy = copies.get(os.path.realpath(path))
        if copy and path not in named:
            named.add(path)
            print(f"{path}\t{copy}")


if __name__ == "__main__":
    main()
