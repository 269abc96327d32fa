"""Workers that are scripts: what one tells, event by event, without a process behind it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.workers.connection import Timeout
from pytest_modelbench.workers.events import Event, Finished, Reported, Started

#: Where scripted workers say that they measure.
ENVIRONMENT = Environment("cpu", "a CPU", "cpu-a", {}, {})


class ScriptedWorker:
    """A `workers.connection.Connection` that tells what its script says; then it has died of ``cause``, or was done.

    A script that is a generator is sent what the worker is answered, None where it did not ask. It may not go on while
    the worker is stopped. ``answered`` hears every answer; ``left`` says whether the worker's end was waited for.
    """

    def __init__(
        self, script: Iterable[Event], *, cause: str = "it died", answered: Callable[[str], object] | None = None
    ) -> None:
        self.cause = cause
        self.running = True
        self.left = False
        self._script = iter(script)
        self._answered = answered
        self._answer: str | None = None

    def messages(self, timeout_s: Timeout) -> Iterator[Event]:
        """What the script says."""
        try:
            event = next(self._script)
            while True:
                if not self.running:
                    raise AssertionError(f"{event} is told while the worker is stopped")
                yield event
                event = self._script.send(self._answer) if isinstance(self._script, Generator) else next(self._script)
        except StopIteration:
            return

    def answer(self, word: str) -> None:
        """Keep ``word`` for the script."""
        self._answer = word
        if self._answered is not None:
            self._answered(word)

    def pause(self) -> None:
        """Stop."""
        self.running = False

    def resume(self) -> None:
        """Go on."""
        self.running = True

    def wait(self) -> int:
        """Exit status 0."""
        self.left = True
        return 0

    def death(self) -> str:
        """The cause."""
        return self.cause


def launching(
    worker_for: Callable[[list[str], int], ScriptedWorker], jobs: list[tuple[int, list[str]]]
) -> Callable[[Sequence[str], int], AbstractContextManager[ScriptedWorker]]:
    """A `workers.connection.Launch` of what ``worker_for(tests, process)`` makes; ``jobs`` gets process and tests."""

    @contextmanager
    def launch(tests: Sequence[str], process: int) -> Iterator[ScriptedWorker]:
        jobs.append((process, list(tests)))
        yield worker_for(list(tests), process)

    return launch


def report(when: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    """A report as a worker serializes it."""
    return {"when": when, "outcome": outcome, "duration": 0.1, **more}


def reported(test: str, outcome: str = "passed") -> Iterator[Reported]:
    """The reports of a whole test, whose call has this ``outcome``."""
    for when in ("setup", "call", "teardown"):
        yield Reported(test, report(when, outcome if when == "call" else "passed"))


def whole(test: str, *between: Event) -> list[Event]:
    """A test from its beginning to its end."""
    return [Started(test), *between, Finished(test)]
