"""What a session may read or run that no commit of its repository tells of, by fingerprints of what it holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.git import entries, git
from pytest_modelbench.vcs.listing import LISTING_S, files_below, top_of

#: What code runs or reads beside sources, by its name: compiled extensions, exported models and weights, settings.
_KINDS = (
    "*.so", "*.pyd", "*.dylib", "*.pt", "*.pth", "*.pt2", "*.ckpt", "*.onnx", "*.safetensors", "*.bin", "*.h5", "*.npz",
    "*.pkl", "*.engine", "*.plan", "*.jit", "*.torchscript", "*.tflite", ".env*", "*.yaml", "*.yml", "*.toml", "*.ini",
    "*.cfg",
)  # fmt: skip
#: Of larger files, size and time of change stand for what they hold: a second reading of gigabytes takes too long.
_LARGEST = 64 * 2**20
_DIGITS = 8


def beside_commits(root: Path) -> list[Path]:
    """Files in the repository of ``root`` that code may run or read and that git does not have; empty without git.

    Those of virtual environments are installed, and told elsewhere.
    """
    top = top_of(root)
    patterns = [f":(top,glob)**/{kind}" for kind in _KINDS]
    try:
        doing = f"listing what {top} holds beside its commits"
        names = entries(git(top, "ls-files", "-z", "--others", "--", *patterns, doing=doing, timeout_s=LISTING_S))
    except UsageError:
        return []
    environments: dict[Path, bool] = {}

    def installed(folder: Path) -> bool:
        if folder not in environments:
            above = folder != top and installed(folder.parent)
            environments[folder] = above or (folder / "pyvenv.cfg").exists() or folder.name == "node_modules"
        return environments[folder]

    found = sorted(top / name for name in names)
    return [path for path in found if path.is_file() and not installed(path.parent)]


def fingerprint(paths: Sequence[Path], root: Path) -> str:
    """``3 files (1a2b3c4d)``, by names, seen from ``root``, and contents; empty for none of them."""
    if not paths:
        return ""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(os.path.relpath(path, root).encode("utf-8", "surrogateescape") + b"\0" + _held(path))
    return f"{len(paths)} file{'s' if len(paths) > 1 else ''} ({digest.hexdigest()[:_DIGITS]})"


def _held(path: Path) -> bytes:
    try:
        status = path.stat()
        if status.st_size > _LARGEST:
            return f"{status.st_size} {status.st_mtime_ns}".encode()
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        return f"{error.strerror}".encode()


def code_of(folder: Path) -> str:
    """A fingerprint of the code in ``folder``, a working tree or not: of its sources and compiled extensions."""
    top = folder.resolve()
    kinds = (".py", ".pyi", *EXTENSION_SUFFIXES)
    listed = {top / name for name in files_below(top) if name.endswith(kinds)}
    # Extensions lie beside sources, and git is mostly told to ignore them.
    listed |= {
        path for place in {one.parent for one in listed} for path in place.glob("*") if path.name.endswith(kinds)
    }
    return fingerprint(sorted(path for path in listed if path.is_file()), top)
