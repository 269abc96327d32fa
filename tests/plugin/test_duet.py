"""Side by side with a revision of the project: real repositories, real workers."""

import json
import subprocess
import sys

import pytest

NETS = """
from torch import nn

def net():
    blocks = [nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU()) for _ in range({blocks})]
    return nn.Sequential(nn.Conv2d(3, 32, 3, stride=2), *blocks)
"""
BENCH = """
import pytest
from nets import net

@pytest.mark.modelbench(band="25%")
def test_net(build_model, modelbench):
    modelbench.latency(build_model(net, image_size=64))
"""
#: The same project without torch, where it matters what is compared with what, and not how.
COUNTED = """
def net():
    return [0] * {blocks}
"""
COUNT = """
from nets import net

def test_net(modelbench):
    modelbench.record("blocks", len(net()))
"""


@pytest.fixture
def git(pytester, monkeypatch):
    """Runs git in the project, which is a repository from now on, with an identity of its own."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path / "cache"))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.org")

    def run(*arguments):
        done = subprocess.run(["git", *arguments], cwd=pytester.path, capture_output=True, text=True, check=True)
        return done.stdout

    run("init", "--quiet")
    (pytester.path / ".gitignore").write_text(
        "__pycache__\ncache\n.pytest_cache\n*.json\n!baselines/**/*.json\nrunpytest-*\nstdout\nstderr\n"
    )
    return run


@pytest.fixture
def project(pytester, git):
    """Writes the project with so many blocks in its model, and commits it."""

    def write(blocks, bench=BENCH):
        nets = NETS if "build_model" in bench else COUNTED
        pytester.makepyprojecttoml(
            "[tool.pytest.ini_options]\npythonpath = ['.']\n[tool.modelbench]\nupdate-rounds = 2\npairs = [4]\n"
        )
        pytester.makepyfile(nets=nets.format(blocks=blocks), test_it=bench)
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", "--message", f"{blocks} blocks")
        return git("rev-parse", "HEAD").strip()

    return write


def checks(pytester, *, by_test=False):
    session = json.loads((pytester.path / "results.json").read_text())["session"]
    return {check["key"][0 if by_test else 1]: check["judgement"] for check in session["checks"]}


def leftovers(pytester, git):
    """What a duet has left behind: worktrees that git knows, and folders in the cache."""
    known = git("worktree", "list", "--porcelain").count("worktree ") - 1
    return known, [path.name for path in (pytester.path / "cache").glob("pytest-modelbench/worktrees/*/*")]


@pytest.mark.long
def test_lifecycle_of_a_duet(bench, pytester, project, git):
    """accepted -> a slow commit -> regressed, by the right size, beside the accepted one -> reverted -> ok."""
    first = project(blocks=4)
    accepted = bench("--update-baselines")
    if not list((pytester.path / "baselines").glob("cpu-*")):
        pytest.skip("the machine was too disturbed for a baseline of times")
    assert accepted.ret == 0
    git("add", "--all")
    git("commit", "--quiet", "--message", "accepted")
    project(blocks=12)
    result = bench("--modelbench-json=results.json", "-v", rounds="2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*pair 4 of 4 beside commit {first[:10]}*", "*latency regressed by *"])
    touched = f"*1 commit since the baseline's commit {first[:10]} touches nets.py:"
    result.stdout.fnmatch_lines([touched, "    * 12 blocks", "*the installed packages are the same as *"])
    latency = checks(pytester)["latency"]
    assert (latency["verdict"], latency["pairs"]) == ("regressed", 4)
    assert 2 < latency["ratio"] < 4  # three times the blocks, and a stem
    moved = json.loads((pytester.path / ".pytest_cache/d/modelbench/moved.json").read_text())
    assert [(test, name) for _, test, name, _ in moved] == [("test_it.py::test_net", "latency")]
    assert leftovers(pytester, git) == (0, [])

    project(blocks=4)
    bench(f"--modelbench-against={first}", "--modelbench-json=results.json")
    latency = checks(pytester)["latency"]
    # Noise may leave it open; it may never fail it.
    assert latency["verdict"] in ("ok", "inconclusive")
    assert 0.8 < latency["ratio"] < 1.25


@pytest.mark.slow
def test_beside_a_revision_exact_checks_take_one_pair_and_nothing_of_the_users_is_touched(
    bench, pytester, project, git
):
    project(blocks=2, bench=COUNT)
    (pytester.path / "nets.py").write_text(COUNTED.format(blocks=3))  # not committed: the candidate
    (pytester.path / "staged.txt").write_text("staged")
    git("add", "staged.txt")

    def state():
        index = (pytester.path / ".git" / "index").read_bytes()
        return index, git("status", "--porcelain"), git("for-each-ref"), (pytester.path / "nets.py").read_text()

    before = state()
    result = bench("--modelbench-against=HEAD", "--modelbench-json=../results.json", "-v")
    assert state() == before
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*pair 1 of 4 beside HEAD (*): 1 test*", "blocks: blocks regressed: 2 -> 3 *"])
    result.stdout.fnmatch_lines(["  HEAD (*) is this very commit", "  not committed: changes in nets.py"])
    assert "pair 2" not in result.stdout.str()
    assert leftovers(pytester, git) == (0, [])


@pytest.mark.slow
def test_what_a_branch_adds_is_new_and_its_gate_stays_green(bench, pytester, project):
    project(blocks=2, bench=COUNT + COUNT.replace("test_net", "test_old"))
    pytester.makepyfile(test_it=COUNT + COUNT.replace("test_net", "test_added"), test_more=COUNT)
    result = bench("--modelbench-against=HEAD", "--modelbench-missing=fail", "--modelbench-json=results.json", "-v")
    assert result.ret == 0
    result.assert_outcomes(passed=3)
    assert [one["verdict"] for one in checks(pytester, by_test=True).values()] == ["ok", "new", "new"]
    result.stdout.fnmatch_lines(
        [
            "*blocks * new",
            "NOT GATED: 2 checks of 2 tests are new: HEAD does not measure them",
            "*test_it.py::test_added (blocks)",
            "warning: only HEAD has test_it.py::test_old: a test that was renamed is new, and compared with nothing",
            "2 new, 1 ok",
        ]
    )


@pytest.mark.slow
def test_a_package_that_cannot_be_imported_there_is_named(bench, pytester, project, git):
    project(blocks=2, bench=COUNT)
    broken = pytester.path / "nets.py"
    good = broken.read_text()
    broken.write_text("import a_package_that_is_gone\n")
    git("commit", "--all", "--quiet", "--message", "broken")
    broken.write_text(good)
    result = bench("--modelbench-against=HEAD")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*cannot be compared with HEAD*test_it.py cannot be imported: *a_package_that_is_gone*"]
    )


@pytest.mark.slow
def test_what_has_to_be_built_is_built_there_and_without_the_command_it_is_missing(bench, pytester, project, git):
    (pytester.path / ".git/info/exclude").write_text("built.py\n")
    project(blocks=2, bench=COUNT.replace("nets", "built"))
    (pytester.path / "built.py").write_text(COUNTED.format(blocks=3))  # as an extension that was compiled here
    result = bench("--modelbench-against=HEAD")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*cannot be compared with HEAD*test_it.py cannot be imported: *built*--modelbench-build*"]
    )
    result = bench("--modelbench-against=HEAD", "--modelbench-build=python -c 'import shutil' && cp nets.py built.py")
    result.stdout.fnmatch_lines(["modelbench: building HEAD: python -c *", "blocks: blocks regressed: 2 -> 3 *"])
    result = bench("--modelbench-against=HEAD", "--modelbench-build=cp nots.py built.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: HEAD cannot be built: *nots.py*"])
    assert leftovers(pytester, git) == (0, [])


@pytest.mark.slow
def test_code_that_is_imported_from_elsewhere_compares_nothing(bench, pytester, project):
    """As when the package is installed, and not in editable mode: both sides would measure the same."""
    project(blocks=2, bench=COUNT)
    elsewhere = pytester.mkdir("cache").joinpath("site-packages")
    elsewhere.mkdir()
    (elsewhere / "nets.py").write_text(COUNTED.format(blocks=2))
    # Otherwise the test's own folder would come first.
    options = "addopts = '--import-mode=importlib'"
    pytester.makepyprojecttoml(f"[tool.pytest.ini_options]\npythonpath = ['{elsewhere}']\n{options}\n")
    result = bench("--modelbench-against=HEAD")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*imported nets from *site-packages/nets.py*pip install -e .*"])


@pytest.mark.slow
def test_the_same_tree_in_another_interpreter(bench, pytester, project):
    project(blocks=2, bench=COUNT)
    result = bench(f"--modelbench-against-python={sys.executable}", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"*pair 1 of 4 beside {sys.executable}*"])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--modelbench-against=mian", "*mian*"),
        ("--modelbench-against=--upload-pack=x", "*--upload-pack=x*"),
        ("--modelbench-against-python=no/python", "*there is no interpreter*no/python*"),
    ],
)
def test_what_cannot_be_compared_with_is_an_error_at_once(bench, project, argument, message):
    project(blocks=2, bench=COUNT)
    result = bench(argument)
    assert result.ret == 4
    result.stderr.fnmatch_lines([message])


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--update-baselines", "--modelbench-inline"])
def test_what_needs_stored_baselines_does_not_go_with_against(bench, option):
    result = bench("--modelbench-against=HEAD", option, source=COUNT)
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*{option} works on stored baselines*"])


@pytest.mark.slow
def test_a_budget_that_is_over_leaves_the_rest_open(bench, pytester):
    source = "import pytest, time\n@pytest.mark.parametrize('n', range(3))\ndef test_it(n, modelbench):\n"
    source += "    time.sleep(30 * n)\n    modelbench.record('thing', 1)\n"
    result = bench("--modelbench-budget=4s", source=source)
    assert result.ret == 10
    result.stdout.fnmatch_lines(["*inconclusive*"])
    assert "the time budget of 4.0 s was used up" in result.stdout.str()


SPELL = """
from pathlib import Path

