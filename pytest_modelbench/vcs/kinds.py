"""Files that git does not have in a commit: whether they may be code, or are what tools leave behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

#: Kinds of files that can change what a test measures. A false alarm costs a comparison, a miss a wrong one.
CODE = frozenset(
    (
        *(".py", ".pyi", ".pyx", ".pxd", ".so", ".pyd", ".dll", ".dylib", ".c", ".cc", ".cpp", ".cxx", ".h", ".hh"),
        *(".hpp", ".cu", ".cuh", ".hip", ".rs", ".metal", ".cl", ".ptx", ".sh", ".bat", ".cmake"),
    )
)
#: Kinds that configure code where they lie beside it, and an editor or a service where they lie in a hidden folder.
CONFIGURATION = frozenset((".toml", ".cfg", ".ini", ".yaml", ".yml", ".json"))
#: How every file begins that this package writes.
_OURS = '"format": "pytest-modelbench '
_HEAD = 200
_GITATTRIBUTES = ".gitattributes"
#: What the file says that tells git how to merge baselines.
_ATTRIBUTES = "; pytest-modelbench tells "
SIGNS_OF_OURS = (_OURS, _ATTRIBUTES)
_GENERATED_HEAD = 1000
#: What is installed is told by its versions.
_INSTALLED = frozenset(("site-packages", "dist-packages", "node_modules", "__pycache__"))


def code_among(toplevel: Path, names: Sequence[str]) -> list[str]:
    """Those of ``names``, untracked files below ``toplevel``, that may be code."""
    environments = tuple(f"{name.removesuffix('pyvenv.cfg')}" for name in names if name.endswith("/pyvenv.cfg"))
    return [name for name in names if not name.startswith(environments or ("\0",)) and _may_be_code(toplevel, name)]


def written_by_us(path: Path) -> bool:
    """Whether ``path`` is a file of baselines or results, which tell of code and are none, or says how those merge."""
    if not may_be_ours(path.name):
        return False
    attributes = path.name == _GITATTRIBUTES
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return _ATTRIBUTES in head if attributes else is_ours(head)


def may_be_ours(name: str) -> bool:
    """Whether a file of this name, or path, may be one that this package writes."""
    return name.endswith(".json") or name.rpartition("/")[2] == _GITATTRIBUTES


def is_ours(text: str) -> bool:
    """Whether a file that holds ``text`` is one of baselines or results."""
    return _OURS in text[:_HEAD]


def generated(path: Path) -> bool:
    """Whether ``path`` says of itself that a tool made it, as files of versions and of protocol buffers do."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            head = file.read(_GENERATED_HEAD).lower()
    except OSError:
        return False
    return "generated" in head or "do not edit" in head


def _may_be_code(toplevel: Path, name: str) -> bool:
    # A name that ends in a slash is a repository of its own, which git does not look into.
    if name.endswith("/"):
        return True
    path = PurePosixPath(name)
    if _INSTALLED & set(path.parts) or any(part.endswith((".egg-info", ".dist-info")) for part in path.parts):
        return False
    if path.suffix in CODE:
        return True
    if path.suffix not in CONFIGURATION or any(part.startswith(".") for part in path.parts):
        return False
    return path.suffix != ".json" or (_holds_anything(toplevel / name) and not written_by_us(toplevel / name))


def _holds_anything(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return True
