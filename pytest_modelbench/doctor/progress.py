"""The line that says how far a trial is."""

from __future__ import annotations

import shutil
from typing import TextIO

from pytest_modelbench.doctor.trial import Standing
from pytest_modelbench.report.progress import progress_line

_ERASE_LINE = "\r\x1b[K"


class Line:
    """Shows standings on one line of a terminal; nothing elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()

    def show(self, standing: Standing) -> None:
        """Replace what is shown."""
        if self._live:
            line = progress_line(
                standing.number,
                standing.planned,
                standing.done,
                standing.total,
                standing.test,
                standing.elapsed_s,
                standing.remaining_s,
                shutil.get_terminal_size().columns - 1,
            )
            self._stream.write(f"{_ERASE_LINE}{line}")
            self._stream.flush()

    def clear(self) -> None:
        """Make room for what comes next."""
        if self._live:
            self._stream.write(_ERASE_LINE)
            self._stream.flush()
