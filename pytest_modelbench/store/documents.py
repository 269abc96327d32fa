"""JSON documents of this package, read so that every flaw is named with its place and the way out."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_modelbench.core.errors import BaselineError

#: A value in a message is for recognition; whole lists of samples are not.
_LONGEST_SHOWN = 60
#: What is left at the end of a cut document: nothing, or a part of true, false, null or of a number.
_HALF_A_VALUE = re.compile(r"|t|tr|tru|f|fa|fal|fals|n|nu|nul|-|\.|[eE][+-]?")

#: How git marks what it could not merge.
_CONFLICT = re.compile(r"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """What a document says it is, and how to get a good one; ``{file}`` in a way out stands for the file.

    ``conflict`` is the way out of one that git could not merge, if there is another.
    """

    format: str
    schema: int
    way_out: str
    conflict: str = ""

    def fault(self, path: Path | str, what: str, at: Sequence[str | int] = ()) -> BaselineError:
        """The error for ``what`` at the key path ``at`` of the document at ``path``."""
        where = " > ".join(map(str, at))
        return BaselineError(f"{path}: {where + ': ' if where else ''}{what}. {_of_file(self.way_out, path)}")

    def unmerged(self, path: Path | str, line: int, what: str = "an unresolved merge conflict") -> BaselineError:
        """The error for what a merge left in the document at ``path``, beginning at ``line``."""
        way_out = _of_file(self.conflict or self.way_out, path)
        return BaselineError(f"{path}: line {line}: {what} begins here. {way_out}")

    def invalid(self, path: Path | str, error: ValidationError, at: Sequence[str | int] = ()) -> BaselineError:
        """The error for the first thing that validation found."""
        place, what = first_flaw(error)
        return self.fault(path, what, (*at, *place))


def _of_file(way_out: str, path: Path | str) -> str:
    return way_out.format(file=shlex.quote(str(path)))


def shown(value: object) -> str:
    """``value`` as it reads in a message."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def first_flaw(error: ValidationError) -> tuple[tuple[str | int, ...], str]:
    """Key path and description of the first thing that validation found."""
    flaw = error.errors(include_url=False)[0]
    context = flaw.get("ctx", {})
    place = (*flaw["loc"], *([context["field"]] if "field" in context else []))
    if flaw["type"] == "missing":
        return place, "is missing"
    if flaw["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return place, "is not a field that belongs here"
    cause = context.get("error")
    what = str(cause) if cause is not None else flaw["msg"]
    if flaw["type"] in {"string_type", "string_pattern_mismatch"}:
        return place, f"{shown(flaw['input'])} is not text, or empty"
    if flaw["type"] == "finite_number":
        return place, f"{flaw['input']} is not a finite number"
    if flaw["type"] in {"entry", "value_error"}:
        return place, what
    return place, f"{shown(flaw['input'])} cannot be used ({what})"


def read_document(path: Path, kind: DocumentKind) -> tuple[str, dict[str, Any]]:
    """Text and content of the document at ``path``: an object of this format and schema, without duplicate keys.

    Raises BaselineError for everything else. Numbers that are not finite are left to whoever checks the values.
    """
    text = read_text(path, kind)
    return text, document_of(path, text, kind)


def document_of(path: Path | str, text: str, kind: DocumentKind) -> dict[str, Any]:
    """The content of ``text``, of the document at ``path``, under the same rules."""
    content = _parse(path, kind, text)
    if not isinstance(content, dict):
        raise kind.fault(path, f"is not a JSON object but {shown(content)}")
    if content.get("format") != kind.format:
        raise kind.fault(path, f"is not a {kind.format} file: its format is {shown(content.get('format'))}")
    schema = content.get("schema")
    if type(schema) is not int or schema < 1:
        raise kind.fault(path, f"{shown(schema)} is not a schema number", ("schema",))
    if schema > kind.schema:
        raise BaselineError(
            f"{path}: schema: {schema} is newer than {kind.schema}, the newest that this version reads; upgrade "
            "pytest-modelbench: pip install --upgrade pytest-modelbench"
        )
    return content


def read_text(path: Path, kind: DocumentKind) -> str:
    """The text of the document at ``path``; BaselineError if there is none, or it is empty or no text."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # one that waits for a writer would do so for ever
        raise BaselineError(f"{path}: is neither a file nor a folder; move it away")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BaselineError(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise BaselineError(f"{path}: is a directory where a file should be; move it away") from None
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read: {error.strerror}; make it readable") from error
    return text_of(path, data, kind)


def text_of(path: Path | str, data: bytes, kind: DocumentKind) -> str:
    """The text of ``data``, of the document at ``path``; BaselineError if it is empty or no text."""
    if not data.strip():
        raise kind.fault(path, "is empty")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise kind.fault(path, f"is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}") from None


def first_mark(text: str) -> int:
    """The line of the first conflict that git marked in ``text``; 0 if there is none."""
    mark = _CONFLICT.search(text)
    return text.count("\n", 0, mark.start()) + 1 if mark else 0


def is_mixture(text: str, kind: DocumentKind) -> bool:
    """Whether ``text`` holds lines of two documents of this kind, which each begin with what they are."""
    return text.count(f'"format": "{kind.format}"') > 1


def _parse(path: Path | str, kind: DocumentKind, text: str) -> object:
    twice: list[tuple[dict[str, Any], str]] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            twice.append((found, next(name for name, count in counts.items() if count > 1)))
        return found

    try:
        content = json.loads(text, object_pairs_hook=collect)
    except json.JSONDecodeError as error:
        if mark := first_mark(text):
            raise kind.unmerged(path, mark) from None
        if kind.conflict and is_mixture(text, kind):
            raise kind.unmerged(path, 1, "a mixture of two forms of the file, which git took for one,") from None
        raise kind.fault(path, _syntax_flaw(text, error)) from None
    except RecursionError:
        raise kind.fault(path, "is nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise kind.fault(path, f"holds a number that cannot be read: {error}") from None
    if twice:
        # Looking at every value takes longer than all the rest.
        raise kind.fault(path, "this key stands twice; only one of the two can be meant", _place_of(content, twice))
    return content


def _syntax_flaw(text: str, error: json.JSONDecodeError) -> str:
    end = len(text.rstrip())
    rest = text[error.pos : end]
    if (
        _HALF_A_VALUE.fullmatch(rest)
        or ("escape" in error.msg and len(rest) < len(r"\u0000"))
        or error.msg.startswith("Unterminated string")
    ):
        cut = json.JSONDecodeError(error.msg, text, end)
        return f"is cut off: it ends at line {cut.lineno}, column {cut.colno}, in the middle of a value"
    return f"is not JSON at line {error.lineno}, column {error.colno}: {error.msg}"


def _place_of(content: object, twice: list[tuple[dict[str, Any], str]]) -> tuple[str | int, ...]:
    """Place of the first duplicate key."""
    open_: list[tuple[tuple[str | int, ...], object]] = [((), content)]
    while open_:
        at, value = open_.pop()
        if isinstance(value, dict):
            for found, name in twice:
                if found is value:
                    return (*at, name)
            open_ += [((*at, name), item) for name, item in reversed(value.items())]
        elif isinstance(value, list):
            open_ += [((*at, index), item) for index, item in reversed(list(enumerate(value)))]
    return (twice[0][1],)  # in an object that another one of the same key took the place of
