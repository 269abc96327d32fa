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
#: Below it README has "my_package.models:make".
MAKE = "from torch import nn\n\n\ndef make():\n    return nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.ReLU())\n"


def words(line):
    return " ".join(line.split())


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
    (test,) = (text for text in re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
    tree(
        {
            "my_package/__init__.py": "",
            "my_package/models.py": MAKE,
            "test_it.py": test,
            "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['.']\n",
        }
    )
    bench("--modelbench-baselines=baselines", "--update-baselines", apart=True).assert_outcomes(passed=2)


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
