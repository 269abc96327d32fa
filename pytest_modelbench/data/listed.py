"""Files that lists and annotations name: below the folder that they are about, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_modelbench.core.errors import UsageError, hide_own_frames

__tracebackhide__ = hide_own_frames


def listed_file(folder: Path, name: str, where: str) -> Path:
    """The file called ``name`` below ``folder``; UsageError, which names ``where`` it is listed, if it is not there.

    Names that lead out of the folder, and such as no file can have, are refused; links in the folder are the user's.
    """
    shown = name if len(name) <= 100 else f"{name[:97]}..."
    inside = os.path.normpath(name)
    if os.path.isabs(name) or inside.split(os.sep)[0] == os.pardir:
        raise UsageError(f"{where} names {shown!r}, which lies outside of {folder}; correct the list")
    file = folder / name
    try:
        there = file.is_file() if "\0" not in name else None
    except OSError:  # too long
        there = None
    if there is None:
        raise UsageError(f"{where} names {shown!r}, which no file can be called; correct the list")
    if not there:
        raise UsageError(f"{where}: there is no file {file}; fetch it, name its folder, or take it off the list")
    return file


def listed_text(path: Path, what: str) -> str:
    """The text of the list at ``path``; UsageError if it is no file of UTF-8 text."""
    if path.exists() and not path.is_file():  # one that waits for a writer would do so for ever
        raise UsageError(f"{what} {path} is not a file; pass the path of one")
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"there is no {what} {path}; pass the path of one") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{what} {path} is not UTF-8 text: {error.reason} at byte {error.start}; correct it") from None
    except OSError as error:
        raise UsageError(f"{what} {path} cannot be read: {error.strerror}; make it readable") from error
