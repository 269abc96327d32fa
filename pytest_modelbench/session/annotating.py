"""Which annotations a session leaves in a job of GitHub Actions, and at which lines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modelbench.core.session import TestResult

if TYPE_CHECKING:
    import pytest

    from pytest_modelbench.report.annotations import Place


def annotations_of(
    config: pytest.Config, items: Iterable[pytest.Item], tests: Sequence[TestResult], variables: Mapping[str, str]
) -> list[str]:
    """Lines to print, which is none outside of a job; ``variables`` are those of the environment."""
    if variables.get("GITHUB_ACTIONS") != "true":
        return []
    from pytest_modelbench.report.annotations import annotation_lines

    workspace = Path(variables.get("GITHUB_WORKSPACE") or config.rootpath)
    told = {test.test for test in tests if test.message}
    places = {item.nodeid: _place(item, workspace) for item in items if item.nodeid in told}
    return annotation_lines(tests, places)


def without_commands_in(text: str, variables: Mapping[str, str]) -> str:
    """``text`` as it is printed: in a job of GitHub Actions no line of it is a command."""
    if variables.get("GITHUB_ACTIONS") != "true":
        return text
    from pytest_modelbench.report.annotations import without_commands

    return without_commands(text)


def _place(item: pytest.Item, workspace: Path) -> Place:
    from pytest_modelbench.report.annotations import Place

    # Both as they are on the disk: the workspace of a runner may be reached by a link.
    path, base = os.path.realpath(item.path), os.path.realpath(workspace)
    inside = Path(path).is_relative_to(base)
    return Place(Path(path).relative_to(base).as_posix() if inside else "", (item.location[1] or 0) + 1)
