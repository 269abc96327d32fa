"""What plugins hand to workers, as pytest-xdist asks them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_modelbench.session import launch
from pytest_modelbench.session.handed import worker_input
from pytest_modelbench.session.launch import BASE, ROUND, Launcher

OWN = {"workerid": "modelbench-base", "workercount": 1, "testrunuid": "abc", "mainargv": ["pytest"]}


def config(*hooks: Any) -> Any:
    def implementation(function: Any) -> Any:
        name = getattr(function, "plugin", "somebody")
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        return SimpleNamespace(function=function, argnames=names, plugin_name=name, hookwrapper=False, wrapper=False)

    hook = SimpleNamespace(get_hookimpls=lambda: [implementation(one) for one in hooks])
    return SimpleNamespace(hook=SimpleNamespace(pytest_configure_node=hook))


def test_a_plugin_finds_which_worker_it_is_and_hands_over_what_it_adds() -> None:
    def database(node: Any) -> None:
        node.workerinput["database"] = f"test_{node.gateway.id}_{node.workerinput['workerid']}"

    def nothing() -> None:
        raise AssertionError("it hands over nothing")

    def no_json(node: Any) -> None:
        node.workerinput |= {"lost": 1, "what": object()}

    given = worker_input(config(database, nothing, no_json), OWN)
    assert given == {"database": "test_modelbench-base_modelbench-base"}
    assert OWN.keys() == {"workerid", "workercount", "testrunuid", "mainargv"}


def test_each_kind_of_worker_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that draws at random, or counts, hands the same to all processes that are compared."""
    asked: list[str] = []

    def given(config: Any, own: Any) -> dict[str, Any]:
        asked.append(own["workerid"])
        return {"draw": len(asked)}

    monkeypatch.setattr(launch, "worker_input", given)
    launcher = Launcher(SimpleNamespace(rootpath=SimpleNamespace(resolve=lambda: None)), None)  # type: ignore[arg-type]
    handed = [launcher._handed_to(worker) for worker in (ROUND, BASE, ROUND, BASE)]
    assert asked == [ROUND, BASE]
    assert handed == [{"draw": 1}, {"draw": 2}] * 2