def test_it(modelbench):
    turns = Path("{turns}")
    with turns.open("a") as file:
        file.write("x")
    turn = turns.stat().st_size
    # Two processes of the baseline, two of the stored comparison, four pairs, and what comes after them.
    slow = 2 < turn <= 12 or {stays}
    modelbench.record("lap", 1.3 if slow else 1.0, unit="s", scope="device", noisy=True)
"""


@pytest.mark.long
@pytest.mark.parametrize("stays", [False, True])
def test_a_bad_spell_of_the_machine_is_told_from_one_that_stays(bench, pytester, project, git, monkeypatch, stays):
    """Where more than the code differs: else what a duet clears passes, whatever the machine does."""
    bench_source = SPELL.format(turns=pytester.path / "cache" / "turns", stays=stays and "turn > 2")
    pytester.mkdir("cache")
    project(blocks=2, bench=bench_source)
    assert bench("--update-baselines").ret == 0
    git("add", "--all")
    git("commit", "--quiet", "--message", "accepted")
    project(blocks=3, bench=bench_source)
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    result = bench("--modelbench-json=results.json", "-v", rounds="2")
    lap = checks(pytester)["lap"]
    assert (lap["verdict"], lap["pairs"], lap["processes"]) == ("regressed" if stays else "ok", 4, 4)
    assert ("the environment changed, not the code: the code is as fast as" in result.stdout.str()) is stays
    assert result.ret == (1 if stays else 0)


SLEEPY = """
import time

import pytest
@pytest.mark.parametrize("seconds", [0, 1, 60])
def test_net(seconds, modelbench):
    time.sleep(seconds)
    modelbench.record("thing", 1)
"""


@pytest.mark.long
def test_a_budget_that_is_over_in_a_duet_fails_nobody(bench, pytester, project):
    project(blocks=2, bench=SLEEPY)
    result = bench("--modelbench-against=HEAD", "--modelbench-budget=4s")
    assert result.ret == 10
    assert "failed" not in result.parseoutcomes()
    assert "the time budget of 4.0 s was used up" in result.stdout.str()
