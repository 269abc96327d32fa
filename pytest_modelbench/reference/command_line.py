"""The page of the command `pytest-modelbench`: its parser in, Markdown out."""

from __future__ import annotations

import argparse

from pytest_modelbench.cli import parser
from pytest_modelbench.reference.markdown import code, table
from pytest_modelbench.report.markdown import escape

_INTRODUCTION = """\
# Command line

Written by `python -m pytest_modelbench.reference docs/reference` from the command's own parser; a test keeps this page
equal to it.

`pytest-modelbench COMMAND` works on baselines and results files, and looks at the machine. Options of `pytest` itself
are among the [options and settings](../reference-options.md); exit statuses are
[listed elsewhere](verdicts.md#exit-statuses-of-the-command-pytest-modelbench).
"""


def render() -> str:
    """The page of all commands and their arguments."""
    top = parser()
    commands = next(one for one in top._actions if isinstance(one, argparse._SubParsersAction))
    helps = {one.dest: one.help or "" for one in commands._choices_actions}
    listed = [[f"[{code(name)}](#{name})", _cell(helps[name])] for name in commands.choices]
    parts = [_INTRODUCTION, table(("command", "what it does"), listed)]
    for name, own in commands.choices.items():
        parts += [f"## `{name}`", f"{_sentence(helps[name])}", _arguments(own)]
    return "\n\n".join(filter(None, (part.strip("\n") for part in parts))) + "\n"


def _arguments(own: argparse.ArgumentParser) -> str:
    rows = [
        [code(_written(one)), _cell(_told(one))]
        for one in own._actions
        if not isinstance(one, argparse._HelpAction) and one.help is not argparse.SUPPRESS
    ]
    return table(("argument", "what it is"), rows) if rows else "It takes no arguments."


def _written(action: argparse.Action) -> str:
    """How an argument is typed, as `-o, --output FILE` or `A`."""
    value = ""
    if action.nargs != 0:
        shown = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
        value = action.metavar if isinstance(action.metavar, str) else shown
        value += {"*": " ...", "+": " ..."}.get(str(action.nargs), "")
        value = f"[{value}]" if action.nargs in ("?", "*") else value
    return f"{', '.join(action.option_strings)} {value}".strip()


def _told(action: argparse.Action) -> str:
    """The help as argparse prints it, and a default that it does not tell."""
    text = (action.help or "") % vars(action)
    tells = action.default in (None, False, "", argparse.SUPPRESS, [], ()) or "default" in text
    return text if tells or not action.option_strings else f"{text} (default: {action.default})"


def _cell(text: str) -> str:
    return escape(text.replace("\n", " "))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
