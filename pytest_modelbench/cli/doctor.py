"""``doctor``: how far this machine's times can be trusted, and what to change."""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from pytest_modelbench.cli.command import FINE, REFUSED, Command, Outcome
from pytest_modelbench.cli.folder import add_config_file, settings_here
from pytest_modelbench.cli.output import terminal_width, write
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.settings import Settings, read_value
from pytest_modelbench.options import SETTINGS

#: Eight to ten processes of the trial on one core, enough to tell noise by its size.
_MINUTES = 3.0


def declare(parser: argparse.ArgumentParser) -> None:
    """Add what is examined, how long, and how it is told."""
    _add_setting(parser, "device", "device to examine")
    _add_setting(parser, "threads", "threads on the CPU")
    add_config_file(parser)
    parser.add_argument(
        "--minutes",
        metavar="N",
        type=_minutes,
        default=_MINUTES,
        help="how long to measure unchanged code against itself (in at least four processes); default: %(default)g; "
        "0: only look at the machine",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(list="tests")
    parser.add_argument(
        "tests",
        metavar="TESTS",
        nargs="*",
        help="your own benchmark tests, as pytest takes them: measure these against themselves instead of a few small "
        "models",
    )


def _add_setting(parser: argparse.ArgumentParser, name: str, told: str) -> None:
    """Add a flag that is read as the setting ``name`` of a session is."""
    option, flag = SETTINGS[name], f"--{name}"
    parser.add_argument(
        flag,
        metavar=option.value,
        type=lambda text: read_value(option, text, flag),
        help=f"{told}; default: that of [tool.modelbench], else {option.default}",
    )


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 <= minutes < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes; write for example 3, or 0 to only look")
    return minutes


def run(arguments: argparse.Namespace) -> Outcome:
    """What was found, REFUSED where something is a problem."""
    from pytest_modelbench.doctor.examination import examine
    from pytest_modelbench.doctor.progress import TrialLine
    from pytest_modelbench.doctor.render import render, to_json

    project = settings_here(arguments)
    device, threads = arguments.device or project.device, arguments.threads or project.threads
    if arguments.tests:
        return _run_own(arguments, replace(project, device=device, threads=threads))
    settings = Settings(device=device, threads=threads)
    line = TrialLine(sys.stderr)
    try:
        found = examine(settings, 60 * arguments.minutes, line.show)
    except KeyboardInterrupt:
        write(sys.stderr, "pytest-modelbench: interrupted before there was a result")
        return "", REFUSED
    finally:
        line.clear()
    text = json.dumps(to_json(found), indent=2) if arguments.json else render(found, terminal_width())
    return text, FINE if found.sound else REFUSED


def _run_own(arguments: argparse.Namespace, settings: Settings) -> Outcome:
    """What was found of tests of one's own."""
    from pytest_modelbench.doctor.examination import examine_own, look
    from pytest_modelbench.doctor.measuring import Asked, measure
    from pytest_modelbench.doctor.own_render import own_to_json, render_own
    from pytest_modelbench.store.results import read_results

    if not arguments.minutes:
        raise UsageError("--minutes 0 only looks at the machine: leave the tests out, or allow some minutes for them")
    if settings.against or settings.against_python:
        raise UsageError(
            "the settings say what to compare with (against): remove that, so that tests are compared with themselves"
        )
    options = [f"--modelbench-device={settings.device}", f"--modelbench-threads={settings.threads}"]
    options += ["-c", str(arguments.config_file)] if arguments.config_file else []
    asked = Asked(tuple(arguments.tests), tuple(options), settings.pairs[-1], 60 * arguments.minutes)
    if sys.stderr.isatty():
        write(sys.stderr, f"measuring your tests against themselves, in at most {arguments.minutes:g} minutes")
    machine = look(settings)  # before it has this work to do
    with tempfile.TemporaryDirectory(prefix="modelbench-") as folder:
        results = Path(folder, "results.json")
        why = measure(asked, results)
        session = read_results(results)
    if not (session.tests or session.checks):
        raise UsageError(why)
    found = examine_own(machine, session, settings)
    text = json.dumps(own_to_json(found), indent=2) if arguments.json else render_own(found, terminal_width())
    return text, FINE if found.sound else REFUSED


COMMAND = Command("doctor", "check how far times of this machine can be trusted, and what to change", declare, run)
