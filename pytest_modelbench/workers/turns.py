"""A worker's side of a duet: it asks before it starts a test and before each sample, and waits for the answer.

Messages to the controller: ``begin`` (a test is about to start), ``ready`` (a timing is warmed up), ``sample`` (taken).
Answers: ``go``, ``sample``, ``enough``.
"""

from __future__ import annotations

import queue
from dataclasses import asdict

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.workers.protocol import Channel


class WorkerTurns:
    """The one twin's word with the controller; ``answers`` yields what the controller says, in order."""

    def __init__(self, channel: Channel, answers: queue.SimpleQueue[str]) -> None:
        self._channel = channel
        self._answers = answers
        self._test = ""
        self._timings = 0

    def begin(self, test: str) -> None:
        """Wait until ``test`` may start."""
        self._test, self._timings = test, 0
        self._channel.send("begin", test=test)
        self._answers.get()

    def ready(self, case: str, amount: Amount) -> int:
        """Announce a timing of ``case`` in such an ``amount`` of blocks; its number in the test, from 0."""
        number, self._timings = self._timings, self._timings + 1
        self._channel.send("ready", test=self._test, timing=number, case=case, amount=asdict(amount))
        return number

    def wait(self) -> bool:
        """Whether to take a sample, once the controller says so."""
        return self._answers.get() == "sample"

    def done(self, level: float, disturbed: bool) -> None:
        """Hand over a sample."""
        self._channel.send("sample", test=self._test, level=level, disturbed=disturbed)
