"""Workers that are scripts: generators of what a worker tells, which are sent what it is answered."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.workers.events import Event, Finished, Reported, Started

ENVIRONMENT = Environment("cpu", "a CPU", "cpu-a", {}, {})


class ScriptedWorker:
    """A `workers.connection.Connection`: it tells what its script says, runs only while it may, and notes answers."""

    def __init__(self, script: Iterable[Event], *, cause: str = "it died", answered: Callable[[str], None] = id):
        self._script = iter(script)
        self._answered = answered
        self._answer: str | None = None
        self.cause = cause
        self.running = True
        self.left = False

    def messages(self, timeout_s):
        asked = isinstance(self._script, Generator)
        try:
            event = next(self._script)
            while True:
                assert self.running, f"{event} is told while the worker is stopped"
                yield event
                event = self._script.send(self._answer) if asked else next(self._script)
        except StopIteration:
            return

    def answer(self, word):
        self._answer = word
        self._answered(word)

    def pause(self):
        self.running = False

    def resume(self):
        self.running = True

    def wait(self):
        self.left = True
        return 0

    def death(self):
        return self.cause


def launching(worker_for, jobs):
    """A launch of the workers that ``worker_for(tests, process)`` makes; ``jobs`` gets the tests of each."""

    @contextmanager
    def launch(tests, process):
        jobs.append((process, list(tests)))
        yield worker_for(list(tests), process)

    return launch


def report(when, outcome="passed", **more):
    """A report as a worker serializes it."""
    return {"when": when, "outcome": outcome, "duration": 0.1, **more}


def reported(test, outcome="passed"):
    """The reports of a whole test, whose call has this ``outcome``."""
    for when in ("setup", "call", "teardown"):
        yield Reported(test, report(when, outcome if when == "call" else "passed"))


def whole(test, *between):
    """A test from its beginning to its end."""
    return [Started(test), *between, Finished(test)]


def told(run):
    """What a run holds, less the time it took: measurements by name, and outcomes by phase."""
    values = {one.name: one.value for one in run.measurements if isinstance(one, Measurement)}
    return values, [(data["when"], data["outcome"]) for data in run.reports]
