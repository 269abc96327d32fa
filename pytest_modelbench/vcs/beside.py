"""What a session may read or run that no commit of its repository tells of, by fingerprints of what it holds."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.git import ask, entries, git
from pytest_modelbench.vcs.kinds import CODE, CONFIGURATION, generated
from pytest_modelbench.vcs.listing import LISTING_S, files_below, top_of

#: Sources that git ignores. Those that it would add are other code, which a duet puts beside the baseline's.
_IGNORED = ("*.py", "*.pyi")
#: What else code runs or reads, by its name: compiled extensions, exported models and weights, settings.
_KINDS = (
    "*.so", "*.so.*", "*.pyd", "*.dylib", "*.pt", "*.pth", "*.pt2", "*.ckpt", "*.onnx",
    "*.safetensors", "*.bin", "*.h5", "*.hdf5", "*.npy", "*.npz", "*.pkl", "*.joblib", "*.msgpack", "*.gguf", "*.pb",
    "*.engine", "*.plan", "*.trt", "*.jit", "*.torchscript", "*.tflite", "*.xml", ".env*", "*.yaml", "*.yml", "*.toml",
    "*.ini", "*.cfg",
)  # fmt: skip
#: What is installed there is told by its versions.
_INSTALLED = ("pyvenv.cfg", "conda-meta")
#: What builds write anew for each commit, if they say of themselves that they are generated.
_OF_VERSIONS = frozenset({"_version.py", "version.py", "__version__.py"})
#: Of larger files, their size and parts of them stand for what they hold: to read gigabytes takes too long.
_LARGEST = 64 * 2**20
_PARTS, _PART = 16, 2**20
_DIGITS = 8
_SOURCES = (".py", ".pyi", *EXTENSION_SUFFIXES)


def beside_commits(root: Path) -> list[Path] | None:
    """Files in the repository of ``root`` that code may run or read and that git does not have; None if git fails.

    Those of virtual environments are installed, and told elsewhere. Repositories within are not looked into.
    """
    top = top_of(root)
    # Of most environments not even the names are listed: there are tens of thousands.
    near = {path.parent.name for sign in _INSTALLED for path in top.glob(f"*/{sign}")} | {"node_modules"}
    left_out = [f":(top,exclude,literal){name}" for name in sorted(near)]

    def listed(kinds: Sequence[str], *which: str) -> list[str]:
        doing = f"listing what {top} holds beside its commits"
        patterns = [*(f":(top,glob)**/{kind}" for kind in kinds), *left_out]
        return entries(
            git(top, "ls-files", "-z", "--others", *which, "--", *patterns, doing=doing, timeout_s=LISTING_S)
        )

    try:
        names = listed(_KINDS) + listed(_IGNORED, "--ignored", "--exclude-standard")
    except UsageError:
        return None
    environments: dict[Path, bool] = {}

    def installed(folder: Path) -> bool:
        if folder not in environments:
            above = folder != top and installed(folder.parent)
            own = folder.name == "node_modules" or any((folder / sign).exists() for sign in _INSTALLED)
            environments[folder] = above or own
        return environments[folder]

    found = (path for name in sorted(names) if (path := top / name).is_file() and not installed(path.parent))
    return [path for path in found if not (path.name in _OF_VERSIONS and generated(path))]


def known_to_git(folder: Path, top: Path) -> bool:
    """Whether ``folder`` is versioned with the repository at ``top``: files of it are, or it is in a submodule."""
    folder = folder.resolve()
    if folder == top or not folder.is_relative_to(top):
        return folder == top
    repository = _own_repository(folder, top)
    asked = (repository or folder).relative_to(top).as_posix()
    listed = entries(ask(top, "ls-files", "-z", "--stage", "--", f":(top,literal){asked}").output)
    return any(entry.startswith("160000 ") or repository is None for entry in listed)


def _own_repository(folder: Path, top: Path) -> Path | None:
    """The repository below ``top`` that ``folder`` lies in, if any."""
    within = (one for one in (folder, *folder.parents) if one != top and one.is_relative_to(top))
    return next((one for one in within if (one / ".git").exists()), None)


def places_beside(path: Sequence[str], top: Path) -> list[Path]:
    """Folders of the import ``path`` whose code neither a commit of the repository at ``top`` tells nor a version.

    Those outside of it (PYTHONPATH), and repositories within it that it does not know; not what things are installed
    into, nor Python itself.
    """
    python = [Path(prefix).resolve() for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}]
    found = []
    for folder in dict.fromkeys(Path(entry).resolve() for entry in path if entry):
        if not folder.is_dir() or any(folder.is_relative_to(one) for one in python):
            continue
        if any(next(folder.glob(kind), None) for kind in ("*.dist-info", "*.egg-info")):
            continue
        # What git ignores within the repository is told file by file.
        if not folder.is_relative_to(top) or (_own_repository(folder, top) and not known_to_git(folder, top)):
            found.append(folder)
    return found


def importable_code(folder: Path) -> str:
    """A fingerprint of the modules and packages right below ``folder``, which may hold anything else."""
    own = [path for path in folder.glob("*") if path.name.endswith(_SOURCES)]
    packages = [path.parent for path in folder.glob("*/__init__.py")]
    own += [path for package in packages for path in package.rglob("*") if path.name.endswith(_SOURCES)]
    return fingerprint(sorted(path for path in own if path.is_file()), folder)


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
            return _parts_of(path, status.st_size)
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        return f"{error.strerror}".encode()


def _parts_of(path: Path, size: int) -> bytes:
    """Size, head, tail, and what lies between at even distances."""
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for part in range(_PARTS):
            file.seek((size - min(size, _PART)) * part // (_PARTS - 1))
            digest.update(file.read(_PART))
    return digest.digest()


def code_of(folder: Path) -> str:
    """A fingerprint of the code in ``folder``, a working tree or not: of sources, extensions, and what configures."""
    top = folder.resolve()
    kinds = (*_SOURCES, *CODE, *CONFIGURATION)
    listed = {top / name for name in files_below(top) if name.endswith(kinds)}
    # Extensions lie beside sources, and git is mostly told to ignore them.
    listed |= {
        path for place in {one.parent for one in listed} for path in place.glob("*") if path.name.endswith(_SOURCES)
    }
    return fingerprint(sorted(path for path in listed if path.is_file()), top)
