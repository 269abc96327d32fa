"""The table of options: everything that is made from it agrees with it."""

import argparse
from dataclasses import fields
from pathlib import Path

import pytest

from pytest_modelbench import plugin
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.settings import Settings, default_of, read_settings, read_value
from pytest_modelbench.options import OPTIONS, SETTINGS, Option, OptionType, flag_of
from pytest_modelbench.report.options_page import render

PAGE = Path(__file__).parents[2] / "docs" / "reference-options.md"
#: For each kind of setting: as people write it, and what is kept.
WRITTEN = {
    OptionType.TEXT: ("some text", "some text"),
    OptionType.PATH: ("some/path", "some/path"),
    OptionType.LOCATION: ("git:some-branch", "git:some-branch"),
    OptionType.NAMES: ("a,b", ("a", "b")),
    OptionType.COUNT: ("3", 3),
    OptionType.LOOKS: ("3,7", (3, 7)),
    OptionType.DURATION: ("2m", 120.0),
    OptionType.BANDS: ({"latency": "3%"}, {"latency": "3%"}),
}
FLAGGED = [option for option in OPTIONS if option.flag]
SET_BY_FLAG = [option for option in FLAGGED if option.setting]


def ids(option):
    return option.flag or option.setting


class Parser:
    """Takes options as pytest's parser does, with argparse behind it."""

    def __init__(self):
        self.options = argparse.ArgumentParser(allow_abbrev=False)
        self.help = {}

    def getgroup(self, *_):
        return self

    def addoption(self, flag, **attributes):
        self.help[flag] = attributes["help"]
        self.options.add_argument(flag, **attributes)


@pytest.fixture
def parser():
    parser = Parser()
    plugin.pytest_addoption(parser)
    return parser


def another(option):
    """Another value than the default: as people write it, and what is kept."""
    if option.kind is OptionType.CHOICE:
        return (next(choice for choice in option.choices if choice != option.default),) * 2
    return WRITTEN[option.kind]


def test_settings_has_a_field_for_each_setting_and_no_other():
    assert {option.field for option in SETTINGS.values()} == {one.name for one in fields(Settings)}


@pytest.mark.parametrize("option", SETTINGS.values(), ids=ids)
def test_the_default_used_is_the_one_that_is_told(option):
    kept = getattr(Settings(), option.field)
    assert kept == default_of(option.setting)
    if option.default is None:
        assert not kept
    else:
        assert kept == read_value(option, option.default, "")
        assert option.told.endswith(f"Default: {option.default}.")


@pytest.mark.parametrize("option", SETTINGS.values(), ids=ids)
def test_every_setting_can_be_set_in_the_project_and_travels_to_workers(option):
    written, kept = another(option)
    settings = read_settings({option.setting: written}, {}, "pyproject.toml")
    assert getattr(settings, option.field) == kept
    assert Settings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize("option", SET_BY_FLAG, ids=ids)
def test_a_flag_is_named_after_its_setting_and_wins_over_it(option):
    assert option.flag == flag_of(option.setting)
    # One that is given several times is named after a single one.
    assert option.flag + ("s" if option.many else "") == f"--modelbench-{option.setting}"
    written, kept = another(option)
    settings = read_settings({option.setting: option.default or written}, {option.setting: written}, "")
    assert getattr(settings, option.field) == kept


def test_a_setting_without_a_flag_has_none_to_tell():
    assert [name for name, option in SETTINGS.items() if option.flag is None] == ["update-rounds", "bands"]
    with pytest.raises(KeyError, match="bands has no flag"):
        flag_of("bands")


@pytest.mark.parametrize("option", OPTIONS, ids=ids)
def test_an_option_says_what_a_reader_needs(option):
    assert option.flag or option.setting
    assert option.help.endswith(".")
    assert "efault" not in option.help  # it is told from the default itself
    assert (option.value is None) == (option.kind is OptionType.SWITCH)
    assert bool(option.choices) == (option.kind is OptionType.CHOICE)
    assert not (option.default and option.otherwise)
    assert not (option.repeated and option.kind is OptionType.SWITCH)  # a command repeats values


def test_no_two_options_share_a_name_old_or_new():
    for names in (
        [name for option in OPTIONS for name in (option.flag, option.alias, option.former_flag) if name],
        [name for option in SETTINGS.values() for name in (option.setting, option.formerly) if name],
    ):
        assert len(set(names)) == len(names)


def test_pytest_is_given_every_flag_with_its_help_and_no_default(parser):
    shown = {flag: told for flag, told in parser.help.items() if told != argparse.SUPPRESS}
    assert shown == {option.flag: option.told for option in FLAGGED}
    assert list(shown) == [option.flag for option in FLAGGED]
    assert parser.help.keys() - shown.keys() == {"--modelbench-passes"}
    values = vars(parser.options.parse_args([]))
    assert {values[option.dest] for option in FLAGGED if option.kind is not OptionType.SWITCH} == {None}
    assert {values[option.dest] for option in FLAGGED if option.kind is OptionType.SWITCH} == {False}


def test_the_old_name_of_a_flag_is_refused_with_the_new_one(parser):
    told = "^--modelbench-passes is called --modelbench-rounds now: write --modelbench-rounds=2,3$"
    with pytest.raises(pytest.UsageError, match=told):
        parser.options.parse_args(["--modelbench-passes=2,3"])


@pytest.mark.parametrize(("former", "now"), [("passes", "rounds"), ("update-passes", "update-rounds")])
def test_the_old_name_of_a_setting_is_refused_with_the_new_one(former, now):
    with pytest.raises(UsageError, match=rf"^x.toml: \[tool.modelbench\] {former} is called {now} now; rename it$"):
        read_settings({former: 3}, {}, "x.toml")


def test_the_committed_page_is_that_of_the_table():
    """Write it with: python -m pytest_modelbench.report.options_page > docs/reference-options.md"""
    assert PAGE.read_text() == render(OPTIONS)


def test_the_page_shows_flag_setting_default_and_old_name_in_one_row():
    options = [
        Option(
            flag="--modelbench-x",
            alias="--x",
            setting="x",
            formerly="y",
            kind=OptionType.CHOICE,
            choices=("a", "b"),
            default="a",
            help="Does <this>.",
        ),
        Option(setting="z", kind=OptionType.COUNT, metavar="N", otherwise="as many as | fit", help="Counts."),
    ]
    rows = [line for line in render(options).splitlines() if line.startswith("|")]
    assert rows[2:] == [
        r"| `--modelbench-x a\|b`<br>`--x a\|b` | `x` | `a` | Does &lt;this&gt;. Formerly `y`. |",
        r"| - | `z` | as many as \| fit | Counts. |",
    ]
