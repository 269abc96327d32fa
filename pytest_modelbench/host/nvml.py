"""NVIDIA's management library (package nvidia-ml-py, extra ``cuda``), asked and never told: no setting is changed."""

from __future__ import annotations

import importlib
from types import TracebackType
from typing import Any


class Nvml:
    """NVML, open until it is closed. It counts who opened it, so that others in this process may use it alike."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._errors = _errors(library)
        library.nvmlInit()

    def ask(self, *names: str, of: tuple[object, ...] = ()) -> Any:
        """The answer of the first of the functions ``names`` to ``of`` that is there and gives one; None without.

        Several names, because functions were renamed: neither the package nor the driver need know the new one.
        """
        for name in names:
            function = getattr(self._library, name, None)
            if function is None:
                continue
            try:
                return function(*of)
            except self._errors:
                continue
        return None

    def close(self) -> None:
        """Leave NVML to whoever else opened it."""
        self.ask("nvmlShutdown")

    def __enter__(self) -> Nvml:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_nvml(library: Any = None) -> Nvml | None:
    """NVML, or None where nvidia-ml-py is not installed or finds no driver. ``library`` stands in for ``pynvml``."""
    if library is None:
        try:
            library = importlib.import_module("pynvml")
        except ImportError:
            return None
    try:
        return Nvml(library)
    except _errors(library):
        return None


def _errors(library: Any) -> tuple[type[Exception], ...]:
    # A driver older than nvidia-ml-py raises the second, which is no NVMLError.
    return library.NVMLError, getattr(library, "NVMLLibraryMismatchError", library.NVMLError)
