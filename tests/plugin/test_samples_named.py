"""Samples that changed are named: in the message the first of them, in the results file all."""

import json

import pytest

SOURCE = """
from pathlib import Path

def test_search(modelbench):
    wrong = Path("wrong.txt").read_text().split()
    found = {f"query {number:02}": str(number) not in wrong for number in range(40)}
    modelbench.record("recall_at_1", outcomes=found)
"""


@pytest.mark.slow
def test_samples_that_changed_are_named(bench, accept, pytester):
    wrong = pytester.path / "wrong.txt"
    wrong.write_text("39")
    accept(source=SOURCE)
    stored = "".join(path.read_text() for path in pytester.path.glob("baselines/portable/*.json"))
    assert '"observations": "hits 40 fffffffffe"' in stored
    assert "query" not in stored.replace("query 39", "")
    wrong.write_text("1 2 3 5 8 13 21 34")
    result = bench("--modelbench-json=results.json")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "recall_at_1: recall_at_1 regressed: 97.5 % -> 80.0 % (-17.5 pp), what chance explains is tolerated",
            "  8 of 40 samples newly wrong: query 01, query 02, query 03, query 05, query 08 and 3 more",
            "  1 newly right: query 39",
            "  on average -17.5 pp (95 % sure: *); a change of more than 2.5 pp is never taken for chance",
        ]
    )
    (check,) = json.loads((pytester.path / "results.json").read_text())["session"]["checks"]
    (reason,) = check["judgement"]["reasons"]
    assert reason["lost_names"] == [f"query {number:02}" for number in (1, 2, 3, 5, 8, 13, 21, 34)]
    assert reason["won_names"] == ["query 39"]
    assert [one["sample_names"] for one in check["measurements"]] == [None]
