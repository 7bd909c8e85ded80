#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-try.py FILE... - finds jumps out of __try and __finally blocks that ntbox does not support.

break and continue that leave a __try block, and break, continue and return that leave a __finally
block, are reported as "FILE:LINE: WORD leaves a __try block; not supported"; the exit status is then
1. The program reads words, not C: comments, strings and preprocessor lines are skipped, statements
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
    """The words and signs of the text, each with its line."""
    line, result = 1, []
    for match in TOKEN.finditer(text):
        piece = match.group()
        if match.group("word") or match.group("other"):
            result.append((piece, line))
        line += piece.count("\n")
    return result


class Scope:
    """What break and continue would leave here: a loop or switch of its own (None), or a block."""

    def __init__(self, on_break=None, on_continue=None, on_return=None):
        self.jumps = {"break": on_break, "continue": on_continue, "return": on_return}

    def loop(self):
        return Scope(None, None, self.jumps["return"])

    def switch(self):
        return Scope(None, self.jumps["continue"], self.jumps["return"])

    def block(self, name):
        return Scope(name, name, name if name == "__finally" else self.jumps["return"])


class Scanner:
    def __init__(self, path, text, plain_words):
        self.path, self.tokens, self.at, self.found = path, tokens_of(text), 0, []
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
        self.at += 1
        self.statement(scope.block("__try"))
        if self.peek() in self.except_words:
            self.head_and_body(scope)
        elif self.peek() in self.finally_words:
            self.at += 1
            self.statement(scope.block("__finally"))

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
        word, line = self.tokens[self.at] if self.at < len(self.tokens) else ("", 0)
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
            self.expression()

    def run(self):
        while self.at < len(self.tokens):
            start = self.at
            self.statement(Scope())
            if self.at == start:
                self.at += 1
        return self.found


def main():
    status = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        for line, what in Scanner(path, text, path.endswith(".c")).run():
            print(f"{path}:{line}: {what}; not supported")
            status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
