"""``python -m pytest_modelbench.reference docs/reference``: writes every page of the reference, and the schemas."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from pytest_modelbench.reference import (
    command_line,
    file_formats,
    fixtures,
    marker,
    messages,
    metrics,
    verdicts,
)


def files() -> Mapping[str, str]:
    """The text of every file, by its path in the folder."""
    pages = {
        "fixtures.md": fixtures.render(),
        "marker.md": marker.render(),
        "metrics.md": metrics.render(),
        "verdicts.md": verdicts.render(),
        "messages.md": messages.render(),
        "command-line.md": command_line.render(),
        "file-formats.md": file_formats.render(),
    }
    return {**pages, **{f"schemas/{name}.json": text for name, text in file_formats.schemas().items()}}


def write(folder: Path) -> None:
    """Write every file below ``folder``."""
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))
