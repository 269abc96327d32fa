"""Reports as JSON has them, whatever plugins and tests put into them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

#: Characters of one text of a report that are kept, of its beginning and its end: nobody reads more, and a hundred
#: megabytes of output would be held several times over.
MOST_TEXT = 1 << 20


def as_json(value: Any) -> tuple[Any, list[str]]:
    """``value`` with the text of what JSON cannot hold in its place, and of which types that was, in order.

    Of a text longer than `MOST_TEXT` the middle is left out, and it says so.
    """
    replaced: list[str] = []
    return _converted(value, replaced), list(dict.fromkeys(replaced))


def _converted(value: Any, replaced: list[str]) -> Any:
    # Exactly these: a subclass may be anything, a str of numpy's or an int that is an enum.
    if value is None or type(value) in (bool, int):
        return value
    if isinstance(value, str):
        return _shortened(str.__str__(value))
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        return {_key(key, replaced): _converted(item, replaced) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_converted(item, replaced) for item in value]
    replaced.append(_told(value))
    return _shortened(_text(value))


def _shortened(text: str) -> str:
    if len(text) <= MOST_TEXT:
        return text
    half = MOST_TEXT // 2
    return f"{text[:half]}\n[{len(text) - MOST_TEXT:,} characters left out here]\n{text[-half:]}"


def _key(key: Any, replaced: list[str]) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    replaced.append(f"a key of type {type(key).__name__}")
    return _text(key)


def _told(value: Any) -> str:
    if isinstance(value, float):
        return "a float that is not finite"
    kind = type(value)
    return f"a value of type {kind.__name__}" if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # of a __str__ that is a test's own
        return f"<{type(value).__name__}, whose text cannot be had: {type(error).__name__}>"
