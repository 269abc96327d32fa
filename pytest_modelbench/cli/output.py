"""What the command prints, on whatever terminal there is."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TextIO

from pytest_modelbench.core.printable import printable_lines


def terminal_width() -> int:
    """Columns of the terminal, or what stands for them where there is none."""
    return shutil.get_terminal_size().columns


def write(stream: TextIO, text: str) -> None:
    """Write lines; what the stream's encoding cannot hold as escapes. A reader that left is no error.

    What comes from files cannot drive the terminal.
    """
    encoding, text = stream.encoding or "utf-8", printable_lines(text)
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except BrokenPipeError:
        # Python flushes once more at exit; it must find something that takes it.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
