"""A baseline file as lines, each of which is a record that stands for itself: so that a merge of lines is one of them.

Records are in a stable order with an empty line between, since git takes changes of neighbouring lines for a conflict.
Every one ends with a comma and the last line is always the same, so that none changes because another one came. They
are written in ASCII: a record stays on one line for every tool (U+2028 and its like are line ends to some), and no
editor or file system can normalize a test id into another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_modelbench.core.environment import Fact
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.store.documents import document_of, shown
from pytest_modelbench.store.schema import BASELINE, BaselineFile, Checked, Entry, Facts, Origin
from pytest_modelbench.store.upgrade import former_file

#: Stands behind the comma of the last record, and closes what the first line opened.
_END = "null]}\n"


@dataclass(slots=True)
class Records:
    """All that a file holds, contradictions included: several entries of one check, in the order of their lines."""

    schema: int
    environment: dict[str, Fact] | None = None
    sessions: dict[str, Origin] = field(default_factory=dict)
    entries: dict[CheckKey, list[Entry]] = field(default_factory=dict)


class _Frame(Checked):
    """What stands around the records."""

    environment: Facts | None = None
    records: list[Any]


def records_of(path: Path, text: str) -> Records:
    """What ``text`` holds, of the file at ``path``, in whatever schema.

    Raises BaselineError naming file, record, value and the way out if anything is wrong.
    """
    found = _read(path, text)
    if found.environment is not None and "device" not in found.environment:
        raise BASELINE.fault(path, "does not name the device that the file's times were taken on", ("environment",))
    return found


def _read(path: Path, text: str) -> Records:
    content = document_of(path, text, BASELINE)
    schema = content["schema"]
    body = {key: value for key, value in content.items() if key not in {"format", "schema"}}
    if schema < BASELINE.schema:
        try:
            file = former_file(body, schema)
        except ValidationError as error:
            raise BASELINE.invalid(path, error) from None
        return Records(schema, file.environment, file.sessions, {key: [entry] for key, entry in entries_of(file)})
    try:
        frame = _Frame.model_validate(body)
    except ValidationError as error:
        raise BASELINE.invalid(path, error) from None
    found = Records(schema, frame.environment)
    if frame.records[-1:] != [None]:
        raise BASELINE.fault(path, "the last record is not null, so the end of the file is missing", ("records",))
    for place, record in enumerate(frame.records[:-1]):
        _take(found, record, path, place)
    return found


def _take(found: Records, record: object, path: Path, place: int) -> None:
    """Add one record to what is ``found``; the same one twice is one."""
    if isinstance(record, dict) and "test" in record:
        key = CheckKey(_popped(record, "test", path, place), _popped(record, "check", path, place))
        try:
            entry = Entry.model_validate(record)
        except ValidationError as error:
            raise BASELINE.invalid(path, error, (key.test, key.name)) from None
        others = found.entries.setdefault(key, [])
        if entry not in others:
            others.append(entry)
    elif isinstance(record, dict) and "session" in record:
        name = _popped(record, "session", path, place)
        try:
            origin = Origin.model_validate(record)
        except ValidationError as error:
            raise BASELINE.invalid(path, error, (f"session {name}",)) from None
        if found.sessions.setdefault(name, origin) != origin:
            raise BASELINE.fault(path, "stands there twice, and differs; only one of the two can be meant", (name,))
    else:
        raise BASELINE.fault(path, f"{shown(record)} is no record of a check or of a session", ("records", place))


def _popped(record: dict[str, Any], name: str, path: Path, place: int) -> str:
    value = record.pop(name, None)
    if not isinstance(value, str) or not value.strip():
        raise BASELINE.fault(path, f"{shown(value)} is not text, or empty", ("records", place, name))
    return value


def entries_of(file: BaselineFile) -> Iterator[tuple[CheckKey, Entry]]:
    """Every entry of ``file`` with its key."""
    for test, entries in file.entries.items():
        for name, entry in entries.items():
            yield CheckKey(test, name), entry


def check_sessions(path: Path, file: BaselineFile) -> None:
    """Raise BaselineError if an entry of ``file`` refers to a session that it does not describe."""
    described = file.sessions.keys()
    for key, entry in entries_of(file):
        if entry.sessions is None and entry.accepted in described:
            continue
        for session in sorted(entry.session_ids() - described):
            raise BASELINE.fault(path, f"session {shown(session)} is not described", (key.test, key.name))


def render_baseline_file(file: BaselineFile) -> str:
    """Text of ``file`` in stable order, without sessions that no entry refers to."""
    head = f'{{"format": {_line(BASELINE.format)}, "schema": {BASELINE.schema},\n'
    if file.environment is not None:
        head += f' "environment": {_line(file.environment, sort=True)},\n'
    return head + ' "records": [\n\n' + "".join(f"{line},\n\n" for line in _lines(file)) + _END


def _lines(file: BaselineFile) -> Iterator[str]:
    """Entries by test and check, each session before the first entry that refers to it.

    Two branches' new sessions are then seldom at one place, where git could not tell which comes first.
    """
    left = dict(file.sessions)
    for key, entry in sorted(entries_of(file), key=lambda one: one[0]):
        for name in sorted(entry.session_ids() & left.keys()):
            origin = left.pop(name)
            provenance = dict(sorted(origin.provenance.items()))
            yield _line({"session": name, "commit": origin.commit, "dirty": origin.dirty, "provenance": provenance})
        yield _line({"test": key.test, "check": key.name, **_fields(entry)})


def _fields(entry: Entry) -> dict[str, Any]:
    """Fields of ``entry`` in the order of the model, less those that say nothing; sessions in order of time."""
    texts = dict.fromkeys(("data", "recipe", "reference", "observations", "breakdown", "trail"), "")
    silent = {**texts, "replaces": (), "sessions": None}
    fields = {key: value for key, value in entry.model_dump().items() if key not in silent or value != silent[key]}
    if entry.sessions is not None:
        fields["sessions"] = {session: _spoken(fields["sessions"][session]) for session in sorted(entry.sessions)}
    return fields


def _spoken(processes: dict[str, Any]) -> dict[str, Any]:
    """``processes`` without a count of disturbed ones that is 0, as nearly all are."""
    return {key: value for key, value in processes.items() if key != "disturbed" or value}


def _line(value: object, sort: bool = False) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, sort_keys=sort)
