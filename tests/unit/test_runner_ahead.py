"""Workers that start before their turn, with workers that only say what happens to them."""

import pytest

from pytest_modelbench.runner.ahead import Ahead
from pytest_modelbench.runner.protocol import Turn


class FakeWorker:
    """Notes what happens to it in ``log``; dies before it waits if it is told to."""

    def __init__(self, log, process, dies=False):
        self.log, self.name, self.dies = log, f"worker {process}", dies
        self.note("starts")

    def note(self, what):
        self.log.append(f"{self.name} {what}")

    def messages(self, timeout_s):
        yield {"kind": "warning", "text": "early"}
        if self.dies:
            return
        yield {"kind": "held"}
        yield {"kind": "done"}

    def pause(self):
        self.note("waits")

    def resume(self):
        self.note("goes on")

    def answer(self, word):
        turn = Turn.from_word(word)
        self.note(f"runs {' '.join(turn.tests)}, calm {turn.calm_s}")

    def death(self):
        return f"{self.name} died"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.note("is ended")


def made(log, looks=(2, 4), together=2, dying=(), calm_s=lambda: None):
    def start(tests, process):
        return FakeWorker(log, process, process in dying)

    return Ahead(start, looks, lambda test: 1.0, calm_s, together)


def kinds(worker):
    return [message["kind"] for message in worker.messages(lambda test: 1.0)]


def test_those_up_to_the_next_look_start_together_and_one_runs_at_a_time():
    log, calm = [], iter([None, 0.5])
    with made(log, calm_s=lambda: next(calm)) as ahead:
        with ahead.launch(["a", "b"], 1) as worker:
            assert kinds(worker) == ["warning", "done"]
        with ahead.launch(["b"], 2) as worker:
            assert kinds(worker) == ["warning", "done"]
    assert log == [
        "worker 1 starts", "worker 2 starts", "worker 1 waits", "worker 2 waits",
        "worker 1 goes on", "worker 1 runs a b, calm None", "worker 1 is ended",
        "worker 2 goes on", "worker 2 runs b, calm 0.5", "worker 2 is ended",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("looks", "together", "process", "started"),
    [((2, 4), 2, 3, [3, 4]), ((3,), 2, 1, [1, 2]), ((3,), 2, 3, [3]), ((8,), 1, 1, [1]), ((1, 2), 2, 1, [1])],
)
def test_never_beyond_the_next_look_nor_more_than_go_together(looks, together, process, started):
    log = []
    with made(log, looks, together) as ahead, ahead.launch(["a"], process):
        pass
    assert [line for line in log if line.endswith("starts")] == [f"worker {number} starts" for number in started]


def test_what_is_not_needed_is_ended():
    log = []
    with pytest.raises(KeyboardInterrupt), made(log) as ahead, ahead.launch(["a"], 1):
        raise KeyboardInterrupt
    assert log[-2:] == ["worker 1 is ended", "worker 2 is ended"]


def test_the_rest_of_a_pass_after_a_crash_starts_alone():
    """Its tests are not those of the passes that follow."""
    log = []
    with made(log, looks=(4,)) as ahead:
        for process, tests in ((1, ["a", "b"]), (2, ["a", "b"]), (2, ["b"]), (3, ["a", "b"])):
            with ahead.launch(tests, process):
                pass
    assert [line for line in log if line.endswith("starts")] == [f"worker {n} starts" for n in (1, 2, 2, 3, 4)]


def test_one_that_dies_before_its_turn_dies_in_its_turn():
    with made([], dying=[2]) as ahead:
        with ahead.launch(["a"], 1) as worker:
            assert kinds(worker) == ["warning", "done"]
        with ahead.launch(["a"], 2) as worker:
            assert kinds(worker) == ["warning"]
            assert worker.death() == "worker 2 died"
