"""Markdown that the reference pages share: tables, code in a cell, and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

#: A name of this package in a docstring, as `ModelBench.record` or `core.reasons`; code is marked by two signs there.
_NAME = re.compile(r"``(.+?)``")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    return "\n".join(
        [
            f"| {' | '.join(columns)} |",
            f"| {' | '.join('---' for _ in columns)} |",
            *(f"| {' | '.join(row)} |" for row in rows),
        ]
    )


def code(text: object) -> str:
    """``text`` as code, in a table cell or out of it: a bar would end the cell there, too."""
    return f"`{text}`".replace("|", "\\|")


def docstring(of: object) -> str:
    """The docstring of ``of`` itself as Markdown, whole; empty if it has none: a base class's says nothing of it."""
    return _NAME.sub(r"`\1`", inspect.cleandoc(getattr(of, "__doc__", None) or ""))


def first_line(of: object) -> str:
    """The first line of the docstring of ``of``, for a table cell."""
    return docstring(of).partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def signature(name: str, of: object, *, bound: bool = True) -> str:
    """How ``of`` is called, as Python source, one argument a line where one line is too long for a page."""
    found = inspect.signature(of)  # type: ignore[arg-type]
    parameters = [one for one in found.parameters.values() if not (bound and one.name == "self")]
    found = found.replace(parameters=parameters)
    line = f"{name}{_unquoted(str(found))}"
    if len(line) <= 88:
        return line
    shown, keyword_only = [], False
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            shown.append("    *,")
        shown.append(f"    {_unquoted(str(one))},")
    back = "" if found.return_annotation is found.empty else f" -> {found.return_annotation}"
    return "\n".join([f"{name}(", *shown, f"){back}"])


def _unquoted(text: str) -> str:
    """``text`` with annotations as they stand in the source: they are strings there by a future import."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
