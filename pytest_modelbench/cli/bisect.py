"""``bisect``: which commit of a range, or which version of a package, changed benchmark tests."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pytest_modelbench.cli.command import Command, Outcome
from pytest_modelbench.cli.folder import add_config_file
from pytest_modelbench.core.bisection import Request
from pytest_modelbench.core.errors import UsageError


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the range, the tests, and what is searched for."""
    parser.add_argument(
        "range", metavar="GOOD..BAD", help="commits, as in v1.2..HEAD; with --package, versions of the package"
    )
    parser.add_argument("tests", metavar="TEST", nargs="*", help="benchmark tests, as pytest takes them; default: all")
    parser.add_argument(
        "--package",
        metavar="NAME",
        default="",
        help="search versions of this package, not commits, as in --package timm 1.0.20..1.0.31",
    )
    parser.add_argument(
        "--metric",
        metavar="NAME",
        action="append",
        default=[],
        help="search only for checks of this name or metric; repeatable",
    )
    parser.add_argument(
        "--maker",
        metavar="COMMAND",
        default="",
        help="command that makes the virtual environment {folder} with {version} of the package; default: that version "
        "is installed over the packages that are here, without its dependencies",
    )
    parser.add_argument(
        "--own-tests",
        action="store_true",
        help="run the tests of the working tree on every commit, not those of the commit",
    )
    parser.add_argument("--fresh", action="store_true", help="measure again what an earlier search has measured")
    parser.add_argument("--json", action="store_true", help="print JSON; progress goes to stderr")
    parser.add_argument(
        "--pytest",
        metavar="OPTION",
        action="append",
        default=[],
        help="pass this option to pytest, as in --pytest=--device=cuda",
    )
    add_config_file(parser)
    parser.set_defaults(list="tests")


def run(arguments: argparse.Namespace) -> Outcome:
    """What was found, as pytest's session tells it; its status: 0 if the revision of every change was found."""
    if arguments.maker:
        from pytest_modelbench.workers.versions import check_maker

        if not arguments.package:
            raise UsageError("--maker makes environments with versions of a package: name it with --package")
        check_maker(arguments.maker)
    if not arguments.package:
        from pytest_modelbench.vcs.range import split_range

        split_range(arguments.range)
    with tempfile.TemporaryDirectory(prefix="modelbench-") as folder:
        results = Path(folder, "bisection.json")
        request = Request(
            arguments.range, arguments.package, tuple(arguments.metric), arguments.maker, arguments.own_tests,
            arguments.fresh, str(results) if arguments.json else "", tuple(_repeated(arguments)),
        )  # fmt: skip
        command = [sys.executable, "-m", "pytest", "--modelbench", f"--modelbench-bisect={request.text()}"]
        command += ["-c", str(arguments.config_file)] if arguments.config_file else []
        status = _run([*command, *arguments.pytest, *arguments.tests], to_stderr=arguments.json)
        if arguments.json and results.exists():
            return results.read_text(encoding="utf-8").rstrip("\n"), status
    return "", status


def _repeated(arguments: argparse.Namespace) -> Iterator[str]:
    """What a command that searches another range says as well."""
    given = [("--package", [arguments.package]), ("--maker", [arguments.maker]), ("--metric", arguments.metric)]
    given += [("-c", [arguments.config_file])]
    for flag, values in given:
        for value in filter(None, values):
            yield from (flag, str(value))
    yield from (f"--pytest={option}" for option in arguments.pytest)
    if arguments.own_tests:
        yield "--own-tests"


def _run(command: list[str], *, to_stderr: bool) -> int:
    """The status of pytest, which an interrupt of the terminal reaches as well: it says so itself."""
    sys.stdout.flush()
    with subprocess.Popen(command, stdout=sys.stderr if to_stderr else None) as process:

        def pass_on(number: int, frame: object) -> None:
            process.send_signal(number)

        before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            while process.poll() is None:
                with suppress(KeyboardInterrupt):
                    process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return process.returncode


COMMAND = Command("bisect", "find the commit, or the version of a package, that changed benchmark tests", declare, run)
