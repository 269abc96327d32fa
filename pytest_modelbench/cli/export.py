"""``export``: a session in the form of another tool."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from pytest_modelbench.cli.command import FINE, Command, Outcome
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.session import Session

_CSV, _PARQUET, _BMF, _GITHUB, _MLFLOW = "csv", "parquet", "bmf", "github-action-benchmark", "mlflow"
_FORMATS = (_CSV, _PARQUET, _BMF, _GITHUB, _MLFLOW)
#: Options that belong to one of the formats.
_OWN = {"better": _GITHUB, "tracking_uri": _MLFLOW, "experiment": _MLFLOW}


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the results file, the format, and where it goes."""
    parser.add_argument("results", metavar="RESULTS", type=Path, help="results file, as --modelbench-json writes it")
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        required=True,
        help="csv, parquet: a table; bmf: for Bencher; the others: for the tool of that name",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="write to FILE, not to the terminal; needed for parquet"
    )
    parser.add_argument(
        "--better",
        choices=("lower", "higher"),
        help="for github-action-benchmark, which needs a file for each direction: export the checks of which lower, or "
        "higher, values are better; default: lower",
    )
    parser.add_argument("--tracking-uri", metavar="URI", help="for mlflow, which needs it: the server or the store")
    parser.add_argument("--experiment", metavar="NAME", help="for mlflow; default: modelbench")


def run(arguments: argparse.Namespace) -> Outcome:
    """The text, or what was written where."""
    from pytest_modelbench.store.atomic import write_atomically
    from pytest_modelbench.store.results import read_results

    for option, owner in _OWN.items():
        if getattr(arguments, option) is not None and arguments.format != owner:
            raise UsageError(f"--{option.replace('_', '-')} is for --format {owner}; leave it out, or ask for that")
    if arguments.format == _MLFLOW:
        if arguments.output is not None:
            raise UsageError("--output: mlflow is told over its --tracking-uri, and no file is written; leave it out")
        if not arguments.tracking_uri:
            raise UsageError("--format mlflow needs --tracking-uri, such as http://localhost:5000")
        return _logged(read_results(arguments.results), arguments), FINE
    if arguments.format == _PARQUET and arguments.output is None:
        raise UsageError("--format parquet is no text: name a file with -o FILE")
    session = read_results(arguments.results)
    content = _renderer(arguments)(session)
    if arguments.output is None:
        assert isinstance(content, str)  # all but Parquet, which has its file
        return content.rstrip("\n"), FINE
    write_atomically(arguments.output, content)
    return _written(session, arguments), FINE


def _renderer(arguments: argparse.Namespace) -> Callable[[Session], str | bytes]:
    from pytest_modelbench.report.export import bencher, csv_table, github_action_benchmark, parquet_table

    def by_direction(session: Session) -> str:
        return github_action_benchmark.render(session, bigger=arguments.better == "higher")

    renderers: dict[str, Callable[[Session], str | bytes]] = {
        _CSV: csv_table.render,
        _PARQUET: parquet_table.render,
        _BMF: bencher.render,
        _GITHUB: by_direction,
    }
    return renderers[arguments.format]


def _written(session: Session, arguments: argparse.Namespace) -> str:
    """What was written, and what belongs into another file."""
    from pytest_modelbench.report.export.github_action_benchmark import of_direction
    from pytest_modelbench.report.scale import plural

    count, left_out = len(session.checks), 0
    if arguments.format == _GITHUB:
        bigger = arguments.better == "higher"
        left_out = sum(not of_direction(check, bigger=bigger) for check in session.checks)
    told = f"{plural(count - left_out, 'check')} written to {arguments.output}"
    if not left_out:
        return told
    other = "lower" if arguments.better == "higher" else "higher"
    return f"{told}; {plural(left_out, 'check')} where {other} is better: --better {other}, to another file"


def _logged(session: Session, arguments: argparse.Namespace) -> str:
    from pytest_modelbench.report.export.mlflow_run import log, run_of

    experiment = arguments.experiment or "modelbench"
    return f"run {log(run_of(session), arguments.tracking_uri, experiment)} of experiment {experiment}"


COMMAND = Command(
    "export", "write a session in the format of another tool: as a table, for Bencher, MLflow, ...", declare, run
)
