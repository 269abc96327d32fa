"""Values that files and events have as one line of text."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable
from typing import Any


def line_schema(read: Callable[[str], object]) -> Any:
    """pydantic's schema of what is checked as a line, which ``read`` takes, or raises ValueError for."""
    from pydantic_core import core_schema  # asked by pydantic, which is there then

    return core_schema.no_info_after_validator_function(read, core_schema.str_schema(strict=True))


def packed(rows: object) -> str:
    """What JSON has, as one short line that `unpacked` takes."""
    plain = json.dumps(rows, ensure_ascii=True, separators=(",", ":"))
    return base64.b64encode(zlib.compress(plain.encode(), 9)).decode()


def unpacked(text: str, what: str, most_characters: int) -> Any:
    """What ``text`` holds, of at most so many characters of JSON; ValueError, which names ``what``, if it does not."""
    try:
        unpacking = zlib.decompressobj()
        plain = unpacking.decompress(base64.b64decode(text, validate=True), most_characters)
    except (binascii.Error, zlib.error):
        raise ValueError(f"this is no packed {what}") from None
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError(f"a packed {what} is cut off, or far too long")
    try:
        return json.loads(plain)  # whose own error is a ValueError
    except RecursionError:
        return None
