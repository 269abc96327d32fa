"""Files that the kernel writes its answers into."""

from __future__ import annotations

from pathlib import Path


def file_text(path: Path) -> str:
    """The text of a file without blanks around it; empty if it is not there or cannot be read.

    Names of processes may hold any bytes: those that are no text are replaced.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def parse_count(text: str) -> int | None:
    """The number that ``text`` is; None if it is anything else than digits with blanks around them."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() else None
