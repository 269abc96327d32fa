"""Values that files and events have as one line of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def line_schema(read: Callable[[str], object]) -> Any:
    """pydantic's schema of what is checked as a line, which ``read`` takes, or raises ValueError for."""
    from pydantic_core import core_schema  # asked by pydantic, which is there then

    return core_schema.no_info_after_validator_function(read, core_schema.str_schema(strict=True))
