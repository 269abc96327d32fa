"""Text from files and from other people's tests, so that it does no more than be read."""

from __future__ import annotations

import unicodedata

#: Marks that turn text around without any sign of their own, which Unicode classes with letters.
_MARKS = frozenset("\u200e\u200f\u061c")


def printable(text: str) -> str:
    """``text`` on one line: what would break the layout, drive the terminal or turn text around becomes spaces.

    Names come from files and from other people's tests.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if _drives(character) else character for character in text)


def printable_lines(text: str) -> str:
    """``text`` line by line `printable`."""
    return "\n".join(map(printable, text.split("\n")))


def _drives(character: str) -> bool:
    turns = unicodedata.bidirectional(character) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    # Tags spell words that nobody sees.
    hides = character in _MARKS or "\U000e0000" <= character <= "\U000e007f"
    return turns or hides or unicodedata.category(character) in {"Cc", "Zl", "Zp"}
