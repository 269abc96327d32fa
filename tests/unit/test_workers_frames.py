"""Whose lines a failing test shows. Files are named as if they lay where the frames of a real one do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import pytest_modelbench
from pytest_modelbench.core.errors import BuildError
from pytest_modelbench.workers.frames import show_own_lines

OURS = pytest_modelbench.__file__.replace("__init__.py", "bench/timing.py")
TORCH = "/site/torch/nn/modules/module.py"


@pytest.fixture(autouse=True)
def torch(monkeypatch):
    """What is imported as torch lies elsewhere."""
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(__file__="/site/torch/__init__.py"))


def passes_on(file: str, name: str, inner: Callable[[], object]) -> Callable[[], object]:
    """A function in ``file`` that calls ``inner``."""
    scope: dict[str, Any] = {"inner": inner}
    exec(compile(f"def {name}():\n    return inner()\n", file, "exec"), scope)
    return scope[name]


def chain(*frames: tuple[str, str], error: Exception) -> Callable[[], object]:
    """Functions that call each other, the first one outermost; the last one raises ``error``."""

    def throw() -> None:
        raise error

    call: Callable[[], object] = throw
    file, name = frames[-1]
    scope: dict[str, Any] = {"error": error}
    exec(compile(f"def {name}():\n    raise error\n", file, "exec"), scope)
    call = scope[name]
    for file, name in reversed(frames[:-1]):
        call = passes_on(file, name, call)
    return call


def shown(call: Callable[[], object], **option: Any) -> list[str]:
    """Names of the functions that the failure of ``call`` shows, its own frame left out."""
    info: Any = pytest.CallInfo.from_call(call, "call")
    show_own_lines(info, SimpleNamespace(**{"fulltrace": False, "tbstyle": "auto", **option}))
    return [entry.name for entry in info.excinfo.traceback if entry.name != "from_call"]


TEST, MODEL = ("test_net.py", "test_net"), ("net.py", "forward")
RUN, CALL, LINEAR = (OURS, "run"), (TORCH, "_call_impl"), (TORCH, "linear")


@pytest.mark.parametrize(
    ("frames", "names"),
    [
        ((TEST, RUN, RUN, CALL, MODEL, CALL, LINEAR), ["test_net", "forward"]),
        ((TEST, RUN, CALL, MODEL), ["test_net", "forward"]),
        # A model of torch's modules alone: the last line tells which one it was.
        ((TEST, RUN, CALL, CALL, LINEAR), ["test_net", "linear"]),
        # What does not go through this tool is left as it is where it matters: the test's own line.
        ((TEST, CALL, LINEAR), ["test_net"]),
        ((TEST, MODEL), ["test_net", "forward"]),
    ],
)
def test_frames_of_the_test_and_its_model_stay(frames, names):
    assert shown(chain(*frames, error=RuntimeError())) == names


@pytest.mark.parametrize(
    "option", [{"fulltrace": True}, {"tbstyle": "long"}, {"tbstyle": "native"}, {"usepdb": True}], ids=str
)
def test_all_of_them_stay_where_that_is_asked_for(option):
    frames = (TEST, RUN, CALL, MODEL)
    assert shown(chain(*frames, error=RuntimeError()), **option) == [name for _, name in frames]


@pytest.mark.parametrize("style", ["auto", "short", "line"])
def test_a_fault_of_this_tool_is_shown_whole_and_what_it_says_on_purpose_is_not(style):
    assert shown(chain(TEST, RUN, error=TypeError()), tbstyle=style) == ["test_net", "run"]
    assert shown(chain(TEST, RUN, error=BuildError("no")), tbstyle=style) == ["test_net"]


def test_what_an_error_came_from_shows_the_model_alone():
    inner = chain(RUN, CALL, MODEL, CALL, LINEAR, error=RuntimeError("shapes"))

    def build() -> None:
        try:
            inner()
        except RuntimeError as error:
            raise BuildError("cannot be run") from error

    info: Any = pytest.CallInfo.from_call(build, "call")
    show_own_lines(info, SimpleNamespace(fulltrace=False, tbstyle="auto"))
    cause = pytest.ExceptionInfo.from_exception(info.excinfo.value.__cause__)
    assert [entry.name for entry in cause.traceback] == ["build", "forward"]


def test_a_test_that_passes_or_skips_is_left_alone():
    passed: Any = pytest.CallInfo.from_call(lambda: None, "call")
    show_own_lines(passed, SimpleNamespace(fulltrace=False, tbstyle="auto"))
    assert passed.excinfo is None
    assert shown(chain(TEST, RUN, error=pytest.skip.Exception("no"))) == ["test_net", "run"]
