"""Models that are gated without a test of anybody's."""

import pytest

from pytest_modelbench.core.listed_models import ListedModel
from pytest_modelbench.session import listed_tests

ZOO = """
def small(width=2):
    import torch
    return torch.nn.Sequential(torch.nn.Conv2d(3, width, 8, 8), torch.nn.Flatten())

def broken():
    raise RuntimeError("there are no weights")
"""
SMALL = "modelbench-models::inference[zoo:small-b1-fp32]"
#: As it is matched in output.
TOLD = SMALL.replace("[", "[[]")
LATER = "modelbench-models::inference[zoo:small-b2-fp32]"
TESTS = "def test_one(modelbench): modelbench.record('answer', 1)\n"


@pytest.fixture
def collected(bench):
    """The ids of what a session would run, given arguments."""

    def collect(*arguments):
        result = bench("--collect-only", "-q", *arguments)
        return [line for line in result.outlines if "::" in line]

    return collect


@pytest.fixture
def project(tree):
    """Writes a project with a zoo and a test, and settings if they are given."""

    def write(settings=""):
        tree({"pyproject.toml": f"[tool.modelbench]\n{settings}\n", "zoo.py": ZOO, "tests/test_it.py": TESTS})

    return write


def test_given_by_option_they_alone_are_run_unless_tests_are_named(project, collected):
    project()
    names = ("--modelbench-model=zoo:small", "--modelbench-model", "timm:resnet18,zoo:small")
    ids = [SMALL, "modelbench-models::inference[timm:resnet18-b1-fp32]"]
    assert collected(*names) == ids
    assert collected(*names, "tests") == ["tests/test_it.py::test_one", *ids]
    assert collected(*names, "-k", "resnet") == ids[1:]
    assert collected(
        "--modelbench-model=zoo:small", "--modelbench-batch-size=2,8", "--modelbench-precision=bf16,amp"
    ) == [f"modelbench-models::inference[zoo:small-b{size}-{kind}]" for size in (2, 8) for kind in ("bf16", "amp")]


def test_those_of_the_settings_are_run_where_no_test_is_named(project, collected):
    project('models = ["zoo:small"]\nbatch-size = [2]')
    assert collected() == ["tests/test_it.py::test_one", LATER]
    assert collected("tests") == ["tests/test_it.py::test_one"]
    assert collected("--modelbench-model=timm:resnet18") == ["modelbench-models::inference[timm:resnet18-b2-fp32]"]


def test_an_id_is_all_that_is_needed_from_any_folder(project, collected, pytester, monkeypatch):
    project('models = ["timm:resnet18"]')
    assert collected(SMALL) == [SMALL]
    assert collected(SMALL, "--modelbench-model=timm:resnet18", "tests/test_it.py") == [
        "tests/test_it.py::test_one",
        SMALL,
    ]
    monkeypatch.chdir(pytester.path / "tests")
    assert collected(f"../{SMALL}") == [SMALL]


def test_a_project_that_calls_its_tests_otherwise_has_them_all_the_same(project, collected, pytester):
    project()
    (pytester.path / "pytest.ini").write_text("[pytest]\npython_functions = check_*\npython_files = check_*.py\n")
    assert collected("--modelbench-model=zoo:small") == [SMALL]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--modelbench-model=a b"], "--modelbench-model: 'a b' is no model: write timm:NAME, or *"),
        (["--modelbench-model="], "--modelbench-model: '' is text; it takes text that is not empty"),
        (["--modelbench-model=zoo:none*"], "--modelbench-model: nothing matches 'zoo:none*'; look at its module"),
        (["--modelbench-model=gone:*"], "gone:*: its module cannot be imported: ModuleNotFoundError: *"),
        (
            ["--modelbench-model=a", "--modelbench-precision=fp7"],
            "--modelbench-precision: there is no precision *",
        ),
        (["--modelbench-model=a", "--modelbench-batch-size=x"], "--modelbench-batch-size: 'x' is not a whole number*"),
        (["modelbench-models::inference"], "modelbench-models::inference: no test has this id; write *"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(project, bench, arguments, said):
    project()
    result = bench(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {said.replace('[', '[[]')}"])


def test_without_modelbench_they_are_refused(project, pytester):
    project()
    result = pytester.runpytest_inprocess("--modelbench-model=zoo:small")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --modelbench-model needs --modelbench"])


def test_many_are_asked_about_outside_of_ci(project, bench, collected, monkeypatch):
    project()
    names = ["--modelbench-model=" + ",".join(f"net{at}" for at in range(51))]
    monkeypatch.delenv("CI", raising=False)
    result = bench(*names)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: --modelbench-model: 51 models, from timm:net0-b1-fp32 to timm:net50-b1-fp32, take 8 min 30 s or "
            "more, at 10 s each in 1 round; add --modelbench-yes if they are meant, or name fewer"
        ]
    )
    assert len(collected(*names, "--modelbench-yes")) == 51
    monkeypatch.setenv("CI", "true")
    assert len(collected(*names)) == 51


