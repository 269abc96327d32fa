"""A machine made of files: what Linux tells in ``/proc`` and ``/sys``, in a folder of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_files(root: Path, files: Mapping[str, str]) -> Path:
    """Write ``files``, lines of text by their paths below ``root``, with the folders they need; ``root`` comes back.

    The readers of `pytest_modelbench.host` take such a folder in place of the machine's own.
    """
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")
    return root


def process_stat(pid: int, name: str, parent: int) -> str:
    """A process's ``/proc/<pid>/stat``, as proc_pid_stat(5) has it, that has used no time."""
    return f"{pid} ({name}) R {parent} {'0 ' * 40}"
