"""Text from files and from other people's tests, so that it does no more than be read."""

from __future__ import annotations

import unicodedata


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
    return turns or unicodedata.category(character) in {"Cc", "Zl", "Zp"}
