"""The page of file formats, and a JSON schema for each: what the store checks files against."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, get_args

import pydantic

from pytest_modelbench.reference.markdown import code, table
from pytest_modelbench.store.night_files import NightFile
from pytest_modelbench.store.results import RESULTS, ResultsFile
from pytest_modelbench.store.schema import BASELINE, Entry, Facts, Name, Origin

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_INTRODUCTION = """\
# File formats

Written by `python -m pytest_modelbench.reference docs/reference` from what the code checks files against; a test keeps
the page and the schemas equal to it.

All files are JSON and name their format and its version. A version that is too new is refused, with the file and the
way out. Unknown fields are errors.
"""
_AFTER = """
What a schema cannot say is checked as well: that a value is the median of its processes, that log ratios are those of
the times beside them, that an entry's sessions are described. [Baselines](../baselines.md#a-file) explains the records
of a baseline file; [CSV and Parquet](../ci.md#csv-and-parquet) have a table of their columns.

```console
$ pip install check-jsonschema
$ check-jsonschema --schemafile docs/reference/schemas/baseline.json baselines/portable/*.json
```
"""


class Format(NamedTuple):
    """What a file says it is, who writes it, and what it holds."""

    format: str
    schema: int
    by: str
    holds: str


#: By the name of the schema's file.
FORMATS = {
    "baseline": Format(
        BASELINE.format,
        BASELINE.schema,
        "`pytest --modelbench --update-baselines`",
        "accepted values of tests, one record a line",
    ),
    "results": Format(
        RESULTS.format, RESULTS.schema, "`pytest --modelbench --modelbench-json FILE`", "a whole session"
    ),
    "night": Format(
        get_args(NightFile.model_fields["format"].annotation)[0],
        get_args(NightFile.model_fields["schema_"].annotation)[0],
        "`pytest --modelbench --modelbench-history DIR`",
        "a session in one environment, for the [history](../history.md); folded ones are lines of such, packed by gzip",
    ),
}


def render() -> str:
    """The page of all formats."""
    rows = [
        [f"[{name}](schemas/{name}.json)", code(one.format), str(one.schema), one.by, one.holds]
        for name, one in FORMATS.items()
    ]
    return _INTRODUCTION + "\n" + table(("schema", "`format`", "`schema`", "written by", "holds"), rows) + "\n" + _AFTER


def schemas() -> dict[str, str]:
    """The text of each schema, by name."""
    found = {
        "baseline": _baseline(),
        "results": ResultsFile.model_json_schema(by_alias=True),
        "night": NightFile.model_json_schema(by_alias=True),
    }
    return {name: _text(name, schema) for name, schema in found.items()}


def _text(name: str, schema: dict[str, Any]) -> str:
    properties = {
        **schema["properties"],
        "format": {"const": FORMATS[name].format},
        "schema": {"const": FORMATS[name].schema},
    }
    head = {"$schema": _DIALECT, "$comment": written_with(), "title": FORMATS[name].format}
    return json.dumps({**head, **schema, "title": head["title"], "properties": properties}, indent=1) + "\n"


def written_with() -> str:
    """Who words the schemas: another version says the same in another way."""
    return f"pydantic {'.'.join(pydantic.VERSION.split('.')[:2])}"


class _SessionRecord(Origin):
    session: Name


class _EntryRecord(Entry):
    test: Name
    check: Name


class _Baseline(pydantic.BaseModel):
    """A baseline file: a session before the first entry that refers to it, and null at the end."""

    model_config = pydantic.ConfigDict(extra="forbid")

    format: str
    schema_: int = pydantic.Field(alias="schema")
    environment: Facts | None = None
    records: list[_SessionRecord | _EntryRecord | None]


def _baseline() -> dict[str, Any]:
    return _Baseline.model_json_schema(by_alias=True)
