"""Results files: a whole session as JSON, exact, one check or test per line."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pytest_modelbench.core.errors import BaselineError, ModelbenchError
from pytest_modelbench.core.plain import plain
from pytest_modelbench.core.session import Session
from pytest_modelbench.store.atomic import write_atomically
from pytest_modelbench.store.documents import DocumentKind, read_document

RESULTS = DocumentKind(
    "pytest-modelbench results",
    2,
    "Write it again with `pytest --modelbench --modelbench-json {file}`",
)


class ResultsFile(BaseModel):
    """The whole document, checked."""

    # Nested dataclasses are checked under the same rules.
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    format: str
    schema_: int = Field(alias="schema")
    session: Session


def write_results(path: Path, session: Session) -> None:
    """Write ``session`` so that `read_results` gives it back. Raises BaselineError if it cannot be written."""
    write_atomically(path, render_results(session, str(path)))


def read_results(path: Path) -> Session:
    """The session in the results file at ``path``; raises BaselineError naming file, key path and the way out."""
    text, content = read_document(path, RESULTS)
    if content["schema"] < RESULTS.schema:
        raise RESULTS.fault(path, f"schema {content['schema']} is one of earlier versions, which alone can read it")
    try:
        # From text, not from the parsed objects: only there does strict validation know arrays as tuples and enums.
        return ResultsFile.model_validate_json(text).session
    except ValidationError as error:
        raise RESULTS.invalid(path, error) from None
    except ModelbenchError as error:
        raise RESULTS.fault(path, str(error)) from None


def render_results(session: Session, name: str = "results") -> str:
    """The text of a results file; raises BaselineError, which calls it ``name``, if JSON cannot hold the session."""
    parts = []
    for field in fields(session):
        value = getattr(session, field.name)
        try:
            if isinstance(value, tuple) and value:
                parts.append(f'  "{field.name}": [\n' + ",\n".join(f"   {_line(item)}" for item in value) + "\n  ]")
            else:
                parts.append(f'  "{field.name}": {_line(value)}')
        except (TypeError, ValueError) as error:
            raise BaselineError(
                f"{name}: not written: {field.name} cannot be kept as JSON: {error}; record plain, finite values only"
            ) from None
    head = f' "format": {_line(RESULTS.format)},\n "schema": {RESULTS.schema},\n "session": {{\n'
    return "{\n" + head + ",\n".join(parts) + "\n }\n}\n"


def _line(value: object) -> str:
    return json.dumps(plain(value), ensure_ascii=True, allow_nan=False)
