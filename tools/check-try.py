#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-try.py [--adapted] FILE... - finds jumps out of __try and __finally blocks that ntbox does
not support.

break and continue that leave a __try block, and break, continue and return that leave a __finally
block, are reported as "FILE:LINE: WORD leaves a __try block; not supported"; the exit status is then
1. With --adapted those out of a __try block are not: adapt-sources.py has made them work. The program reads words, not C: comments, strings and preprocessor lines are skipped, statements
are followed, macros are not expanded (what a macro hides is found when it runs).
"""
import re
import sys

TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|
        "(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|
        (?P<line>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)|
        (?P<word>[A-Za-z_]\w*)|(?P<other>::|.)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
TRY = {"__try", "_try"}
EXCEPT = {"__except", "_except"}
FINALLY = {"__finally", "_finally"}


def tokens_of(text):
    """The words and signs of the text, each with its line and place."""
    line, result = 1, []
    for match in TOKEN.finditer(text):
        piece = match.group()
        if match.group("word") or match.group("other"):
            result.append((piece, line, match.start()))
        line += piece.count("\n")
    return result


class Scope:
    """What break and continue would leave here: a loop or switch of its own (None), or a block."""

    def __init__(self, on_break=None, on_continue=None, on_return=None):
        self.jumps = {"break": on_break, "continue": on_continue, "return": on_return}
        self.tries = {"break": None, "continue": None}  # the outermost __try left, by number

    def loop(self):
        return Scope(None, None, self.jumps["return"])

    def switch(self):
        scope = Scope(None, self.jumps["continue"], self.jumps["return"])
        scope.tries["continue"] = self.tries["continue"]
        return scope

    def block(self, name, number=None):
        """A jump that leaves this block may leave others around it; a __finally is the worst."""
        worst = lambda word: "__finally" if self.jumps[word] == "__finally" else name
        scope = Scope(worst("break"), worst("continue"),
                      name if name == "__finally" else self.jumps["return"])
        for word, outer in self.tries.items():
            scope.tries[word] = number if outer is None else outer
        return scope


class Scanner:
    def __init__(self, path, text, plain_words):
        self.path, self.tokens, self.at, self.found = path, tokens_of(text), 0, []
        self.tries = []  # of each __try statement: where it starts and ends
        self.jumps = []  # that leave __try blocks only: where, and the bounds of the outermost
        extra = lambda words, plain: words | {plain} if plain_words else words
        self.try_words = extra(TRY, "try")
        self.except_words = extra(EXCEPT, "except")
        self.finally_words = extra(FINALLY, "finally")

    def peek(self, ahead=0):
        index = self.at + ahead
        return self.tokens[index][0] if index < len(self.tokens) else ""

    def skip_parentheses(self):
        """From "(" to behind its ")". Braces inside are a lambda's or a statement expression's."""
        depth = 0
        while self.at < len(self.tokens):
            piece = self.peek()
            if piece == "{":
                self.compound(Scope())
                continue
            self.at += 1
            depth += (piece == "(") - (piece == ")")
            if depth == 0:
                return

    def skip_braces(self):
        depth = 0
        while self.at < len(self.tokens):
            depth += (self.peek() == "{") - (self.peek() == "}")
            self.at += 1
            if depth == 0:
                return

    def compound(self, scope):
        self.at += 1
        while self.at < len(self.tokens) and self.peek() != "}":
            self.statement(scope)
        self.at += 1

    def head_and_body(self, scope):
        self.at += 1
        if self.peek() == "constexpr":
            self.at += 1
        if self.peek() == "(":
            self.skip_parentheses()
        self.statement(scope)

    def guarded(self, scope):
        number = len(self.tries)
        self.tries.append([self.tokens[self.at][2], 0])
        self.at += 1
        self.statement(scope.block("__try", number))
        if self.peek() in self.except_words:
            self.head_and_body(scope)
        elif self.peek() in self.finally_words:
            self.at += 1
            self.statement(scope.block("__finally"))
        last = self.tokens[min(self.at, len(self.tokens)) - 1]
        self.tries[number][1] = last[2] + len(last[0])

    def expression(self):
        """To the ";" or the end of a body that follows, as a function's."""
        before = ""
        while self.at < len(self.tokens):
            piece = self.peek()
            if piece == "}":
                return
            if piece == "(":
                self.skip_parentheses()
                before = ")"
                continue
            if piece == "{":
                if before in {"=", ",", "]", "return"}:
                    self.skip_braces()
                    before = "}"
                    continue
                self.compound(Scope())
                return
            self.at += 1
            if piece == ";":
                return
            before = piece

    def statement(self, scope):
        word, line, place = self.tokens[self.at] if self.at < len(self.tokens) else ("", 0, 0)
        if word == "{":
            self.compound(scope)
        elif word in {"for", "while"}:
            self.head_and_body(scope.loop())
        elif word == "do":
            self.at += 1
            self.statement(scope.loop())
            self.expression()
        elif word == "switch":
            self.head_and_body(scope.switch())
        elif word == "if":
            self.head_and_body(scope)
            if self.peek() == "else":
                self.at += 1
                self.statement(scope)
        elif word in self.try_words:
            self.guarded(scope)
        elif word in {"case", "default"} or (
            self.peek(1) == ":" and re.match(r"[A-Za-z_]", word)
        ):
            while self.at < len(self.tokens) and self.peek() not in {":", ";", "}"}:
                self.at += 1
            self.at += self.peek() == ":"
        else:
            if scope.jumps.get(word):
                self.found.append((line, f"{word} leaves a {scope.jumps[word]} block"))
                if scope.jumps[word] == "__try":
                    self.jumps.append((place, scope.tries[word]))
            self.expression()

    def run(self):
        while self.at < len(self.tokens):
            start = self.at
            self.statement(Scope())
            if self.at == start:
                self.at += 1
        self.jumps = [(place, *self.tries[number]) for place, number in self.jumps]
        return self.found


def main():
    status, paths = 0, sys.argv[1:]
    adapted = paths[:1] == ["--adapted"]
    for path in paths[1:] if adapted else paths:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        for line, what in Scanner(path, text, path.endswith(".c")).run():
            if not (adapted and what.endswith("__try block")):
                print(f"{path}:{line}: {what}; not supported")
                status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
