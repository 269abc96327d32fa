import os
from pathlib import Path

import pytest

from pytest_modelbench.host import cores as host


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda task: {5, 1}, raising=False)
    assert host.allowed_cores() == (1, 5)
    assert host.core_count() == 2


@pytest.mark.parametrize(("found", "count"), [(8, 8), (None, 1)])
def test_where_the_system_does_not_tell_it_is_the_whole_machine(
    monkeypatch: pytest.MonkeyPatch, found: int | None, count: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: found)
    assert host.allowed_cores() == ()
    assert host.core_count() == count


@pytest.mark.parametrize(("text", "cores"), [("0", (0,)), ("0,64", (0, 64)), ("0-2,5", (0, 1, 2, 5))])
def test_lists_of_cores(text: str, cores: tuple[int, ...]) -> None:
    assert host.parse_cpu_list(text) == cores


def test_threads_of_one_physical_core_are_grouped_as_far_as_they_are_ours(tmp_path: Path) -> None:
    for core, siblings in enumerate(["0-1", "0-1", "2,66"]):
        (tmp_path / f"cpu{core}" / "topology").mkdir(parents=True)
        (tmp_path / f"cpu{core}" / "topology" / "thread_siblings_list").write_text(f"{siblings}\n")
    assert host.smt_groups([0, 1, 2], tmp_path) == ((0, 1),)
    # The sibling 66 is not ours: whoever is there is somebody else.
    assert host.smt_groups([2], tmp_path) == ()
    assert host.smt_groups([7], tmp_path) is None
