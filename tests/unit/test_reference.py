"""The reference pages are what the code says, and leave out nothing that people can use."""

import argparse
import functools
import inspect
import json
import re
from pathlib import Path
from typing import get_args

import pytest

import pytest_modelbench
from pytest_modelbench import cli, plugin
from pytest_modelbench.core.acceptance import Cause
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.reasons import Reason
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.options import OPTIONS
from pytest_modelbench.reference import fixtures, hints, marker, messages, metrics, verdicts
from pytest_modelbench.reference.__main__ import files, write
from pytest_modelbench.reference.file_formats import written_with
from pytest_modelbench.reference.markdown import docstring, signature, table
from pytest_modelbench.session.marks import ARGUMENTS

DOCS = Path(pytest_modelbench.__file__).parents[1] / "docs"
REFERENCE = DOCS / "reference"
COMMITTED = sorted(str(path.relative_to(REFERENCE)) for path in REFERENCE.rglob("*.*"))
#: Made once, and not before a test asks: where something is not explained, a test says what.
made = functools.cache(files)


@pytest.mark.parametrize("name", COMMITTED)
def test_the_committed_file_is_what_the_code_gives(name):
    """Write them with: python -m pytest_modelbench.reference docs/reference"""
    committed = (REFERENCE / name).read_text(encoding="utf-8")
    if name.startswith("schemas/") and json.loads(committed)["$comment"] != written_with():
        pytest.skip("another version of pydantic words schemas in another way")
    assert committed == made()[name]


def test_the_code_gives_these_files_and_no_others():
    assert set(COMMITTED) == set(made())


def test_files_are_written_below_a_folder_that_is_not_there_yet(tmp_path):
    write(tmp_path / "new")
    assert (tmp_path / "new/metrics.md").read_text(encoding="utf-8") == made()["metrics.md"]
    assert (tmp_path / "new/schemas/baseline.json").exists()


def test_every_metric_and_no_other_is_explained():
    assert list(metrics.WHAT) == list(METRICS)
    for name, told in metrics.WHAT.items():
        assert f"| `{name}` |" in made()["metrics.md"]
        assert f"### `{told.by}`" in made()["fixtures.md"]


def test_every_verdict_reason_and_cause_is_explained():
    assert set(verdicts.VERDICTS) == set(Verdict)
    assert {type(one.example) for one in messages.REASONS} == set(get_args(Reason))
    assert set(messages.REFUSALS) == set(Cause)


def test_every_public_name_and_fixture_is_there():
    public = {
        name
        for name, one in vars(plugin).items()
        if type(one).__name__ == "FixtureFunctionDefinition" and not name.startswith("_")
    }
    assert public in ({*fixtures.FIXTURES}, set())  # the second: pytest before 8.4
    for name in pytest_modelbench.__all__:
        assert f"| `{name}` |" in made()["fixtures.md"]
    for name, _ in fixtures._public(pytest_modelbench.ModelBench):
        assert f"### `{name}`" in made()["fixtures.md"]


def test_every_argument_of_build_model_is_there():
    taken = list(inspect.signature(pytest_modelbench.BuildModel.__call__).parameters)
    assert ["self", *fixtures.ARGUMENTS] == taken


def test_every_argument_of_the_marker_is_there():
    assert tuple(marker.WHAT) == ARGUMENTS


@pytest.mark.parametrize("option", OPTIONS, ids=lambda one: one.flag or one.setting)
def test_every_option_and_setting_is_there(option):
    page = (DOCS / "reference-options.md").read_text(encoding="utf-8")
    assert option.flag is None or f"`{option.flag}" in page
    assert option.setting is None or f"| `{option.setting}` |" in page


def test_every_exit_status_of_the_code_is_there():
    """Those of `cli.command` and `session.closing`, as the page's tables have them."""
    assert set(verdicts.COMMAND) == {0, 1, 2, 4}
    assert set(verdicts.SESSION) == {0, 1, 2, 3, 4, 5, 10}
    for status in {**verdicts.SESSION, **verdicts.COMMAND}:
        assert f"| `{status}` |" in made()["verdicts.md"]


def test_every_command_and_its_options_are_there():
    page = made()["command-line.md"]
    commands = next(one for one in cli.parser()._actions if isinstance(one, argparse._SubParsersAction))
    for name, own in commands.choices.items():
        assert f"## `{name}`" in page
        flags = {flag for one in own._actions if one.help != argparse.SUPPRESS for flag in one.option_strings}
        section = page.partition(f"## `{name}`\n")[2].partition("\n## ")[0]
        for flag in flags - {"-h", "--help"}:
            assert flag in section


def test_defaults_are_told_as_the_command_tells_them():
    page = made()["command-line.md"]
    assert "(in at least four processes); default: 3; 0: only look" in page
    assert "(default: fp32)" in page
    assert "%(" not in page
    assert "(default: )" not in page


def test_every_line_in_capitals_is_there():
    """Those that notices begin with, and sections have as their head, as they stand in the code."""
    folder = Path(pytest_modelbench.__file__).parent
    texts = "".join(path.read_text() for name in ("report", "session") for path in (folder / name).rglob("*.py"))
    found = set(re.findall(r'f?"([A-Z]{3,}(?: [A-Z]{2,})+|INTERRUPTED|DRIFT):', texts))
    found |= set(re.findall(r'write_sep\("=", "([A-Z]+)"', texts))
    assert found - set(hints.LOUD) == set()
    assert [line for line in hints.LOUD if line not in texts] == []


def test_headlines_and_hints_are_in_words_that_are_printed():
    folder = Path(pytest_modelbench.__file__).parent / "report"
    texts = "".join((folder / f"{name}.py").read_text() for name in ("messages", "evidence", "around"))
    for line in hints.HINTS:
        assert f"| `{line}` |" in made()["messages.md"]
        assert [words for part in re.split(r"\.\.\.|;", line) if (words := part.strip()) and words not in texts] == []


def test_a_signature_is_wrapped_where_it_is_long_and_has_annotations_as_in_the_source():
    def short(self, one: "int", *, two: "str" = "x") -> "None": ...

    def long(self, first_argument: "dict[str, object]", *, second_argument: "str | None" = None, third: "int" = 3): ...

    assert signature("a.short", short) == "a.short(one: int, *, two: str = 'x') -> None"
    assert signature("a.long", long).splitlines() == [
        "a.long(",
        "    first_argument: dict[str, object],",
        "    *,",
        "    second_argument: str | None = None,",
        "    third: int = 3,",
        ")",
    ]


def test_a_docstring_of_a_base_class_is_not_told_as_ones_own():
    class PlainError(ValueError):
        pass

    class ToldError(ValueError):
        """Says ``this``."""

    assert (docstring(PlainError), docstring(ToldError)) == ("", "Says `this`.")


def test_a_table_has_a_head_and_a_row_each():
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
