"""Sessions in the forms of other tools, as these read them."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from pytest_modelbench.core.environment import PACKAGES
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.packages import Package, packed
from pytest_modelbench.core.session import Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.export import bencher, csv_table, github_action_benchmark
from pytest_modelbench.report.export.mlflow_run import run_of
from pytest_modelbench.report.export.names import at_most
from tests.unit.report_sessions import EMPTY, ENVIRONMENT, FOLDER, SESSION, check

TEST = "t.py::test_it[a,b]"
SLOW = check("net", "latency", Verdict.REGRESSED, 0.3, 0.2, values=(0.25, 0.3, 0.5), half_width=0.25, test=TEST)
FAST = check("net", "throughput", Verdict.NEW, 40.0, values=(40.0,), test=TEST)
MACS = check("net", "macs", Verdict.OK, 12, 12, test=TEST)
PARAMETERS = check("net", "parameters", Verdict.OK, 7, 7, test=TEST)
THREE = replace(EMPTY, checks=(SLOW, FAST, MACS), environments=(ENVIRONMENT,))


def table(session: Session) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_table.render(session))))


def test_csv_has_a_row_for_each_check_in_base_units() -> None:
    slow, fast, _ = table(THREE)
    assert slow == {
        "session": "2026-11-25T08:00:00Z-0123456789",
        "started": "2026-11-25T08:00:00Z",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "dirty": "false",
        "environment": FOLDER,
        "folder": FOLDER,
        "test": TEST,
        "check": "latency",
        "case": "net",
        "metric": "latency",
        "unit": "s",
        "better": "lower",
        "band": "5%",
        "verdict": "regressed",
        "value": "0.3",
        "baseline": "0.2",
        "ratio": repr(0.3 / 0.2),
        "low_ratio": repr(0.3 / 0.2 - 0.25),
        "high_ratio": repr(0.3 / 0.2 + 0.25),
        "processes": "3",
        "pairs": "0",
        "accepted": "2026-11-20, commit abc1234",
    }
    assert [fast[name] for name in ("baseline", "ratio", "low_ratio", "accepted")] == [""] * 4


def test_csv_of_a_session_without_checks_has_its_header() -> None:
    assert table(EMPTY) == []
    assert csv_table.render(EMPTY).startswith("session,started,commit,dirty,")


def test_csv_keeps_a_line_for_each_check_whatever_names_are() -> None:
    one = check('a"b\r\nc,\x1b[31m', "macs", Verdict.OK, 1, 1, test="t.py::x\n=1+1")
    text = csv_table.render(replace(EMPTY, checks=(one,)))
    assert len(text.splitlines()) == 2
    assert "\x1b" not in text
    (row,) = table(replace(EMPTY, checks=(one,)))
    assert row["case"] == 'a"b  c, [31m'


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_csv_has_no_formula_whatever_names_are(name: str) -> None:
    (row,) = table(replace(EMPTY, checks=(check(name, "macs", Verdict.OK, 1, 1),)))
    assert row["case"].startswith("'")
    assert row["case"].endswith(name.lstrip())
    assert row["value"] == "1.0"


def test_a_run_of_mlflow_has_a_beginning_in_utc_and_what_is_none_is_told() -> None:
    def began(started: str) -> int:
        return run_of(replace(EMPTY, stamp=replace(EMPTY.stamp, started=started))).started_ms

    assert began("1970-01-01T00:00:01") == began("1970-01-01T00:00:01Z") == 1000
    with pytest.raises(BaselineError, match="the session began at 'at noon', which is no time"):
        began("at noon")


def test_bencher_gets_its_own_latency_in_nanoseconds_with_the_ends_of_the_processes() -> None:
    assert json.loads(bencher.render(THREE)) == {
        TEST: {
            "latency": {
                "value": pytest.approx(0.3e9),
                "lower_value": pytest.approx(0.25e9),
                "upper_value": pytest.approx(0.5e9),
            },
            "throughput": {"value": 40.0},
            "macs": {"value": 12.0},
        }
    }


def test_bencher_gets_other_times_in_seconds() -> None:
    decode = replace(SLOW, key=SLOW.key._replace(name="decode"))
    assert json.loads(bencher.render(replace(EMPTY, checks=(decode,))))[TEST]["decode"]["value"] == 0.3


def test_bencher_gets_names_within_its_limits_and_two_that_differ_at_their_ends_stay_two() -> None:
    checks = tuple(
        check("r", "macs", Verdict.OK, 1, 1, test="t.py::" + "x" * 5000 + end, name="m" * 100) for end in "ab"
    )
    found = json.loads(bencher.render(replace(EMPTY, checks=checks)))
    assert [len(name) for name in found] == [1024, 1024]
    assert [len(name) for measures in found.values() for name in measures] == [64, 64]


@pytest.mark.parametrize("render", [bencher.render, github_action_benchmark.render, csv_table.render])
def test_what_two_environments_measured_stays_two(render) -> None:
    both = replace(EMPTY, checks=(MACS, replace(MACS, environment="cuda-t4")))
    text = render(both)
    assert "cuda-t4" in text
    assert FOLDER in text


def test_github_action_benchmark_gets_a_file_for_each_direction() -> None:
    session = replace(THREE, checks=(*THREE.checks, PARAMETERS))
    smaller = json.loads(github_action_benchmark.render(session))
    bigger = json.loads(github_action_benchmark.render(session, bigger=True))
    assert [one["name"] for one in smaller] == [f"{TEST} {name}" for name in ("latency", "macs", "parameters")]
    assert smaller[0] == {
        "name": f"{TEST} latency",
        "unit": "s",
        "value": 0.3,
        "range": "± 0.125",
        "extra": f"regressed, band 5%\nnet\n{FOLDER}",
    }
    assert bigger == [
        {"name": f"{TEST} throughput", "unit": "images/s", "value": 40.0, "extra": f"new, band 5%\nnet\n{FOLDER}"}
    ]


@pytest.mark.parametrize("render", [bencher.render, github_action_benchmark.render])
def test_json_is_written_for_every_verdict_and_every_name(render) -> None:
    assert json.loads(render(SESSION))
    assert render(SESSION).isascii()


def test_a_name_that_is_too_long_ends_in_a_digest_of_the_whole() -> None:
    assert at_most("short", 64) == "short"
    assert at_most("a\nb", 64) == "a b"
    first, second = (at_most("x" * 100 + end, 64) for end in "ab")
    assert first != second
    assert first.startswith("x" * 51 + " ")
    assert len(first) == 64


def test_a_run_of_mlflow_has_the_checks_as_metrics_and_the_environment_as_parameters() -> None:
    provenance = {
        **ENVIRONMENT.provenance,
        PACKAGES: packed([Package(f"p{at}", "1") for at in range(99)]),
        "driver": None,
    }
    run = run_of(replace(THREE, environments=(replace(ENVIRONMENT, provenance=provenance),), duration_s=1.5))
    assert run.name == run.tags["modelbench.session"] == "2026-11-25T08:00:00Z-0123456789"
    assert run.tags["mlflow.source.git.commit"] == "0123456789abcdef0123456789abcdef01234567"
    assert run.ended_ms - run.started_ms == 1500
    assert run.started_ms == 1795593600000
    assert run.finished
    assert not run_of(replace(THREE, interrupted=True)).finished
    assert run.metrics == {
        "t.py/test_it_a_b_/latency": 0.3,
        "t.py/test_it_a_b_/latency.ratio": 0.3 / 0.2,
        "t.py/test_it_a_b_/throughput": 40.0,
        "t.py/test_it_a_b_/macs": 12.0,
        "t.py/test_it_a_b_/macs.ratio": 1.0,
    }
    assert run.parameters["torch"] == "2.15.0"
    assert run.parameters["threads"] == "1"
    assert "driver" not in run.parameters
    assert run.parameters[PACKAGES].startswith("99 (")
    assert len(run.parameters[PACKAGES]) < 20


def test_keys_of_mlflow_keep_to_its_rules_and_tests_that_differ_stay_two() -> None:
    tests = ("t.py::t[a,b]", "t.py::t[a;b]", "../../t.py::t", "/etc//x::t", "t.py::" + "x" * 900, "t.py::\x1b")
    checks = tuple(check("r", "macs", Verdict.OK, at, at, test=test) for at, test in enumerate(tests, 1))
    metrics = run_of(replace(EMPTY, checks=checks)).metrics
    assert sorted(value for name, value in metrics.items() if not name.endswith(".ratio")) == [1, 2, 3, 4, 5, 6]
    for name in metrics:
        assert re.fullmatch(r"[\w.\- ][\w.\- /]*", name)
        assert len(name) <= 250
        assert ".." not in name
        assert "//" not in name


def test_parameters_of_several_environments_have_the_name_of_each() -> None:
    other = replace(ENVIRONMENT, slug="cuda-t4")
    parameters = run_of(replace(THREE, environments=(ENVIRONMENT, other))).parameters
    assert {f"{FOLDER}/torch", "cuda-t4/torch"} < parameters.keys()
