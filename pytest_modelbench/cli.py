"""The command ``pytest-modelbench``: stored baselines and results files, looked at and changed; and the machine.

Exit status: 0 fine, 1 something was refused or is a problem, 4 wrong usage or a file that cannot be used (as pytest
has it).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from pytest_modelbench import __version__
from pytest_modelbench.core.errors import BaselineError, ModelbenchError, UsageError, did_you_mean
from pytest_modelbench.core.metrics import Scope
from pytest_modelbench.core.settings import Settings

FINE, REFUSED, UNUSABLE = 0, 1, 4

#: Eight to ten processes of the trial on one core, enough to tell noise by its size.
_DOCTOR_MINUTES = 3.0

Outcome = tuple[str, int]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of the command with arguments ``argv``, by default the process's own."""
    try:
        arguments = _parser().parse_args(argv)
        text, status = arguments.run(arguments)
    except ModelbenchError as error:
        _write(sys.stderr, f"pytest-modelbench: {error}")
        return UNUSABLE
    if text:
        _write(sys.stdout, text)
    return int(status)


class _Parser(argparse.ArgumentParser):
    """argparse's own status for wrong usage, 2, is what pytest has for an interrupted session."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pytest-modelbench", description="Look at baselines and results, and change baselines.")
    parser.add_argument("--version", action="version", version=f"pytest-modelbench {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    where = _Parser(add_help=False)
    where.add_argument(
        "--baselines",
        metavar="DIR",
        type=Path,
        help="folder of baselines; default: that of [tool.modelbench] in pyproject.toml, or 'baselines'",
    )

    show = commands.add_parser("show", parents=[where], help="what is stored")
    show.add_argument("folder", metavar="FOLDER", nargs="?", help="show the entries of this one: portable, cpu-...")
    show.set_defaults(run=_show)

    compare = commands.add_parser("compare", help="values of two results files or two folders of baselines")
    compare.add_argument("a", metavar="A", type=Path, help="results file or folder of baselines")
    compare.add_argument("b", metavar="B", type=Path, help="what A is compared with")
    compare.set_defaults(run=_compare)

    accept = commands.add_parser("accept", parents=[where], help="make what was measured the new baseline")
    accept.add_argument("results", metavar="RESULTS", type=Path, help="file of --modelbench-json")
    accept.set_defaults(run=_accept)

    prune = commands.add_parser("prune", parents=[where], help="remove entries whose test is gone")
    prune.add_argument("results", metavar="RESULTS", type=Path, nargs="?", help="remove the orphans that it lists")
    prune.add_argument(
        "--test", metavar="ID", action="append", help="instead: remove the entries of this test, in every folder"
    )
    prune.add_argument("--check", metavar="NAME", help="with --test: only its entries of this name")
    prune.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    prune.set_defaults(run=_prune)

    report = commands.add_parser("report", help="the report of a session, again")
    report.add_argument("results", metavar="RESULTS", type=Path, help="file of --modelbench-json")
    report.add_argument("--format", choices=("markdown", "terminal"), default="terminal", help="default: terminal")
    report.set_defaults(run=_report)

    guide = commands.add_parser("guide", help="the benchmark guide in Markdown, from the figures of sessions")
    guide.add_argument(
        "results", metavar="RESULTS", type=Path, nargs="+", help="files of --modelbench-json, one or more a device"
    )
    guide.set_defaults(run=_guide)

    doctor = commands.add_parser("doctor", help="how far this machine's times can be trusted, and what to change")
    doctor.add_argument("--device", metavar="DEVICE", help="default: that of [tool.modelbench], or auto")
    doctor.add_argument(
        "--threads", metavar="N", type=_count, help="on the CPU; default: that of [tool.modelbench], or 1"
    )
    doctor.add_argument(
        "--minutes",
        metavar="N",
        type=_minutes,
        default=_DOCTOR_MINUTES,
        help="how long unchanged code may be measured against itself, in four processes at least; "
        "default: %(default)g; 0: only look",
    )
    doctor.add_argument("--json", action="store_true", help="plain values, for machines")
    doctor.set_defaults(run=_doctor)
    return parser


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 <= minutes < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes; write for example 3, or 0 to only look")
    return minutes


def _show(arguments: argparse.Namespace) -> Outcome:
    from pytest_modelbench.report.scale import number
    from pytest_modelbench.report.table import Column, Row, layout
    from pytest_modelbench.store.baselines import BaselineStore

    store = BaselineStore(_baselines(arguments, must_exist=True))
    names = store.folders()
    if arguments.folder is None:
        columns = Column("folder"), Column("file"), Column("entries", right=True), Column("sessions")
        rows = []
        for name in names:
            for path, file in store.contents(name).files.items():
                entries = sum(map(len, file.entries.values()))
                rows.append(Row((name, path.name, str(entries), _span(list(file.sessions)))))
        return layout(columns, rows, _width()) or f"{store.folder}: no baselines", FINE
    if arguments.folder not in names:
        raise UsageError(
            f"{store.folder} has no folder {arguments.folder!r}.{did_you_mean(arguments.folder, names)} "
            f"There are: {', '.join(names) or 'none'}"
        )
    columns = Column("test"), Column("check"), Column("value", right=True), Column("accepted")
    rows = []
    for key in store.keys(arguments.folder):
        if view := store.find(arguments.folder, key):
            more = f" and {len(view.sessions)} more" if view.sessions else ""
            rows.append(Row((key.test, key.name, number(view.value, view.unit), view.accepted + more)))
    return layout(columns, rows, _width()) or f"{store.folder / arguments.folder}: no entries", FINE


def _span(sessions: list[str]) -> str:
    """Number of sessions and their dates, which their names begin with."""
    first, last = min(sessions)[:10], max(sessions)[:10]
    return f"{len(sessions)}: {first}" + (f" to {last}" if last != first else "")


def _compare(arguments: argparse.Namespace) -> Outcome:
    from pytest_modelbench.report.scale import number
    from pytest_modelbench.report.table import Column, Row, layout

    roots = _is_root(arguments.a) or _is_root(arguments.b)
    a, b = _values(arguments.a, by_folder=roots), _values(arguments.b, by_folder=roots)
    columns = [Column("test"), Column("check"), *(Column(title, right=True) for title in ("A", "B", "B / A"))]
    rows = []
    for place in sorted(a.keys() & b.keys()):
        (then, unit_then), (now, unit_now) = a[place], b[place]
        ratio = f"{now / then:.4g}" if then and unit_then == unit_now else "-"
        rows.append(Row((*_named(place), number(then, unit_then), number(now, unit_now), ratio)))
    parts = [f"A: {arguments.a}\nB: {arguments.b}", layout(columns, rows, _width()) or "nothing is in both"]
    for side, only in (("A", a.keys() - b.keys()), ("B", b.keys() - a.keys())):
        if only:
            parts.append("\n".join([f"only in {side}:", *("    " + " ".join(_named(place)) for place in sorted(only))]))
    return "\n\n".join(parts), FINE


def _named(place: tuple[str, str, str]) -> tuple[str, str]:
    folder, test, name = place
    return (f"{folder}: {test}" if folder else test), name


def _is_root(path: Path) -> bool:
    """Whether ``path`` is a folder of baseline folders, rather than one of them."""
    return path.is_dir() and not any(path.glob("*.json"))


def _values(path: Path, by_folder: bool) -> dict[tuple[str, str, str], tuple[float, str]]:
    """Value and unit by folder, test and name; the folder is empty unless asked for: then any two can be compared."""
    from pytest_modelbench.store.baselines import BaselineStore
    from pytest_modelbench.store.results import read_results

    if not path.is_dir():
        return {
            (check.folder if by_folder else "", *check.key): (check.judgement.value, check.metric.unit)
            for check in read_results(path).checks
        }
    # An absolute path has a name also where "." was given.
    whole = path if _is_root(path) else path.absolute().parent
    store = BaselineStore(whole)
    names = store.folders() if _is_root(path) else [path.absolute().name]
    return {
        (name if by_folder else "", *key): (view.value, view.unit)
        for name in names
        for key in store.keys(name)
        if (view := store.find(name, key))
    }


def _accept(arguments: argparse.Namespace) -> Outcome:
    from pytest_modelbench.report.terminal import render_changes
    from pytest_modelbench.store.acceptance import refusals
    from pytest_modelbench.store.baselines import BaselineStore
    from pytest_modelbench.store.results import read_results

    session = read_results(arguments.results)
    refused = refusals(session)
    if session.interrupted or session.environment is None:
        why = "the session was interrupted" if session.interrupted else "no process ever measured"
        return f"nothing accepted: {why}; run pytest --modelbench --update-baselines", REFUSED
    checks = [check for check in session.checks if check.key not in refused]
    changes = BaselineStore(_baselines(arguments)).accept(checks, session.stamp, session.environment)
    changed = [change for change in changes if change.kind != "unchanged"]
    lines = [render_changes(changed, width=_width(), colour=False)] if changed else []
    lines += [f"unchanged: {len(changes) - len(changed)}"] if len(changed) < len(changes) else []
    lines += [f"refused: {key}: {reason}" for key, reason in sorted(refused.items())]
    return "\n".join(lines) or "nothing to accept: nothing was measured", REFUSED if refused else FINE


def _prune(arguments: argparse.Namespace) -> Outcome:
    from pytest_modelbench.store.baselines import BaselineStore
    from pytest_modelbench.store.results import read_results

    if (arguments.results is None) == (arguments.test is None):
        raise UsageError("prune takes either a results file or --test ID; see pytest-modelbench prune --help")
    store = BaselineStore(_baselines(arguments, must_exist=True))
    if arguments.test is not None:
        folders = store.folders()
        known = {key.test for folder in folders for key in store.keys(folder)}
        for test in arguments.test:
            if test not in known:
                raise UsageError(
                    f"{store.folder} holds nothing of {test}.{did_you_mean(test, known)} "
                    "pytest-modelbench show FOLDER lists what it holds"
                )
        found = {
            name: [
                key for key in store.keys(name) if key.test in arguments.test and arguments.check in (None, key.name)
            ]
            for name in folders
        }
    else:
        session = read_results(arguments.results)
        scopes = [session.environment.folder(scope) for scope in Scope] if session.environment else ["portable"]
        orphans = set(session.orphans)
        found = {name: [key for key in store.keys(name) if key in orphans] for name in dict.fromkeys(scopes)}
    if not arguments.dry_run:
        for name, keys in found.items():
            store.prune(name, keys)
    said = "would remove" if arguments.dry_run else "removed"
    lines = [f"{said} {name}: {key}" for name, keys in found.items() for key in keys]
    return "\n".join(lines) or "nothing to remove", FINE


def _report(arguments: argparse.Namespace) -> Outcome:
    from pytest_modelbench.store.results import read_results

    session = read_results(arguments.results)
    if arguments.format == "markdown":
        from pytest_modelbench.report import markdown

        return markdown.render(session).rstrip("\n"), FINE
    from pytest_modelbench.report import terminal

    return terminal.render(session, width=_width(), colour=False), FINE


def _guide(arguments: argparse.Namespace) -> Outcome:
    from pytest_modelbench.published.catalog.tables import tables
    from pytest_modelbench.published.guide.document import render
    from pytest_modelbench.store.results import read_results

    return render([(str(path), read_results(path)) for path in arguments.results], tables()).rstrip("\n"), FINE


def _doctor(arguments: argparse.Namespace) -> Outcome:
    from pytest_modelbench.doctor.examination import examine
    from pytest_modelbench.doctor.progress import TrialLine
    from pytest_modelbench.doctor.render import render, to_json
    from pytest_modelbench.store.project import nearest_settings

    _, project = nearest_settings(Path.cwd())
    settings = Settings(device=arguments.device or project.device, threads=arguments.threads or project.threads)
    line = TrialLine(sys.stderr)
    try:
        found = examine(settings, 60 * arguments.minutes, line.show)
    except KeyboardInterrupt:
        _write(sys.stderr, "pytest-modelbench: interrupted before anything was told")
        return "", REFUSED
    finally:
        line.clear()
    text = json.dumps(to_json(found), indent=2) if arguments.json else render(found, _width())
    return text, FINE if found.sound else REFUSED


def _baselines(arguments: argparse.Namespace, must_exist: bool = False) -> Path:
    """The folder of baselines: as given, or as the project's settings have it."""
    folder: Path = arguments.baselines if arguments.baselines is not None else _configured_baselines()
    if must_exist and not folder.is_dir():
        raise BaselineError(f"{folder}: there is no such folder of baselines; name it with --baselines DIR")
    return folder


def _configured_baselines() -> Path:
    """The folder that the project's settings name, seen from here."""
    from pytest_modelbench.store.project import nearest_settings

    folder, settings = nearest_settings(Path.cwd())
    return Path(os.path.relpath(folder / settings.baselines))


def _width() -> int:
    return shutil.get_terminal_size().columns


def _write(stream: TextIO, text: str) -> None:
    """Nothing; what the stream's encoding cannot hold is written as escapes, and a reader that left is no error."""
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except BrokenPipeError:
        # Python flushes once more at exit; it must find something that takes it.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    raise SystemExit(main())
