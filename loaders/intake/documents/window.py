"""Text of any length → the extent of each JSON value in it, within bounded memory.

A window slides over the text; an extent follows quotes and brackets through it, and so finds where
a value ends even where it is damaged, nested too deep for a parser or too large to hold.
"""

import re
from typing import TextIO

CHUNK = 1 << 16  # characters; an error that the decoder raises costs a look at all of them
LARGEST_READ = 1 << 26
_BLANKS = re.compile(r"[ \t\r\n]*")
_LINE_END = re.compile(r"[\r\n]")
_STRING = r'"(?:[^"\\]++|\\.)*+"'
_IN_STRING = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_BETWEEN_BRACKETS = re.compile(rf'(?:[^"{{}}\[\]]++|{_STRING})*+', re.DOTALL)
_BETWEEN_COMMAS = re.compile(rf'(?:[^"{{}}\[\],]++|{_STRING})*+', re.DOTALL)


class Window:
    """A part of a text: `text` from the place `at` on, which is on the line `line` (from 1)."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.text = ""
        self.at = 0
        self.line = 1

    def fill(self) -> bool:
        """Let go of what was passed, and read on: as much again as is kept; False at the end."""
        kept = self.text[self.at :]
        more = self._file.read(max(CHUNK, min(len(kept), LARGEST_READ)))
        if more.endswith("\r"):  # so that a line end is never cut in two
            more += self._file.read(1)
        self.text, self.at = kept + more, 0
        return bool(more)

    def pass_to(self, end: int) -> None:
        """Go on to a place, counting lines; CR, LF and CR LF end one."""
        self.line += self.text.count("\n", self.at, end)
        if self.text.find("\r", self.at, end) >= 0:
            returns = self.text.count("\r", self.at, end)
            self.line += returns - self.text.count("\r\n", self.at, end + 1)
        self.at = end

    def take(self, length: int) -> str:
        """The next characters, which are passed."""
        start = self.at
        self.pass_to(start + length)
        return self.text[start : start + length]

    def skip_blanks(self) -> str:
        """Pass over blanks; the next character, which is not passed, or "" at the end."""
        while True:
            found = _BLANKS.match(self.text, self.at)
            self.pass_to(found.end() if found else self.at)
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.fill():
                return ""


class Line:
    """The extent of a line."""

    def __init__(self) -> None:
        self.is_over = False

    def advance(self, text: str, at: int) -> int:
        """Follow a text from a place on, to the end of the value or of what is known of it."""
        end = _LINE_END.search(text, at)
        self.is_over = end is not None
        return end.start() if end else len(text)


class Value(Line):
    """The extent of an object or list, up to the bracket that closes it."""

    _plain = _BETWEEN_BRACKETS

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._is_in_string = False

    def advance(self, text: str, at: int) -> int:
        """Follow a text from a place on, to the end of the value or of what is known of it."""
        while at < len(text):
            pattern = _BETWEEN_BRACKETS if self._depth else self._plain
            found = (_IN_STRING if self._is_in_string else pattern).match(text, at)
            at = found.end() if found else at
            if at == len(text):
                break
            if text[at] == "\\":  # its twin is not known yet
                return at
            if text[at] == '"':
                self._is_in_string = not self._is_in_string
                at += 1
            else:
                at = self._step(text[at], at)
                if self.is_over:
                    break
        return at

    def _step(self, character: str, at: int) -> int:
        """Go over a bracket; where the value ends with it, behind it."""
        if character in "{[":
            self._depth += 1
        elif self._depth:
            self._depth -= 1
            self.is_over = not self._depth
        return at + 1


class Element(Value):
    """The extent of an element of a list, up to the comma or the bracket that ends it."""

    _plain = _BETWEEN_COMMAS

    def _step(self, character: str, at: int) -> int:
        if not self._depth and character in ",]":
            self.is_over = True
            return at
        at = super()._step(character, at)
        self.is_over = False
        return at
