"""Workers started before their turn: two of them import side by side in the time of one.

Importing torch and timm takes a process three seconds of one core, more than a small model takes to measure. Which
processes come next is known up to the next look at the verdicts. They start together, and each waits, stopped, with
everything imported and no device touched, until those before it are done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from pytest_modelbench.host import core_count
from pytest_modelbench.runner.passes import LaunchPartner, Partner, Timeout
from pytest_modelbench.runner.protocol import Message, Turn

#: Workers that start together: each that waits holds a few hundred MB, and there may be no more cores than that.
TOGETHER = 2


class Early:
    """A worker that has started, and what it has said so far."""

    def __init__(self, worker: AbstractContextManager[Partner], timeout_s: Timeout) -> None:
        self._stack = ExitStack()
        self._worker = self._stack.enter_context(worker)
        self._messages = iter(self._worker.messages(timeout_s))
        self._said: list[Message] = []

    def settle(self) -> None:
        """Until it waits for its turn, stopped, or has died."""
        for message in self._messages:
            if message["kind"] == "held":
                self._worker.pause()
                return
            self._said.append(message)

    def go(self, turn: Turn) -> None:
        """Let it do what ``turn`` says."""
        self._worker.resume()
        self._worker.answer(turn.to_word())

    def end(self) -> None:
        """End the worker and everything it started."""
        self._stack.close()

    # --- as a pass sees it

    def messages(self, timeout_s: Timeout) -> Iterator[Message]:
        """All it says, from its start on. Its time is taken by what it was started with."""
        yield from self._said
        yield from self._messages

    def wait(self) -> int:
        """Exit status of a worker that is done."""
        return self._worker.wait()

    def death(self) -> str:
        """Why it ended early."""
        return self._worker.death()


class Ahead:
    """Starts workers for the passes up to the next of ``looks``; as a context manager it ends those not needed.

    ``start(tests, process)`` starts a worker whose job says ``hold``; ``calm_s()`` is what is known of the reference
    workload when a worker's turn comes.
    """

    def __init__(
        self,
        start: LaunchPartner,
        looks: Sequence[int],
        timeout_s: Timeout,
        calm_s: Callable[[], float | None],
        together: int | None = None,
    ) -> None:
        self._start = start
        self._looks = looks
        self._timeout_s = timeout_s
        self._calm_s = calm_s
        self._together = min(TOGETHER, core_count()) if together is None else together
        self._begun = 0  #: the latest pass that a worker was started for
        self._waiting: dict[int, Early] = {}

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        while self._waiting:
            self._waiting.popitem()[1].end()

    @contextmanager
    def launch(self, tests: Sequence[str], process: int) -> Iterator[Early]:
        """A worker on ``tests``, of a pass or of what a crash has left of one, whose turn it is now."""
        if process not in self._waiting:
            # After a crash the rest of a pass is all that is known: nothing is started ahead for that.
            last = self._last(process) if process > self._begun else process
            for number in range(process, last + 1):
                self._waiting[number] = Early(self._start(tests, number), self._timeout_s)
            # Nothing is measured before all of them are still.
            for number in range(process, last + 1):
                self._waiting[number].settle()
        self._begun = max(self._begun, process)
        worker = self._waiting.pop(process)
        try:
            worker.go(Turn(tests, self._calm_s()))
            yield worker
        finally:
            worker.end()

    def _last(self, process: int) -> int:
        """The last pass to start a worker for, together with that for ``process``."""
        look = next((look for look in self._looks if look >= process), process)
        return min(look, process + self._together - 1)
