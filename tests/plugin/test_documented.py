"""What README and the how-to pages show: their tests are run, and what commands print on paper is compared."""

import re
from pathlib import Path

import pytest
from PIL import Image

import pytest_modelbench
from pytest_modelbench.cli import main
from tests.walkthrough import File, do, steps

ROOT = Path(pytest_modelbench.__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OVERVIEW = (ROOT / "docs" / "overview.md").read_text(encoding="utf-8")
HOW_TO = sorted((ROOT / "docs/how-to").glob("*.md"))
#: README has "my_package.models:make" in its test, and "mypkg.zoo:make_small" in a command.
MAKE = "from torch import nn\n\n\ndef make():\n    return nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.ReLU())\n"
SMALL = MAKE.replace("make()", "make_small()")
PATHS = "[tool.pytest.ini_options]\npythonpath = ['.']\n"
#: Commands that install. `.ci/run` types the one with the tests, and installs the wheel; the main job has its own test.
INSTALLS = ("git clone https://github.com/pytest-modelbench/pytest-modelbench ", "pip install ")


def words(line):
    return " ".join(line.split())


def shown_test():
    (test,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return test


def shown_commands():
    """The lines of README's console blocks, without what is said beside them."""
    for block in re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        yield from (re.sub(r" {2,}#.*", "", line) for line in block.splitlines())


def paper_commands():
    """Commands of the overview that measure nothing, and the lines that it shows of each, which are not all."""
    for block in re.findall(r"^```text\n(\$ pytest-modelbench .*?)^```$", OVERVIEW, re.MULTILINE | re.DOTALL):
        for one in block.split("$ pytest-modelbench ")[1:]:
            command, *shown = one.splitlines()
            yield pytest.param(command.split(), [words(line) for line in shown if line.strip()], id=command.split()[0])


@pytest.mark.long
@pytest.mark.parametrize(("arguments", "shown"), list(paper_commands()))
def test_what_the_overview_shows_of_a_command_on_paper_is_what_it_prints(capsys, arguments, shown):
    assert main(arguments) == 0
    printed = {words(line) for line in capsys.readouterr().out.splitlines()}
    assert [line for line in shown if line not in printed] == []


@pytest.mark.long
def test_the_test_that_readme_shows_runs(bench, tree):
    tree({"my_package/models.py": MAKE, "test_it.py": shown_test(), "pyproject.toml": PATHS})
    bench("--modelbench-baselines=baselines", "--update-baselines", apart=True).assert_outcomes(passed=2)


@pytest.mark.long
def test_the_commands_that_readme_shows_run_one_after_the_other(shell):
    folder, run = shell

    def ended(line):
        status, printed = run(line)
        if re.search(r"^(\d+ inconclusive|NOT ACCEPTED)", printed, re.MULTILINE):
            pytest.skip(f"this machine is too busy to judge a time, and says so:\n{printed}")
        assert status == 0, f"{line}\n{printed}"
        return printed

    def commit(files, message):
        for name, text in files.items():
            do(File(name, text), folder)
        ended(f"git add . && git commit -qm '{message}'")

    ended("git init -q -b main .")
    commit({"mypkg/zoo.py": SMALL, "my_package/models.py": MAKE, "pyproject.toml": PATHS}, "two models")
    commit({"test_it.py": shown_test(), ".gitignore": "__pycache__\n.pytest_cache\n"}, "a test")
    ended("git tag v1.2")
    commit({"my_package/models.py": MAKE.replace("nn.ReLU()", "nn.ReLU(), nn.Conv2d(4, 4, 1)")}, "one layer more")
    commit({"NOTES.md": "one layer more"}, "notes")
    lines = list(shown_commands())
    for line in lines:
        if not line.startswith(INSTALLS):
            printed = ended(line)
    assert "one layer more" in printed  # the last command looks for it
    assert len(lines) == 10


@pytest.mark.long
def test_the_main_job_that_readme_names_ends_well_in_a_clone(shell):
    _, run = shell
    status, printed = run(f"git clone -q '{ROOT}' . && pytest --modelbench")
    assert status in (0, 10), printed  # 10: a machine that is too busy to judge a time
    assert "passed" in printed


@pytest.mark.long
def test_the_tests_of_the_how_to_pages_run(bench, pytester):
    files = [one for page in HOW_TO for one in steps(page.read_text(encoding="utf-8")) if isinstance(one, File)]
    for one in files:
        do(one, pytester.path)
    for kind, colour in (("cat", "white"), ("dog", "black")):
        for number in range(3):
            path = pytester.path / f"data/pets/{kind}/{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 32), colour).save(path)
    result = bench(apart=True)
    count = sum(one.text.count("\ndef test_") for one in files)
    # That weights were found inside of a checkpoint is a warning, and the page says so.
    assert result.parseoutcomes() == {"passed": count, "warnings": 1}, result.stdout.str()
    assert count == 12
