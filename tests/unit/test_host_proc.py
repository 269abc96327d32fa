"""What /proc tells, from texts as the kernel writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.host.proc import (
    Process,
    out_of_memory_kills,
    parse_core,
    parse_counters,
    parse_load_1m,
    parse_memory,
    parse_process,
    parse_runnable,
    parse_schedstat,
    parse_stat,
    parse_switches,
    pid_namespace,
    processes,
    sees_every_process,
    siblings,
    swapped_pages,
)
from pytest_modelbench.testing.machine import process_stat

STAT = """\
cpu  10633 0 6734 208417 813 0 129 24 0 0
cpu0 1221 0 1514 110380 186 0 16 10 0 0
cpu1 9411 0 5219 98037 627 0 112 13 5 0
cpu10 1 1 1 1 1 1 1 1 0 0
intr 123
"""


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        ([1], (13, 9411 + 5219 + 98037 + 627 + 112 + 13)),
        ([0, 10], (11, 1221 + 1514 + 110380 + 186 + 16 + 10 + 8)),
        ([7], None),
        ([0, 7], None),
        ([], None),
    ],
)
def test_steal_is_read_for_the_cores_in_use(cores: list[int], expected: tuple[int, int] | None) -> None:
    assert parse_stat(STAT, cores) == expected


@pytest.mark.parametrize("text", ["", "cpu0 1 2 3", "cpu0 a b c d e f g h"])
def test_stat_of_another_shape_is_no_steal(text: str) -> None:
    assert parse_stat(text, [0]) is None


def test_other_files_are_read() -> None:
    assert parse_runnable("0.00 0.04 0.07 3/86 5494\n") == 3
    assert parse_load_1m("1.25 0.04 0.07 3/86 5494\n") == 1.25
    assert parse_switches("Name:\tpython\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t17\n") == 17
    assert parse_schedstat("1102435 2500000000 1\n") == 2.5


@pytest.mark.parametrize(
    "parse", [parse_runnable, parse_load_1m, parse_switches, parse_schedstat, parse_core, parse_process]
)
@given(text=st.text())
def test_what_is_no_such_file_is_none(parse: Callable[[str], object], text: str) -> None:
    assert parse(text) is None or any(character.isdecimal() for character in text)


# A name with blanks and parentheses, then fields 3 to 39 and some more.
THREAD = "4242 (a) b (c) R " + " ".join(str(number) for number in range(4, 39)) + " 11 0 0\n"


def test_core_is_field_39_whatever_the_program_is_called() -> None:
    assert parse_core(THREAD) == 11


@pytest.mark.parametrize("text", ["", "4242 (python) R 1 2 3", THREAD.replace(" 11 ", " x ")])
def test_stat_of_another_shape_tells_no_core(text: str) -> None:
    assert parse_core(text) is None


PROCESS = "4242 (a) b (c) S 7 1 1 0 -1 4194560 9 0 0 0 30 12 0 0 20 0 1 0"


def test_process_is_read_whatever_it_is_called() -> None:
    assert parse_process(PROCESS) == Process(4242, "a) b (c", parent=7, ticks=42)


@pytest.mark.parametrize("text", ["", "4242", "4242 (python) S", PROCESS.replace(" 30 ", " x "), PROCESS[4:]])
def test_stat_of_another_shape_is_no_process(text: str) -> None:
    assert parse_process(text) is None


def test_memory_is_told_in_bytes() -> None:
    text = "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\nHugePages_Total: 0\n"
    assert (parse_memory(text, "MemTotal"), parse_memory(text, "MemAvailable")) == (1_024_000, 409_600)
    assert parse_memory(text, "Mem") is None
    assert parse_memory(text, "HugePages_Total") is None


def test_counters_are_found_by_their_names(tmp_path: Path) -> None:
    text = "pgpgin 5\npswpin 10\npswpout 4\noom_kill 2\nodd x\n"
    assert parse_counters(text) == {"pgpgin": 5, "pswpin": 10, "pswpout": 4, "oom_kill": 2}
    (tmp_path / "vmstat").write_text(text)
    assert (swapped_pages(tmp_path), out_of_memory_kills(tmp_path)) == (14, 2)


def test_a_system_without_such_counters_tells_none(tmp_path: Path) -> None:
    (tmp_path / "vmstat").write_text("pgpgin 5\n")
    assert (swapped_pages(tmp_path), out_of_memory_kills(tmp_path)) == (None, None)
    assert (swapped_pages(tmp_path / "nowhere"), out_of_memory_kills(tmp_path / "nowhere")) == (None, None)


def write_processes(proc: Path, *stats: str) -> None:
    for number, stat in enumerate(stats):
        folder = proc / (stat.partition(" ")[0] or str(9000 + number))
        folder.mkdir()
        (folder / "stat").write_text(stat)
    (proc / "self").mkdir()
    (proc / "self" / "stat").write_text(PROCESS)


def test_siblings_are_what_the_same_parent_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getppid", lambda: 7)
    write_processes(
        tmp_path, process_stat(10, "pytest", 7), process_stat(11, "a) b) 7 (c", 7), process_stat(12, "7", 8), ""
    )
    assert siblings(tmp_path) == {10, 11}
    assert siblings(tmp_path / "nowhere") == frozenset()


def test_processes_that_end_meanwhile_are_left_out(tmp_path: Path) -> None:
    write_processes(tmp_path, process_stat(10, "pytest", 7), "")
    assert [process.pid for process in processes(tmp_path)] == [10]


@pytest.mark.parametrize(
    ("namespace", "everyone"), [("pid:[4026531836]", True), ("pid:[4026532211]", False), ("", False)]
)
def test_only_in_the_first_namespace_every_process_is_seen(tmp_path: Path, namespace: str, everyone: bool) -> None:
    (tmp_path / "self" / "ns").mkdir(parents=True)
    if namespace:
        (tmp_path / "self" / "ns" / "pid").symlink_to(namespace)
    assert pid_namespace(tmp_path) == namespace
    assert sees_every_process(pid_namespace(tmp_path)) is everyone
