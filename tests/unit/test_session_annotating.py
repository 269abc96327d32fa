"""Which annotations a session leaves where: only in a job, at paths that its workspace has."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_modelbench.core.session import Outcome, TestResult
from pytest_modelbench.session.annotating import annotations_of, without_commands_in

TESTS = (
    TestResult("t.py::slow", Outcome.FAILED, 1.0, "slow", by_verdict=True),
    TestResult("t.py::open", Outcome.INCONCLUSIVE, 1.0, "open"),
)


def config(root: Path) -> Any:
    return SimpleNamespace(rootpath=root)


def items(folder: Path) -> list[Any]:
    return [
        SimpleNamespace(nodeid=test.test, path=folder / "t.py", location=("t.py", line, test.test))
        for test, line in zip(TESTS, (6, None), strict=True)
    ]


@pytest.mark.parametrize("value", [None, "", "false", "1"])
def test_outside_of_a_job_there_are_none(tmp_path: Path, value: str | None) -> None:
    variables = {} if value is None else {"GITHUB_ACTIONS": value}
    assert annotations_of(config(tmp_path), items(tmp_path), TESTS, variables) == []


def test_paths_start_from_the_workspace_whichever_way_that_is_reached(tmp_path: Path) -> None:
    (tmp_path / "real/pkg").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path / "link")}
    assert annotations_of(config(tmp_path), items(tmp_path / "real/pkg"), TESTS, variables) == [
        "::error file=pkg/t.py,line=7,title=modelbench%3A slow::slow",
        "::warning file=pkg/t.py,line=1,title=modelbench%3A open::open",
    ]
    without = annotations_of(config(tmp_path / "real"), items(tmp_path / "real"), TESTS, {"GITHUB_ACTIONS": "true"})
    assert [line.partition(",")[0] for line in without] == ["::error file=t.py", "::warning file=t.py"]


def test_a_file_outside_of_the_workspace_is_not_named(tmp_path: Path) -> None:
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path / "elsewhere")}
    assert annotations_of(config(tmp_path), items(tmp_path), TESTS, variables) == [
        "::error title=modelbench%3A slow::slow",
        "::warning title=modelbench%3A open::open",
    ]


@pytest.mark.parametrize(("value", "told"), [("true", ": :stop-commands::x"), ("false", "::stop-commands::x")])
def test_commands_are_broken_in_a_job_alone(value: str, told: str) -> None:
    assert without_commands_in("::stop-commands::x", {"GITHUB_ACTIONS": value}) == told
