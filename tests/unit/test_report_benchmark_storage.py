"""Files that pytest-benchmark itself reads."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.session import Stamp
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report import benchmark_storage
from tests.unit.report_sessions import EMPTY, FINE, SESSION, check

pytestmark = pytest.mark.usefixtures("quick_machine_info")

TEST = "tests/test_a.py::TestX::test_a[1-b::c]"
TIMED = replace(
    FINE,
    checks=(
        check("r-b1", "latency", Verdict.OK, 0.2, 0.2, values=(0.1, 0.2, 0.4), test=TEST),
        check("r-b1", "latency", Verdict.OK, 0.3, 0.3, test=TEST, name="decode"),
        check("r-b1", "throughput", Verdict.OK, 5.0, 5.0, test=TEST),
        check("r-b1", "macs", Verdict.OK, 7, 7, test=TEST),
    ),
)


@pytest.fixture
def quick_machine_info(monkeypatch: pytest.MonkeyPatch) -> None:
    # py-cpuinfo starts a process to learn clock rates.
    monkeypatch.setattr("pytest_benchmark.plugin.get_cpu_info", lambda: {"brand_raw": "a processor"})


def test_every_time_is_a_benchmark_with_the_samples_of_all_processes() -> None:
    data = benchmark_storage.benchmark_json(TIMED)
    first, second = data["benchmarks"]
    assert (first["name"], first["fullname"]) == ("test_a[1-b::c]", TEST)
    assert (second["name"], second["fullname"]) == ("test_a[1-b::c] decode", f"{TEST} decode")
    assert first["param"] == "1-b::c"
    assert first["params"] == {"case": "r-b1"}
    assert first["stats"]["data"] == pytest.approx([0.1, 0.101, 0.2, 0.202, 0.4, 0.404])
    assert first["stats"]["median"] == pytest.approx(0.201)
    assert first["stats"]["rounds"] == 6
    assert first["extra_info"]["torch"] == "2.15.0"


@pytest.mark.slow
def test_keys_are_those_of_a_file_that_pytest_benchmark_wrote(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(benchmark): benchmark(int)\n")
    run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-json=its.json", "--benchmark-max-time=0.001")
    its: dict[str, Any] = json.loads((tmp_path / "its.json").read_text())
    ours = benchmark_storage.benchmark_json(TIMED)
    assert ours.keys() == its.keys()
    assert ours["machine_info"].keys() == its["machine_info"].keys() | {"modelbench"}
    assert ours["commit_info"].keys() == its["commit_info"].keys()
    assert ours["benchmarks"][0].keys() == its["benchmarks"][0].keys()
    assert ours["benchmarks"][0]["stats"].keys() == its["benchmarks"][0]["stats"].keys()


def test_the_commit_is_the_one_that_was_measured() -> None:
    info = benchmark_storage.benchmark_json(replace(TIMED, stamp=Stamp("2026-11-25T08:00:00Z", "f" * 40, True)))
    assert (info["commit_info"]["id"], info["commit_info"]["dirty"]) == ("f" * 40, True)
    assert (info["commit_info"]["time"], info["datetime"]) == (None, "2026-11-25T08:00:00Z")
    info = benchmark_storage.benchmark_json(replace(TIMED, stamp=Stamp("2026-11-25T08:00:00Z")))
    assert info["commit_info"]["id"] == "unversioned"


def test_runs_are_numbered_and_the_file_is_named(tmp_path: Path) -> None:
    paths = [benchmark_storage.save(TIMED, tmp_path / "deep" / "er", name) for name in ("one", "two")]
    assert [path.name for path in paths if path] == ["0001_one.json", "0002_two.json"]
    assert {path.parent.parent for path in paths if path} == {tmp_path / "deep" / "er"}


def test_a_session_without_times_leaves_no_file_to_compare_with(tmp_path: Path) -> None:
    assert benchmark_storage.save(EMPTY, tmp_path, "one") is None
    assert not list(tmp_path.rglob("*.json"))


def test_a_name_with_a_slash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'a/b' cannot name a saved benchmark run: Must not contain"):
        benchmark_storage.save(TIMED, tmp_path, "a/b")


@pytest.mark.slow
def test_pytest_benchmark_compares_two_of_our_sessions(tmp_path: Path) -> None:
    slower = replace(
        SESSION, checks=tuple(replace(c, measurements=tuple(map(_doubled, c.measurements))) for c in SESSION.checks)
    )
    for session, name in ((SESSION, "before"), (slower, "after")):
        benchmark_storage.save(session, tmp_path / "runs", name)
    output = run(
        tmp_path, "pytest_benchmark", "--storage", f"file://{tmp_path}/runs", "compare", "--sort=fullname",
        "--columns=median,rounds", "--csv=out.csv", "--histogram=plot", "--group-by=param:case",
    )  # fmt: skip
    assert "test_inference[resnet50-b1-224-fp32] (0001_before)" in output
    assert "test_inference[resnet50-b1-224-fp32] (0002_after)" in output
    with (tmp_path / "out.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["param:case"] == "resnet50-b1-224-fp32"]
    # Processes of 0.99, 1.00 and 1.02 times 110.4 ms, each with samples of 1.00 and 1.01 times that.
    assert [float(row["median"]) for row in rows] == pytest.approx([0.110952, 0.221904])
    assert [row["rounds"] for row in rows] == ["6", "6"]
    assert len(list(tmp_path.glob("plot-*.svg"))) == 6


def test_reports_need_neither_torch_nor_pytest(tmp_path: Path) -> None:
    modules = "benchmark_storage, markdown, messages, progress, reasons, refusals, scale, summary, table, terminal"
    code = (
        f"import sys; from pytest_modelbench.report import {modules}; print({{'torch', 'pytest'}} & {{*sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n", done.stderr


def _doubled(measurement: Measurement) -> Measurement:
    return replace(measurement, samples=tuple(2 * sample for sample in measurement.samples))


def run(folder: Path, module: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", env=os.environ | {"PYTHONUTF8": "1"}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
