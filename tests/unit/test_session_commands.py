"""The commands that messages tell: each of them is one that this tool takes, and measures what it promises."""

import shlex

import pytest

from pytest_modelbench.core.places import Here
from pytest_modelbench.core.settings import Settings, read_settings
from pytest_modelbench.core.verdicts import Judgement, Verdict
from pytest_modelbench.session.commands import Commands

TEST = "test_it.py::test_net[a b]"


def open_after(processes, more, pairs=0):
    return Judgement(Verdict.INCONCLUSIVE, 1.0, processes=processes, pairs=pairs, more=more)


def told(command):
    """The settings that ``command`` asks for; UsageError for those that it may not."""
    program, flag, *options, test = shlex.split(command)
    assert (program, flag, test) == ("pytest", "--modelbench", TEST)
    return read_settings({}, dict(option.removeprefix("--modelbench-").split("=") for option in options), "")


@pytest.mark.parametrize(
    ("processes", "more", "rounds"), [(9, 4, (2, 4, 6, 9, 13)), (2, 1, (2, 3)), (2, 4, (2, 4, 6)), (6, 2, (2, 4, 6, 8))]
)
def test_rounds_rise_to_the_number_that_would_decide(processes, more, rounds) -> None:
    assert told(Commands().settle(open_after(processes, more), TEST)).rounds == rounds


@pytest.mark.parametrize(
    ("pairs", "more", "looks"), [(3, 4, (2, 3, 5, 7)), (20, 1, (2, 3, 5, 8, 13, 20, 21)), (1, 1, (2,))]
)
def test_pairs_rise_to_the_number_that_would_decide(pairs, more, looks) -> None:
    settings = told(Commands().settle(open_after(2, more, pairs), TEST))
    assert (settings.pairs, settings.rounds, settings.confirm) == (looks, Settings().rounds, "duet")


def test_looks_are_those_of_the_session() -> None:
    commands = Commands(rounds=(3, 7), pairs=(4,))
    assert told(commands.settle(open_after(7, 5), TEST)).rounds == (3, 7, 12)
    assert told(commands.settle(open_after(7, 5, pairs=4), TEST)).pairs == (4, 9)


@pytest.mark.parametrize(
    ("rounds", "processes", "confirm"),
    [((2, 4, 6, 9), 9, "duet"), ((2, 4, 6, 9), 6, "rerun"), ((2, 4, 6, 9), 2, "rerun"), ((2,), 2, "rerun")],
)
def test_no_duet_comes_before_the_processes_that_a_command_promises(rounds, processes, confirm) -> None:
    """Where the stored comparison came to its end none can, and what it knows of the baseline's code stays known."""
    assert told(Commands(rounds=rounds).settle(open_after(processes, 4), TEST)).confirm == confirm


def test_an_option_is_told_once() -> None:
    command = Commands({"--modelbench-confirm": "duet", "--modelbench-device": "cpu"}).settle(open_after(2, 1), TEST)
    assert command == (
        "pytest --modelbench --modelbench-confirm=rerun --modelbench-device=cpu --modelbench-rounds=2,3 "
        f"{shlex.quote(TEST)}"
    )


def test_no_number_that_would_decide_no_command() -> None:
    assert Commands().settle(open_after(9, None), TEST) == ""


@pytest.mark.parametrize(
    ("options", "against", "accept"),
    [
        ({}, "", "pytest --modelbench --update-baselines t"),
        ({"--modelbench-against": "main"}, "main", ""),
        ({"--modelbench-against-python": "venv/bin/python"}, "venv/bin/python", ""),
        (
            {"--modelbench-against": "main", "--modelbench-against-python": "venv/bin/python"},
            "main with venv/bin/python",
            "",
        ),
    ],
)
def test_what_is_compared_with_other_code_is_not_accepted(options, against, accept) -> None:
    commands = Commands(options)
    assert (commands.against, commands.accept("t")) == (against, accept)


@pytest.mark.parametrize(("baselines", "where"), [("baselines", ""), ("per f", "--baselines 'per f' ")])
def test_one_entry_is_pruned_where_the_session_looked_for_it(baselines, where) -> None:
    command = f"pytest-modelbench prune {where}--test {shlex.quote(TEST)} --check macs"
    assert Commands(baselines=baselines).prune(TEST, "macs") == command


@pytest.mark.parametrize(("own", "where"), [("../baselines", ""), ("baselines", " --baselines ../baselines")])
def test_the_folder_is_named_unless_the_command_takes_it_here_by_itself(own, where) -> None:
    commands = Commands(baselines="../baselines", here=Here(own))
    assert commands.convert() == f"pytest-modelbench convert{where}"
    assert commands.prune("t", "macs") == f"pytest-modelbench prune{where} --test t --check macs"


def test_tests_are_named_as_pytest_takes_them_here_and_what_was_typed_is_repeated_as_it_was() -> None:
    commands = Commands(
        {"--modelbench-device": "cpu"},
        ("-k", "net", "../tests"),
        here=Here(argument=lambda test: f"../{test}"),
        root=lambda: {"--rootdir": ".."},
    )
    options = "pytest --modelbench --modelbench-device=cpu --rootdir=.."
    assert commands.rerun("t.py::a", "t.py::b") == f"{options} ../t.py::a ../t.py::b"
    assert commands.rerun() == f"{options} -k net ../tests"
    assert commands.accept("t.py::a") == f"{options} --update-baselines ../t.py::a"
    assert commands.settle(open_after(2, 1), "t.py::a").endswith(" ../t.py::a")
    assert commands.prune("t.py::a", "") == "pytest-modelbench prune --test t.py::a"


def test_what_chose_the_tests_is_repeated_with_the_options() -> None:
    commands = Commands({"--modelbench-device": "cpu"}, ("-k", "a or b"), tests=("tests/t.py",))
    assert commands.chosen == "-k 'a or b' tests/t.py"
    assert commands.rerun() == "pytest --modelbench --modelbench-device=cpu -k 'a or b' tests/t.py"
