"""A forward pass as a CUDA graph, on a torch.cuda that is made up: what is done in which order, and what fails."""

from contextlib import contextmanager

import pytest
import torch

from pytest_modelbench.core.errors import BuildError
from pytest_modelbench.models import graphs
from pytest_modelbench.models.graphs import graphed

DEVICE = torch.device("cuda", 0)


class FakeStream:
    def __init__(self, name, log):
        self.name, self._log = name, log

    def wait_stream(self, other):
        self._log.append(f"{self.name} waits for {other.name}")


class FakeGraph:
    def __init__(self, log):
        self._log = log

    def replay(self):
        self._log.append("replay")

    def reset(self):
        self._log.append("reset")


@pytest.fixture
def log(monkeypatch):
    log = []

    @contextmanager
    def stream(aside):
        log.append("aside")
        yield
        log.append("back")

    @contextmanager
    def graph(graph, stream):
        log.append("record")
        try:
            yield
        except RuntimeError:
            # What torch 2.11 does: the end of the recording has the last word, and the stream stays.
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture") from None
        finally:
            log.append("recorded")

    for name, value in {
        "current_stream": lambda device: FakeStream("current", log),
        "Stream": lambda device: FakeStream("aside", log),
        "CUDAGraph": lambda: FakeGraph(log),
        "stream": stream,
        "graph": graph,
        "set_stream": lambda stream: log.append(f"set {stream.name}"),
        "synchronize": lambda device: log.append("synchronize"),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(graphs, "FAILED", [])
    return log


def test_a_pass_is_recorded_aside_after_three_and_replayed(log):
    with graphed(lambda: log.append("run"), "net", DEVICE) as replay:
        replay()
    assert log == [
        "aside waits for current", "aside", "run", "run", "run", "back", "current waits for aside", "record", "run",
        "recorded", "set current", "replay", "synchronize", "reset",
    ]  # fmt: skip
    assert graphs.FAILED == []


def failing(log, error):
    def run():
        log.append("run")
        if log.count("run") > 3:
            raise error

    return run


def test_what_cannot_be_recorded_is_told_by_what_ended_it_and_leaves_the_process_in_doubt(log):
    waits = RuntimeError("Cannot copy between CPU and CUDA tensors during CUDA graph capture\nmore")
    with (
        pytest.raises(BuildError, match=r"recorded as a CUDA graph \(Cannot copy between .* capture\); leave"),
        graphed(failing(log, waits), "net-b1", DEVICE),
    ):
        pass
    assert log[-1] == "set current"
    assert graphs.FAILED == ["recording net-b1 as a CUDA graph failed"]


def test_what_has_no_memory_says_so(log):
    with (
        pytest.raises(torch.OutOfMemoryError),
        graphed(failing(log, torch.OutOfMemoryError("CUDA out of memory")), "net-b1", DEVICE),
    ):
        pass
    assert graphs.FAILED == ["recording net-b1 as a CUDA graph failed"]
