"""What stands in a worker for pytest's terminal reporter: the controller alone writes on the terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from _pytest.config import create_terminal_writer


class SilentTerminal:
    """Has what plugins ask of the plugin ``terminalreporter``, shows none of it and counts nothing.

    Before 9.1, pytest itself asks for its writer to explain a failed comparison; pytest-rerunfailures looks up in
    ``stats`` what a repeated test has left there. It is not pytest's own class: that one asks for an ini option which
    is gone with ``-p no:terminal``, and would tell of every test.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.stats: dict[str, list[Any]] = {}
        self.startpath = config.invocation_params.dir
        self.currentfspath = None
        self.reportchars = ""
        self.verbosity = config.get_verbosity()
        self.hasmarkup = False
        self.isatty = _No()
        self.no_header = self.no_summary = True
        self.showheader = self.showfspath = self.showlongtestinfo = self.foldskipped = False
        self.reported_progress = 0
        self._session = None
        self._tw = create_terminal_writer(config, _Nowhere())

    def hasopt(self, char: str) -> bool:
        """No kind of result is shown in the summary."""
        return False

    def getreports(self, name: str) -> list[Any]:
        """No report is kept."""
        return []

    def write(self, *text: Any, **markup: Any) -> None:
        """Show nothing."""

    write_line = line = rewrite = wrap_write = write_raw = write
    write_sep = section = write_fspath_result = write_ensure_prefix = ensure_newline = flush = write


class _No:
    """What pytest has as an attribute that can be called as well."""

    def __bool__(self) -> bool:
        return False

    def __call__(self) -> bool:
        return False


class _Nowhere(io.StringIO):
    """A file that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)
