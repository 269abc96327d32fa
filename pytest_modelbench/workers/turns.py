"""A worker's side of a pair: it asks before it starts a test and before each sample, and waits for the answer.

It asks by the events `Begin`, `Ready` and `Taken`; answers are ``go``, ``sample``, ``enough``.
"""

from __future__ import annotations

import queue

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.workers.events import Begin, Ready, Taken
from pytest_modelbench.workers.wire import Channel


class WorkerTurns:
    """The process's word with the controller; ``answers`` yields what the controller says, in order."""

    def __init__(self, channel: Channel, answers: queue.SimpleQueue[str]) -> None:
        self._channel = channel
        self._answers = answers
        self._test = ""
        self._timings = 0

    def begin(self, test: str) -> None:
        """Wait until ``test`` may start."""
        self._test, self._timings = test, 0
        self._channel.send(Begin(test))
        self._answers.get()

    def ready(self, case: str, amount: Amount) -> int:
        """Announce a timing of ``case`` in such an ``amount`` of blocks; its number in the test, from 0."""
        number, self._timings = self._timings, self._timings + 1
        self._channel.send(Ready(self._test, number, case, amount))
        return number

    def wait(self) -> bool:
        """Whether to take a sample, once the controller says so."""
        return self._answers.get() == "sample"

    def done(self, log_s: float, disturbed: bool) -> None:
        """Hand over a sample."""
        self._channel.send(Taken(self._test, log_s, disturbed))