class Said:
    """Takes any call, and tells which there were."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda model: self.calls.append((name, model))


def test_of_each_latency_throughput_memory_cost_and_outputs_are_measured():
    built = []
    measures = Said()
    listed_tests.inference(
        ListedModel("timm:resnet50", 8, "bf16"), lambda *of, **how: built.append((of, how)) or "built", measures
    )
    assert built == [(("resnet50",), {"batch_size": 8, "precision": "bf16"})]
    names = ["latency", "throughput", "peak_memory", "cost", "numerics"]
    assert measures.calls == [(name, "built") for name in names]


#: Cost alone: times take a test ten seconds a process, and are no others for a model without a test.
COST_ALONE = """
from pytest_modelbench.session import listed_tests

def inference(listed, build_model, modelbench):
    modelbench.cost(build_model(listed.build_name))

listed_tests.inference = inference
"""


@pytest.fixture
def cost_alone(monkeypatch):
    """A conftest file by which cost alone is measured; undone in this process, where the controller runs."""
    monkeypatch.setattr(listed_tests, "inference", listed_tests.inference)
    return {"conftest.py": COST_ALONE}


@pytest.mark.slow
def test_they_are_gated_like_any_test_and_one_that_cannot_be_built_fails_alone(tree, bench, accept, stored, cost_alone):
    tree({"zoo.py": ZOO, "test_it.py": TESTS, **cost_alone})
    accept("--modelbench-model=zoo:small", "test_it.py")
    names = ["macs", "parameter_bytes", "parameters"]
    assert {test: sorted(entries) for test, entries in stored()["portable"].items()} == {
        SMALL: names,
        "test_it.py::test_one": ["answer"],
    }
    tree({"zoo.py": ZOO.replace("width=2", "width=3")})
    result = bench("--modelbench-model=zoo:small,zoo:broken")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines_random(
        [
            "*cannot be built on cpu: RuntimeError: there are no weights*",
            "zoo.py:7: RuntimeError",
            "zoo.small-b1-224-fp32: parameters regressed: 386 -> 579 (+193), no change is tolerated",
            f"if this is intended:  pytest --modelbench --modelbench-device=cpu --update-baselines '{TOLD}'",
        ]
    )
    result.stdout.no_fnmatch_line("*touches*modelbench-models*")
    result.stdout.no_fnmatch_line("*_pytest/python.py*")

    # What an option asked for is promised by nothing but that option; a list in the settings is a promise.
    missed = f"*{TOLD} (macs, parameter_bytes, parameters): there is no such test"
    bench().stdout.no_fnmatch_line(missed)
    tree({"pyproject.toml": "[tool.modelbench]\nmodels = ['zoo:other']\n"})
    result = bench("-k", "test_one")
    result.stdout.fnmatch_lines([missed, f"*pytest-modelbench prune --test '{TOLD}'"])
    assert result.ret == 1


@pytest.mark.slow
def test_one_that_is_skipped_beside_one_that_passes_fails_the_session_unless_it_may(tree, bench, cost_alone):
    tree({"zoo.py": ZOO + "\ndef away():\n    import pytest\n    pytest.skip('no weights here')\n", **cost_alone})
    result = bench("--modelbench-model=zoo:small,zoo:away")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["skipped, although --modelbench-model or the settings ask for this model: *no weights here"]
    )
    result = bench("--modelbench-model=zoo:small,zoo:away", "--modelbench-skipped=pass")
    result.assert_outcomes(passed=1, skipped=1)
    assert result.ret == 0


@pytest.mark.slow
def test_each_side_of_a_duet_builds_them_from_its_own_tree(tree, bench, git, pytester, cost_alone):
    git("init")
    tree({"pyproject.toml": "[tool.modelbench]\n", "src/zoo.py": ZOO, **cost_alone})
    git("add", ".")
    git("commit", "--message", "small")
    tree({"src/zoo.py": ZOO.replace("width=2", "width=3")})
    result = bench("--modelbench-model=zoo:small", "--modelbench-against=HEAD", "--modelbench-pairs=1", rounds=None)
    result.stdout.fnmatch_lines(["zoo.small-b1-224-fp32: parameters regressed: 386 -> 579 (+193), *"])
