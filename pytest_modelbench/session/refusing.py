"""What this package refuses, as pytest refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pytest_modelbench.core.errors import ModelbenchError
from pytest_modelbench.core.printable import printable_lines


@contextmanager
def as_usage_error() -> Iterator[None]:
    """Make of a ModelbenchError pytest's own error, with its exit status 4; names out of files are in its text."""
    try:
        yield
    except ModelbenchError as error:
        raise pytest.UsageError(printable_lines(str(error))) from error
