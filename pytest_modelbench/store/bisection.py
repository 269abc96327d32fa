"""What a bisection has measured so far, in a file of its own: the same search begins where it was left."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from pytest_modelbench.store.schema import Checked, Name, Names

Number = Annotated[float, Field(allow_inf_nan=False)]


class Value(Checked):
    """An exact value, and whether what it is made of is not what the first revision's is."""

    value: Number
    differs: bool


class Told(Checked):
    """What one run of a test at a revision told: how much slower it is by each check in a pair, and exact values.

    ``disturbed`` are the checks that were, most of the time. ``why``: it could not be measured there.
    """

    at: Name
    test: Name
    slower: dict[str, Number | None] | None = None
    disturbed: Names = ()
    values: dict[str, Value] = Field(default_factory=dict)
    why: str = ""


class _Line(Told):
    schema_: Literal[1] = Field(alias="schema")


class Memory:
    """Keeps what is told in ``file``, a line each; what is there and can be read is told again, once.

    Lines that cannot be read, such as the last one of a process that was killed, are as if they had not been written.
    Without a file, nothing is kept.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known: list[Told] = []
        try:
            lines = file.read_bytes().splitlines() if file else []
        except OSError:
            lines = []
        self._known += filter(None, map(_read, lines))

    def recall(self, at: str, tests: Sequence[str], *, timed: bool) -> list[Told] | None:
        """What is known of one more run of all ``tests`` at a revision, and not told yet; None if that is nothing."""
        found = []
        for test in tests:
            one = next((one for one in self._known if (one.at, one.test) == (at, test) and _fits(one, timed)), None)
            if one is None:
                return None
            found.append(one)
        for one in found:
            self._known.remove(one)
        return found

    def keep(self, told: Told) -> None:
        """Add it to the file, if that can be written."""
        if self._file is None:
            return
        content = {"schema": 1, **told.model_dump(exclude_defaults=True)}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(content, allow_nan=False) + "\n")
        except OSError:
            self._file = None  # it goes on without

    def forget(self) -> None:
        """Begin anew."""
        self._known = []
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def _read(line: bytes) -> Told | None:
    try:
        return Told(**_Line.model_validate_json(line).model_dump(exclude={"schema_"}))
    except ValidationError:
        return None


def _fits(told: Told, timed: bool) -> bool:
    return bool(told.why) or not timed or told.slower is not None


def memory_file(folder: Path, about: Mapping[str, object]) -> Path:
    """Where in ``folder`` the search is kept that is ``about`` this: its ends, where it measures, and what."""
    text = json.dumps(about, sort_keys=True, default=str)
    return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.jsonl"
