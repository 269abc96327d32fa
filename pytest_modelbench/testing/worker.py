"""A worker that follows a script: a `workers.connection.Connection` without a process behind it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from pytest_modelbench.workers.connection import Timeout
from pytest_modelbench.workers.events import Event

#: Yields events; what it is sent is the answer to the last of them, None where there was none.
Script = Generator[Event, str | None, None] | Iterable[Event]


class ScriptedWorker:
    """Says what its ``script`` says, then dies of ``cause``, or is done if it said so.

    A script that is a generator is sent the answers. ``log`` has ``(name, answer)`` for each, shared by workers that
    are given the same list.
    """

    def __init__(
        self, script: Script, cause: str = "it died", *, name: str = "", log: list[tuple[str, str]] | None = None
    ) -> None:
        self.cause = cause
        self.name = name
        self.log: list[tuple[str, str]] = [] if log is None else log
        self.running = True
        self._script = script
        self._answer: str | None = None

    def messages(self, timeout_s: Timeout) -> Iterator[Event]:
        """What the script says; it must not go on while the worker is stopped."""
        if not isinstance(self._script, Generator):
            yield from self._script
            return
        try:
            event = next(self._script)
            while True:
                if not self.running:
                    raise AssertionError(f"worker {self.name} runs while it is stopped")
                yield event
                event = self._script.send(self._answer)
        except StopIteration:
            return

    def answer(self, word: str) -> None:
        """Keep the answer for the script."""
        self._answer = word
        self.log.append((self.name, word))

    def pause(self) -> None:
        """Stop."""
        self.running = False

    def resume(self) -> None:
        """Go on."""
        self.running = True

    def wait(self) -> int:
        """Exit status 0."""
        return 0

    def death(self) -> str:
        """The cause."""
        return self.cause


def launching(
    worker: Callable[[Sequence[str], int], ScriptedWorker],
) -> Callable[[Sequence[str], int], AbstractContextManager[ScriptedWorker]]:
    """A `workers.connection.Launch` of the workers that ``worker(tests, process)`` makes."""

    @contextmanager
    def launch(tests: Sequence[str], process: int) -> Iterator[ScriptedWorker]:
        yield worker(tests, process)

    return launch
