"""Whose lines a failing test shows: its own and its model's, without what only passed the call on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import pytest_modelbench
from pytest_modelbench.core.errors import ModelbenchError

_OWN = str(Path(pytest_modelbench.__file__).parent) + os.sep
#: Tests that this tool brings along are tests all the same: what they call is what failed.
_TESTS = os.path.join(_OWN, "session", "listed_tests.py")
#: Styles that are asked for to see everything; --full-trace is another way.
_WHOLE = ("long", "native")


def show_own_lines(call: pytest.CallInfo[Any], option: Any) -> None:
    """Take out of the traceback of ``call``, and of what its error came from, frames of this tool and of torch.

    ``option`` are pytest's: with --full-trace, --tb=long, --tb=native and --pdb all frames stay. So they do where
    this tool itself raised what it does not raise on purpose, or nothing would be left.
    """
    found = call.excinfo
    # With -p no:terminal, or no:debugging, there are no such options.
    asked = [getattr(option, name, False) for name in ("fulltrace", "usepdb")]
    whole = any(asked) or getattr(option, "tbstyle", "auto") in _WHOLE
    if found is None or whole or found.errisinstance(pytest.skip.Exception):
        return
    for error in _chain(found.value):
        error.__traceback__ = _without_ours(error, error.__traceback__)
    if (traceback := found.value.__traceback__) is not None:
        call.excinfo = pytest.ExceptionInfo.from_exc_info((found.type, found.value, traceback))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _without_ours(error: BaseException, traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without frames that are nobody's who reads it."""
    frames = list(_frames(traceback))
    whose = [_whose(frame) for frame in frames]
    if not frames or (whose[-1] == "own" and not isinstance(error, ModelbenchError)):
        return traceback
    first = next((at for at, one in enumerate(whose) if one == "own"), 0)
    # A model that torch alone is made of has no line of its own: its last one then tells which layer it was.
    of_theirs = any(one == "" for one in whose[first:])
    kept = [
        frame
        for at, (frame, one) in enumerate(zip(frames, whose, strict=True))
        if not one or (one == "torch" and not of_theirs and at == len(frames) - 1)
    ]
    linked: TracebackType | None = None
    for frame in reversed(kept):
        linked = TracebackType(linked, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return linked or traceback


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _whose(frame: TracebackType) -> str:
    """``own`` for this tool's, ``torch`` for torch's, empty for all others."""
    file = frame.tb_frame.f_code.co_filename
    if file.startswith(_OWN):
        return "" if file == _TESTS else "own"
    torch = getattr(sys.modules.get("torch"), "__file__", None)
    return "torch" if torch and file.startswith(str(Path(torch).parent) + os.sep) else ""
