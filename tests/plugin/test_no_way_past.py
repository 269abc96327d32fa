"""Ways past the gate that look like a pass: each of them is closed."""

import pytest

ONE = "def test_one(modelbench):\n    modelbench.record('answer', {answer})\n"


@pytest.mark.slow
def test_an_expected_failure_does_not_swallow_a_regression(bench, accept):
    source = "import pytest\n\n@pytest.mark.xfail(reason='flaky')\n" + ONE
    accept(source=source.format(answer=1))
    result = bench(source=source.format(answer=2))
    assert result.parseoutcomes()["failed"] == 1
    assert result.ret == 1


@pytest.mark.parametrize("status", ["", ", returncode=0"])
def test_a_test_that_ends_the_process_has_no_result_and_fails(bench, accept, stored, status):
    source = ONE.format(answer=1) + f"    import pytest\n    pytest.exit('enough'{status})\n"
    result = bench("--update-baselines", source=source)
    assert result.parseoutcomes()["failed"] == 1
    assert result.ret == 1
    assert stored() == {}


def test_a_report_that_was_lost_is_no_pass(bench, pytester):
    pytester.makeconftest(
        "import pytest\n\n"
        "@pytest.hookimpl(wrapper=True)\n"
        "def pytest_runtest_logreport(report):\n"
        "    report.when = 'setup' if report.when == 'call' else report.when\n"
        "    return (yield)\n"
    )
    result = bench(source=ONE.format(answer=1))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*The test ended without a result; it reported only: setup, teardown.*"])


@pytest.mark.slow
def test_a_check_that_moves_to_another_scope_leaves_a_hole_that_is_seen(bench, accept):
    accept(source=ONE.format(answer="1, scope='portable'"))
    result = bench(source=ONE.format(answer="1, scope='kind'"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["has a baseline for answer, but did not measure it"])


@pytest.mark.slow
def test_a_module_that_is_skipped_as_a_whole_fails_the_session(bench, accept, pytester):
    pytester.makepyfile(test_other=ONE.format(answer=2))
    accept(source=ONE.format(answer=1))
    pytester.makepyfile(test_other="import pytest\npytest.skip('moved', allow_module_level=True)\n")
    result = bench()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT GATED: test_other.py was skipped as a whole, with 1 baseline entries: moved"])
    assert bench("--modelbench-skipped=pass").ret == 0


def test_tests_outside_of_the_root_are_told_apart_or_refused(bench, pytester):
    for name in ("a", "b"):
        pytester.mkdir(name).joinpath("test_s.py").write_text(ONE.format(answer=1))
    root = pytester.mkdir("root")
    root.joinpath("pytest.ini").write_text("[pytest]\n")
    result = bench("--rootdir=root", "-c", "root/pytest.ini", "--import-mode=importlib", "a/test_s.py", "b/test_s.py")
    assert result.ret in (0, pytest.ExitCode.USAGE_ERROR)
    if result.ret == 0:
        result.assert_outcomes(passed=2)


@pytest.mark.slow
def test_a_check_that_became_noisy_is_incomparable(bench, accept):
    accept(source=ONE.format(answer=1))
    result = bench(source=ONE.format(answer="1, noisy=True"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the kind of measurement changed from 'deterministic' to 'noisy'"])


@pytest.mark.parametrize(
    ("mark", "settings", "says"),
    [
        (
            "band={'latncy': '5%'}",
            "",
            "*test_one: @pytest.mark.modelbench: band: there is no metric 'latncy'. Did you mean*",
        ),
        ("", "bands = {latncy = '5%'}", "*bands: there is no metric 'latncy'. Did you mean 'latency'?*"),
    ],
)
def test_a_band_for_a_misspelt_metric_is_refused(bench, pytester, mark, settings, says):
    pytester.makepyprojecttoml(f"[tool.modelbench]\n{settings}\n")
    result = bench(source=f"import pytest\n\n@pytest.mark.modelbench({mark})\n" + ONE.format(answer=1))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])


@pytest.mark.slow
def test_what_is_unavailable_in_a_fixture_skips_as_well(bench, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    source = """
import pytest

@pytest.fixture
def model(build_model):
    return build_model("resnet18", pretrained=True).module

def test_one(model, modelbench):
    modelbench.record("answer", 1)

def test_two(modelbench):
    modelbench.record("answer", 1)
"""
    bench(source=source).assert_outcomes(passed=1, skipped=1)


def test_a_worker_that_dies_in_teardown_is_an_error_beside_the_tests_own_outcome(bench):
    source = """
import os, pytest

@pytest.fixture
def fragile():
    yield
    os._exit(3)

def test_one(fragile, modelbench):
    modelbench.record("answer", 1)
"""
    result = bench(source=source)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*The worker process ended by itself with exit status 3*"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--modelbench-json=/no/such/place/results.json"], "*--modelbench-json: there is no folder /no/such/place*"),
        (["--modelbench-data=nowhere"], "*--modelbench-data: there is no *nowhere*"),
        (["--modelbench-rounds=3", "--update-baselines"], "*--modelbench-rounds has no effect on --update-baselines*"),
        (["--modelbench-threads=4096"], "*--modelbench-threads=4096: this process may use * cores*"),
        (["--modelbench-suite=nightly,quick", "-k", "one"], "*no test is in suite 'nightly'*"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_measured(bench, arguments, says):
    result = bench(*arguments, source=ONE.format(answer=1), rounds=None)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])


def test_a_link_that_leads_nowhere_is_not_an_empty_folder(bench, pytester):
    (pytester.path / "baselines").symlink_to("gone")
    result = bench(source=ONE.format(answer=1))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*baselines is a link that leads nowhere*"])


@pytest.mark.slow
def test_commands_repeat_what_the_session_was_told(bench, accept, pytester):
    pytester.mkdir("sub").joinpath("test_deep.py").write_text(ONE.format(answer=1))
    accept("--modelbench-baselines=kept", "sub")
    pytester.path.joinpath("sub", "test_deep.py").write_text(ONE.format(answer=2))
    result = bench("--modelbench-baselines=kept", "sub")
    accept_command = "pytest --modelbench --modelbench-device=cpu --modelbench-baselines=kept --update-baselines"
    result.stdout.fnmatch_lines([f"*if this is intended:  {accept_command} sub/test_deep.py::test_one"])
    result.stdout.fnmatch_lines(["if the change is intended, accept with", f"    {accept_command} sub"])


def test_what_a_damaged_baseline_holds_does_not_reach_the_terminal(bench, accept, pytester):
    accept(source=ONE.format(answer=1))
    path = pytester.path / "baselines" / "portable" / "it.json"
    path.write_text(path.read_text().replace('"better"', '"\\u001b[2Jb\\u202ektter": 1, "better"'))
    result = bench()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = result.stdout.str() + result.stderr.str()
    assert " [2Jb ktter: is not a field that belongs here" in said
    assert not {"\x1b", "\u202e"} & set(said)
