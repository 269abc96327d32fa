"""The command ``pytest-modelbench``: stored baselines and results files, looked at and changed; and the machine.

Each command has a file of its own, which declares its arguments and runs it. Exit status: 0 fine, 1 something was
refused or is a problem, 2 it was interrupted, 4 wrong usage, a file that cannot be used (as pytest has it) or a service
that does not answer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from pytest_modelbench import __version__
from pytest_modelbench.cli import (
    accept,
    badge,
    bisect,
    comment,
    compare,
    convert,
    doctor,
    export,
    guide,
    history,
    history_compact,
    history_import,
    history_push,
    init,
    merge_conflict,
    plan,
    predict,
    prune,
    rename,
    report,
    show,
)
from pytest_modelbench.cli.command import INTERRUPTED, UNUSABLE
from pytest_modelbench.cli.output import write
from pytest_modelbench.core.errors import ModelbenchError, UsageError

#: In the order of ``--help``.
_MODULES = (
    init,
    show,
    compare,
    accept,
    prune,
    rename,
    merge_conflict,
    convert,
    report,
    comment,
    badge,
    export,
    history,
    history_import,
    history_compact,
    history_push,
    bisect,
    guide,
    plan,
    predict,
    doctor,
)
_SAID = "pytest-modelbench: interrupted. Every file is whole, either old or new: run the same command again to finish"
_COMMANDS = tuple(module.COMMAND for module in _MODULES)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of the command with arguments ``argv``, by default the process's own."""
    try:
        arguments = _parsed(parser(), argv)
        text, status = arguments.run(arguments)
    except ModelbenchError as error:
        write(sys.stderr, f"pytest-modelbench: {error}")
        return UNUSABLE
    except KeyboardInterrupt:
        write(sys.stderr, _SAID)
        return INTERRUPTED
    if text:
        write(sys.stdout, text)
    return int(status)


def _parsed(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """What ``argv`` says. argparse ends a list of words at the first option: what comes after belongs to it as well."""
    arguments, left = parser.parse_known_args(argv)
    words: list[str] | None = getattr(arguments, getattr(arguments, "list", ""), None)
    if left and (words is None or any(word.startswith("-") for word in left)):
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    if words is not None:
        words += left
    return arguments


class _Parser(argparse.ArgumentParser):
    """argparse's own status for wrong usage, 2, is what pytest has for an interrupted session."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pytest-modelbench", description="Look at baselines and results, and change baselines.")
    parser.add_argument("--version", action="version", version=f"pytest-modelbench {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for command in _COMMANDS:
        own = commands.add_parser(command.name, help=command.help)
        command.declare(own)
        own.set_defaults(run=command.run)
    return parser
