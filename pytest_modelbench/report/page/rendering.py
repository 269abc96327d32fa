"""Templates, filled. Whatever goes in is text: names come from files and from other people's tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pytest_modelbench.core.printable import printable, printable_lines

_TEMPLATES = Path(__file__).with_name("templates")


def fill(template: str, **values: Any) -> str:
    """The page that ``template`` makes of ``values``: everything is escaped but what `svg` drew."""
    page = _environment().get_template(template).render(**values)
    # Names of files that are no text come as halves of characters, which UTF-8 has none of.
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {"plain": printable, "plain_lines": printable_lines, "one_line": _one_line}
    return found


def _one_line(markup: Markup) -> Markup:
    """``markup``, none of whose text has more lines than one, as a line of the file."""
    return Markup(str(markup).replace("\n", ""))
