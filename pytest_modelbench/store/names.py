"""Names of files and folders under the baselines folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath

from pytest_modelbench.core.environment import slugify
from pytest_modelbench.core.errors import BaselineError

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]*")
#: Well below the 255 bytes of every file system, with room for the hash, the suffix and the name of a temporary file.
_LONGEST = 80


def file_name(test: str) -> str:
    """Name of the baseline file for a node id: ``inference.json`` for ``tests/benchmarks/test_inference.py::test[a]``.

    Only the part before the first ``::`` counts, so a parameter may hold anything. Modules of the same name share a
    file, which is fine: entries carry the whole node id.
    """
    stem = PurePosixPath(test.split("::", 1)[0]).stem
    stem = stem.removeprefix("test_") if stem.startswith("test_") else stem.removesuffix("_test")
    if not _PLAIN.fullmatch(stem):
        slug = slugify(stem)
        stem = slug or f"module-{_fingerprint(stem)}"
    if len(stem) > _LONGEST:
        stem = f"{stem[:_LONGEST]}-{_fingerprint(stem)}"
    return f"{stem}.json"


def check_folder_name(folder: str) -> None:
    """Raise BaselineError unless ``folder`` names a folder right below the baselines folder."""
    if not folder or folder.startswith(".") or any(c in folder for c in "/\\\0") or len(folder) > 200:
        raise BaselineError(
            f"{folder!r} is not the name of a baseline folder such as 'portable'; take results as pytest wrote them"
        )


def is_folder_name(name: str) -> bool:
    """Whether baselines of any environment are looked for in a folder called ``name``."""
    return name == slugify(name)


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
