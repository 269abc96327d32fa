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


class FakeMachine:
    """Cores that others keep busy so much of the time that a look lasts, told as the kernel does."""

    def __init__(self, folder: Path, busy: dict[int, float]) -> None:
        self.proc, self.cpus = folder / "proc", folder / "cpu"
        self.busy, self.looks = busy, 0
        self.proc.mkdir()
        for core in busy:
            (self.cpus / f"cpu{core}" / "topology").mkdir(parents=True)
        self.write(0)

    def write(self, ticks: int) -> None:
        rows = [
            f"cpu{core} {int(ticks * share)} 0 0 {ticks - int(ticks * share)} 7 0 0 0 0 0"
            for core, share in self.busy.items()
        ]
        (self.proc / "stat").write_text("\n".join(["cpu 1 2 3", *rows, "intr 5"]))

    def pause(self, seconds: float) -> None:
        self.looks += 1
        self.write(100 * self.looks)

    def siblings(self, groups: dict[int, str]) -> None:
        for core, text in groups.items():
            (self.cpus / f"cpu{core}" / "topology" / "thread_siblings_list").write_text(text)

    def kinds(self, kinds: dict[int, str]) -> None:
        for core, frequency in kinds.items():
            (self.cpus / f"cpu{core}" / "cpufreq").mkdir()
            (self.cpus / f"cpu{core}" / "cpufreq" / "cpuinfo_max_freq").write_text(frequency)

    def quietest(
        self, monkeypatch: pytest.MonkeyPatch, count: int = 1, allowed: set[int] | None = None
    ) -> tuple[int, ...]:
        monkeypatch.setattr(os, "sched_getaffinity", lambda task: allowed or set(self.busy), raising=False)
        return host.quietest_cores(count, self.proc, self.cpus, self.pause)


@pytest.mark.parametrize(
    ("busy", "count", "chosen"),
    [
        ({0: 0, 1: 0, 2: 0, 3: 0}, 1, (3,)),
        ({0: 0.05, 1: 0.0, 2: 0.08, 3: 0.09}, 1, (3,)),  # that little is no reason
        ({0: 0.5, 1: 0.2, 2: 0.6, 3: 1.0}, 1, (1,)),
        ({0: 0.0, 1: 0.0, 2: 0.5, 3: 1.0}, 2, (2, 3)),  # what several share decides how fast they are
        ({0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}, 1, (3,)),
        ({0: 0, 1: 1.0}, 2, (0, 1)),
    ],
)
def test_the_least_busy_cores_are_chosen_and_the_highest_of_those(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: dict[int, float], count: int, chosen: tuple[int, ...]
) -> None:
    machine = FakeMachine(tmp_path, busy)
    assert machine.quietest(monkeypatch, count) == chosen
    assert machine.looks == (1 if count == 1 else 0)


def test_a_busy_thread_of_the_same_physical_core_counts_as_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = FakeMachine(tmp_path, {0: 0.0, 1: 0.0, 2: 0.0, 3: 0.9})
    machine.siblings({0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"})
    assert machine.quietest(monkeypatch) == (2,)
    # The busy one need not be ours.
    assert machine.quietest(monkeypatch, allowed={0, 1}) == (0,)


def test_only_cores_as_fast_as_the_highest_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = FakeMachine(tmp_path, {0: 0.0, 1: 0.3, 2: 0.9})
    machine.kinds({0: "5000000", 1: "3000000", 2: "3000000"})
    assert machine.quietest(monkeypatch) == (1,)


def test_where_nothing_is_told_it_is_the_highest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = FakeMachine(tmp_path, {0: 0.0, 1: 1.0})
    (machine.proc / "stat").unlink()
    monkeypatch.setattr(machine, "write", lambda ticks: None)
    assert machine.quietest(monkeypatch) == (1,)
    monkeypatch.delattr(os, "sched_getaffinity")
    assert host.quietest_cores(1, machine.proc, machine.cpus, machine.pause) == ()
