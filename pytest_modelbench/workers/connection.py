"""What is needed of a worker, wherever it runs: the seam behind which pipes and process groups lie.

`workers.local.LocalWorker` is a process of this machine. Nothing above this file knows more than the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from pytest_modelbench.workers.events import Event, Quiet

#: How long a test may take in one process; for None, anything between tests.
Timeout = Callable[[str | None], float]


class Connection(Protocol):
    """One worker. Leaving its context ends it and all that it started."""

    def messages(self, timeout_s: Timeout) -> Iterable[Event | Quiet]:
        """Events until the worker's end; where nothing is told for a while, that may be told."""

    def answer(self, word: str) -> None:
        """Let a worker that asked go on."""

    def pause(self) -> None:
        """Stop the worker and all it started."""

    def resume(self) -> None:
        """Let the worker run again."""

    def wait(self) -> int:
        """Exit status of a worker that has nothing more to say."""

    def death(self) -> str:
        """Why it ended early, in words."""


#: Starts a worker on tests, as process (or as one of pair) number so many.
Launch = Callable[[Sequence[str], int], AbstractContextManager[Connection]]
