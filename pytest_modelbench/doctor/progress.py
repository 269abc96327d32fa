"""The line that says how far a trial is."""

from __future__ import annotations

import shutil
from typing import TextIO

from pytest_modelbench.doctor.trial import TrialProgress
from pytest_modelbench.report.progress import Course, progress_line

_ERASE_LINE = "\r\x1b[K"


class TrialLine:
    """Shows how far a trial is on one line of a terminal; elsewhere it shows nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()

    def show(self, progress: TrialProgress) -> None:
        """Replace what is shown."""
        if self._live:
            course = Course(
                progress.number,
                progress.planned,
                progress.done,
                progress.total,
                progress.elapsed_s,
                progress.remaining_s,
            )
            line = progress_line(course, progress.test, shutil.get_terminal_size().columns - 1)
            self._stream.write(f"{_ERASE_LINE}{line}")
            self._stream.flush()

    def clear(self) -> None:
        """Make room for what comes next."""
        if self._live:
            self._stream.write(_ERASE_LINE)
            self._stream.flush()
