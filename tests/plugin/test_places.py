"""What a session leaves where people look: at the lines of tests on GitHub, and in JUnit's file."""

from xml.etree import ElementTree

import pytest

SOURCE = """
import pathlib

import pytest

VALUE = int(pathlib.Path("value").read_text())

@pytest.mark.parametrize("name", ["100%: a,b"])
def test_gated(modelbench, name):
    modelbench.record("answer", VALUE, better="equal")

def test_own(modelbench):
    assert VALUE == 41

def test_fine(modelbench):
    modelbench.record("speed", [1.0, 1.0], unit="s", noisy=True, scope="device")
"""


def properties(path):
    return {
        case.get("name"): {one.get("name"): one.get("value") for one in case.iter("property")}
        for case in ElementTree.parse(path).getroot().iter("testcase")
    }


def annotations(result):
    return [line for line in result.outlines if line.startswith("::")]


@pytest.fixture
def job(bench, pytester, monkeypatch):
    """Runs sessions of what measures 42 in a job whose workspace is one up."""
    (pytester.path / "value").write_text("42")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(pytester.path.parent))

    def run(*arguments):
        return bench("--junitxml=junit.xml", "-o", "junit_family=xunit2", *arguments, source=SOURCE)

    return run


@pytest.mark.slow
def test_a_job_marks_the_line_and_junits_file_has_the_checks(job, accept, pytester):
    (pytester.path / "value").write_text("41")
    accept(source=SOURCE).assert_outcomes(passed=3)
    (pytester.path / "value").write_text("42")
    result = job()
    result.assert_outcomes(passed=1, failed=2)
    (told,) = annotations(result)
    place = f"::error file={pytester.path.name}/test_it.py,line=7,title=modelbench%3A test_gated[100%25%3A a%2Cb]::"
    assert told.startswith(f"{place}answer: answer regressed: 41 -> 42 (+1), no change is tolerated%0A  ")
    found = properties(pytester.path / "junit.xml")
    gated = found["test_gated[100%: a,b]"]
    assert {name.removeprefix("modelbench.answer."): value for name, value in gated.items()} == {
        "value": "42",
        "unit": "count",
        "verdict": "regressed",
        "baseline": "41",
        "ratio": repr(42 / 41),
        "low_ratio": repr(42 / 41),
        "high_ratio": repr(42 / 41),
        "band": "exact",
        "environment": gated["modelbench.answer.environment"],
    }
    assert found["test_fine"]["modelbench.speed.unit"] == "s"
    assert found["test_own"] == {}


@pytest.mark.slow
def test_inline_it_is_the_same(job, pytester):
    assert len(annotations(job("--modelbench-inline", "--modelbench-missing=fail"))) == 2
    found = properties(pytester.path / "junit.xml")
    assert found["test_gated[100%: a,b]"]["modelbench.answer.verdict"] == "new"


@pytest.mark.slow
def test_nothing_is_marked_where_that_is_off(job):
    result = job("--modelbench-missing=fail", "--modelbench-annotations=off")
    result.assert_outcomes(failed=3)
    assert annotations(result) == []
