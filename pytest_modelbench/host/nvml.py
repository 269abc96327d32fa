"""NVIDIA's management library (package nvidia-ml-py, extra ``cuda``), asked and never told: no setting is changed."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import TracebackType
from typing import Any

from pytest_modelbench.host.files import file_text
from pytest_modelbench.host.proc import PROC


class Nvml:
    """NVML, open until it is closed. It counts who opened it, so that others in this process may use it alike."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._errors = _errors(library)
        # Without such a class nothing is caught by it.
        self._not_found: type[Exception] | tuple[()] = getattr(library, "NVMLError_NotFound", ())
        library.nvmlInit()

    def ask(self, *names: str, of: tuple[object, ...] = (), nothing: Any = None) -> Any:
        """The answer of the first of the functions ``names`` to ``of`` that is there and gives one; None without.

        Several names, because functions were renamed: neither the package nor the driver need know the new one.
        ``nothing`` is the answer where one says that it has found none.
        """
        for name in names:
            function = getattr(self._library, name, None)
            if function is None:
                continue
            try:
                return function(*of)
            except self._not_found:
                return nothing
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
    nvml = _opened(library)
    return nvml if isinstance(nvml, Nvml) else None


def why_unseen(library: Any = None) -> str:
    """Why NVML tells nothing of any GPU here; empty if it does."""
    nvml = _opened(library)
    if not isinstance(nvml, Nvml):
        return nvml
    nvml.close()
    return ""


def driver_version(proc: Path = PROC) -> str | None:
    """Version of NVIDIA's kernel module, as it tells itself; None where there is none."""
    found = re.search(r"Kernel Module(?: +for \S+)? +(\d[\d.]*)", file_text(proc / "driver/nvidia/version"))
    return found[1] if found else None


def _opened(library: Any) -> Nvml | str:
    """NVML, or why it cannot be had."""
    if library is None:
        try:
            library = importlib.import_module("pynvml")
        except ImportError:
            return "nvidia-ml-py is not installed: pip install 'pytest-modelbench[cuda]'"
    try:
        return Nvml(library)
    except _errors(library) as error:
        return f"NVML cannot be asked: {str(error) or type(error).__name__}"


def _errors(library: Any) -> tuple[type[Exception], ...]:
    # A driver older than nvidia-ml-py raises the second, which is no NVMLError.
    return library.NVMLError, getattr(library, "NVMLLibraryMismatchError", library.NVMLError)
