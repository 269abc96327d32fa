"""pytest-benchmark is served: our latencies in its storage, and a timer that waits for the accelerator."""

import os
import shutil
import subprocess
import sys

import pytest

LATENCY = """
def test_small(modelbench):
    modelbench.latency(lambda: sum(range(1000)), case="sum")
"""


@pytest.mark.long
def test_saved_latencies_are_compared_by_pytest_benchmark_itself_in_the_same_folder(bench, pytester, monkeypatch):
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\n")
    below = pytester.mkdir("below")
    monkeypatch.chdir(below)
    for name in ("before", "after"):
        result = bench(f"--modelbench-save-benchmark={name}", "..", source=LATENCY)
        result.stdout.fnmatch_lines([f"latencies saved for pytest-benchmark in .benchmarks/*/*_{name}.json"])
    files = sorted(path.name for path in (below / ".benchmarks").glob("*/*.json"))
    assert files == ["0001_before.json", "0002_after.json"]
    compared = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", "--histogram=h", "--csv=c.csv"],
        cwd=below, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert compared.returncode == 0, compared.stderr
    assert "test_small (0001_before)" in compared.stdout
    assert "test_small (0002_after)" in compared.stdout
    assert list(below.glob("h*.svg"))
    assert "test_small" in (below / "c.csv").read_text()


ACCELERATOR = """
import sys, types

class accelerator:
    waits = 0
    is_available = staticmethod(lambda: {available})

    @classmethod
    def synchronize(cls):
        cls.waits += 1

class cuda(accelerator):
    is_built = staticmethod(lambda: {built})
    is_initialized = accelerator.is_available

sys.modules["torch"] = types.SimpleNamespace(
    accelerator=cuda, cuda=cuda, backends=types.SimpleNamespace(cuda=cuda)
)
"""

BENCHMARKS = """
import sys, time
import pytest

def waits():
    return sys.modules["torch"].accelerator.waits

def test_plain(benchmark):
    before = waits()
    benchmark.pedantic(lambda: None, rounds=3)
    assert benchmark.stats is not None
    assert waits() - before >= 6

@pytest.mark.benchmark(group="mine")
def test_keeps_the_group(benchmark):
    before = waits()
    benchmark.pedantic(lambda: None, rounds=3)
    assert benchmark.group == "mine"
    assert waits() - before >= 6

@pytest.mark.benchmark(timer=time.perf_counter)
def test_own_timer_wins(benchmark):
    before = waits()
    benchmark.pedantic(lambda: None, rounds=3)
    assert waits() == before
"""


@pytest.mark.parametrize("built", [True, False])
def test_its_fixture_waits_for_the_accelerator_unless_the_test_chose_a_timer(pytester, built):
    pytester.makeconftest(ACCELERATOR.format(available=True, built=built))
    pytester.makepyfile(BENCHMARKS)
    pytester.runpytest_subprocess().assert_outcomes(passed=3)


@pytest.mark.parametrize("built", [True, False])
def test_its_fixture_is_not_slowed_without_accelerator(pytester, built):
    pytester.makeconftest(ACCELERATOR.format(available=False, built=built))
    pytester.makepyfile("def test_plain(benchmark):\n    benchmark.pedantic(lambda: None, rounds=3)\n")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


@pytest.mark.slow
def test_torch_is_not_imported_for_a_test_that_does_without(pytester):
    pytester.makepyfile(
        "import sys\n\ndef test_plain(benchmark):\n    benchmark(lambda: None)\n    assert 'torch' not in sys.modules\n"
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


WITH_AND_WITHOUT = """
import pytest

def test_without(modelbench):
    modelbench.record("answer", 42)

@pytest.mark.benchmark(group="g")
def test_with(modelbench, benchmark):
    modelbench.record("answer", benchmark(lambda: 42))
"""

#: Notes who called it, and does what git does.
GIT = """#!/bin/sh
tr '\\0' ' ' < /proc/$PPID/cmdline | grep -q workers.worker && echo "$@" >> {log}
exec {git} "$@"
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who calls")
@pytest.mark.parametrize("test", ["test_without", "test_with"])
def test_workers_load_it_and_so_ask_git_only_where_its_fixture_is_used(bench, pytester, monkeypatch, test):
    subprocess.run(["git", "init", "--quiet"], cwd=pytester.path, check=True)
    log, found = pytester.path / "log", shutil.which("git")
    pytester.mkdir("bin")
    (pytester.path / "bin/git").write_text(GIT.format(log=log, git=found))
    (pytester.path / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{pytester.path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    pytester.makeconftest("def pytest_benchmark_update_machine_info(config, machine_info): pass")
    bench("--strict-markers", f"test_it.py::{test}", source=WITH_AND_WITHOUT).assert_outcomes(passed=1)
    assert log.exists() == (test == "test_with")
    assert not (pytester.path / ".benchmarks").exists()
