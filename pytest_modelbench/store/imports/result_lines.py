"""A results file read line by line: of 200 MB, what a history keeps is a hundredth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pytest_modelbench.core.errors import ModelbenchError
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.store.night_files import Measured, Night, measured, nights_of
from pytest_modelbench.store.results import RESULTS, ResultsFile, read_results

#: How the lists begin and end, one item a line, in a file as it was written.
_OPENS, _CLOSES = ": [\n", ("  ]\n", "  ],\n")
_HEAD = f'{{\n "format": "{RESULTS.format}",\n "schema": {RESULTS.schema},\n "session": {{\n'
#: Lists that a history has nothing from.
_LEFT_OUT = frozenset({"checks", "tests", "absent", "renamed"})


class _Line(BaseModel):
    # As in a results file as a whole.
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    check: Check


def nights_of_results(path: Path) -> list[Night]:
    """The nights of the session in the results file at ``path``.

    Raises BaselineError naming file, key path and the way out, and for a session that was interrupted.
    """
    try:
        session, points = _by_lines(path)
    except (ValueError, ModelbenchError, OSError):  # laid out otherwise, or damaged: then it is told where
        session = read_results(path)
        points = [measured(check) for check in session.checks]
    if session.interrupted:
        raise RESULTS.fault(path, "the session was interrupted, and is part of no history")
    try:
        return nights_of(session, points)
    except ValidationError as error:  # what a session may say, and a night may not
        raise RESULTS.invalid(path, error) from None


def _by_lines(path: Path) -> tuple[Session, list[Measured]]:
    """The session but for what is left out, and its points; ValueError for another layout than ours."""
    points, fields = [], dict[str, str]()
    with path.open(encoding="utf-8", newline="\n") as lines:
        if "".join(next(lines, "") for _ in _HEAD.splitlines()) != _HEAD:
            raise ValueError("another head")
        for line in lines:
            if line == " }\n":
                break
            name = json.loads(line[: line.index(":")])
            if name in fields:
                raise ValueError(f"{name} stands there twice")
            if line.endswith(_OPENS):
                items = []
                for item in _items(lines):
                    if name == "checks":
                        points.append(measured(_Line.model_validate_json(f'{{"check": {item}}}').check))
                    elif name not in _LEFT_OUT:
                        items.append(item)
                fields[name] = f"[{','.join(items)}]"
            else:
                fields[name] = line[line.index(":") + 1 :].strip().removesuffix(",")
        if "".join(lines) != "}\n":
            raise ValueError("another end")
    text = ",".join(f'"{name}": {value}' for name, value in fields.items())
    whole = f'{{"format": "{RESULTS.format}", "schema": {RESULTS.schema}, "session": {{{text}}}}}'
    try:
        return ResultsFile.model_validate_json(whole).session, points
    except ValidationError as error:
        raise ValueError(str(error)) from None


def _items(lines: Iterator[str]) -> Iterator[str]:
    """The items of a list up to its end."""
    for line in lines:
        if line in _CLOSES:
            return
        yield line.strip().removesuffix(",")
    raise ValueError("a list does not end")
