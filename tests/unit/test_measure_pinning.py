"""Which cores a process runs on: the highest, those it is given, those near its GPU, or none that can be had."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.host import cores as host_cores
from pytest_modelbench.host.gpu import GpuFacts
from pytest_modelbench.measure import pinning
from pytest_modelbench.measure.pinning import keep_to, pin


@pytest.fixture
def affinity(monkeypatch: pytest.MonkeyPatch) -> dict[int, set[int]]:
    """Affinity per task, as set by the code under test; this thread starts with cores 0, 1, 4 and 5."""
    masks = {0: {0, 1, 4, 5}}

    def assign(task: int, cores: set[int]) -> None:
        if task == 13:
            raise ProcessLookupError  # ended between listing and pinning
        masks[task] = set(cores)

    monkeypatch.setattr(os, "sched_getaffinity", lambda task: masks[task], raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", assign, raising=False)
    monkeypatch.setattr(pinning, "_tasks", lambda: [0, 12, 13])
    return masks


@pytest.mark.parametrize(("threads", "cores"), [(1, (5,)), (2, (4, 5)), (9, (0, 1, 4, 5))])
def test_pin_takes_the_highest_allowed_cores_for_every_thread(
    affinity: dict[int, set[int]], threads: int, cores: tuple[int, ...]
) -> None:
    assert pin(threads) == cores
    assert affinity == {0: set(cores), 12: set(cores)}


def test_pin_does_nothing_where_the_system_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert pin(1) == ()


def test_pin_to_no_thread_is_an_error() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        pin(0)


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A GPU next to cores 4 to 7."""
    folder = tmp_path / "0000:17:00.0"
    folder.mkdir()
    (folder / "local_cpulist").write_text("4-7\n")
    monkeypatch.setattr(pinning, "gpu_facts", lambda device: GpuFacts(bus_id="0000:17:00.0"))
    monkeypatch.setattr(pinning, "cores_near", lambda bus_id: host_cores.cores_near(bus_id, tmp_path))


@pytest.mark.usefixtures("near")
@pytest.mark.parametrize(
    ("wanted", "cores"), [("near", {4, 5}), ("4", {4}), ("0-1,5", {0, 1, 5}), ("any", {0, 1, 4, 5})]
)
def test_what_launches_runs_on_the_cores_that_are_wanted(
    affinity: dict[int, set[int]], wanted: str, cores: set[int]
) -> None:
    keep_to(wanted, "cuda:0")
    assert affinity[0] == cores


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("0-9", "--modelbench-host-cores=0-9: this process may not use 2, 3, 6, 7, 8, 9; it may use 0, 1, 4, 5"),
        ("fast", "--modelbench-host-cores=fast: write any, near, or cores as in 8-15,40"),
        ("3-1", "--modelbench-host-cores=3-1: write any, near, or cores as in 8-15,40"),
        ("near", "the system does not tell which cores are near cuda:0"),
    ],
)
def test_cores_that_cannot_be_had_are_refused(
    monkeypatch: pytest.MonkeyPatch, affinity: dict[int, set[int]], wanted: str, told: str
) -> None:
    monkeypatch.setattr(pinning, "gpu_facts", lambda device: None)
    before = dict(affinity)
    with pytest.raises(UsageError, match=told):
        keep_to(wanted, "cuda:0")
    assert affinity == before


def test_a_process_that_may_use_no_core_near_its_gpu_is_told_so(
    monkeypatch: pytest.MonkeyPatch, affinity: dict[int, set[int]], tmp_path: Path, near: None
) -> None:
    (tmp_path / "0000:17:00.0" / "local_cpulist").write_text("8-15\n")
    with pytest.raises(UsageError, match="this process may use none of the cores near cuda:0"):
        keep_to("near", "cuda:0")


def test_nothing_is_near_a_gpu_that_the_bus_does_not_know(tmp_path: Path) -> None:
    assert host_cores.cores_near("0000:99:00.0", tmp_path) is None
    assert host_cores.cores_near("", tmp_path) is None
