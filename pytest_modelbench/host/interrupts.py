"""Ctrl-C, SIGTERM by which CI cancels a job, SIGHUP of a closed terminal: each ends what runs, where nothing takes it.

Python raises KeyboardInterrupt wherever it happens to be. In an import, in a finalizer or under a library's native code
it becomes another error there, or nothing at all. So it waits until the process itself waits.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

#: What these signals do unless somebody has said otherwise.
_DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
if sys.platform != "win32":
    _DEFAULTS[signal.SIGHUP] = signal.SIG_DFL


@dataclass
class _State:
    """What the handler knows; signals and their handlers belong to the process, and so does this."""

    deferring: bool = False
    waiting: bool = False
    pending: signal.Signals | None = None


_state = _State()


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Within, these signals raise KeyboardInterrupt in the next `interruptible` stretch, or else at the end.

    A second one raises it at once. A signal that somebody else handles, or ignores, stays theirs.
    """
    # Python lets the main thread alone set handlers.
    if threading.current_thread() is not threading.main_thread() or _state.deferring:
        yield
        return
    ours = [number for number, handler in _DEFAULTS.items() if signal.getsignal(number) is handler]
    _state.deferring, _state.pending = True, None
    for number in ours:
        signal.signal(number, _arrived)
    try:
        yield
        _raise_pending()
    finally:
        for number in ours:
            signal.signal(number, _DEFAULTS[number])
        _state.deferring = False


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """A stretch that only waits: a signal that has come, or comes, raises KeyboardInterrupt here."""
    _state.waiting = True
    try:
        _raise_pending()
        yield
    finally:
        _state.waiting = False


def _raise_pending() -> None:
    if _state.pending is not None:
        number, _state.pending = _state.pending, None
        raise _interruption(number)


def _arrived(number: int, frame: FrameType | None) -> None:
    now = signal.Signals(number)
    if _state.waiting or _state.pending is not None:
        _state.pending = None
        raise _interruption(now)
    _state.pending = now


def _interruption(number: signal.Signals) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else KeyboardInterrupt(number.name)
