"""Where a process's code comes from: a pair means something only if each side imports the code it stands for."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from pytest_modelbench.workers.job import Site

#: The tool measures both sides, wherever it comes from.
_TOOL = "pytest_modelbench"


def packages(root: Path) -> dict[str, Path]:
    """Top-level packages and modules of the project at ``root``, and the folder that each is imported from.

    Flat and src layout: what lies in ``root`` itself and in ``src``, tests and setup scripts aside.
    """
    found: dict[str, Path] = {}
    for folder in (root / "src", root):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            name = path.name.removesuffix(".py")
            package = (path / "__init__.py").is_file()
            script = path.suffix == ".py" and name not in ("setup", "conftest", "noxfile", "tasks", "__init__")
            if (package or script) and name.isidentifier() and name not in (_TOOL, "tests", "test", "docs"):
                found.setdefault(name, folder)
    return found


def project_path(root: Path, path: Sequence[str]) -> list[str]:
    """The entries of ``path`` that lie in the project: what another interpreter has to be told."""
    return [entry for entry in path if Path(entry).is_relative_to(root) and not _installed(Path(entry))]


def import_path(root: Path, path_of: Callable[[Path], Path | None], path: Sequence[str]) -> list[str]:
    """``path`` of the working tree as it is for the code that ``path_of`` maps to, `packages` first where they have to.

    An editable installation may import a package by a hook of its own, which no path shows; a path that comes first
    comes before such hooks.
    """
    mapped = [str(path_of(Path(entry)) or entry) if entry and not _installed(Path(entry)) else entry for entry in path]
    first = []
    for name, folder in packages(root).items():
        place = path_of(folder)
        if place is not None and str(place) not in mapped and _imported_from(name, folder):
            first.append(str(place))
    return [*dict.fromkeys(first), *mapped]


def _installed(path: Path) -> bool:
    """Whether ``path`` belongs to an environment that lies below the project, as .venv does."""
    return bool({"site-packages", "dist-packages"} & set(path.parts))


def _imported_from(name: str, folder: Path) -> bool:
    """Whether importing ``name`` here would take it from ``folder``."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return False
    return bool(spec and spec.origin and Path(spec.origin).is_relative_to(folder))


def strays(site: Site, modules: Mapping[str, ModuleType]) -> list[str]:
    """Modules that come from elsewhere than the code that this side of a pair stands for; nothing outside of pairs."""
    if not site.own_root:
        return []
    own, other = Path(site.own_root), Path(site.other_root)
    found = []
    for name, module in sorted(modules.items()):
        top = name.partition(".")[0]
        file = getattr(module, "__file__", None)
        if top == _TOOL or not isinstance(file, str):
            continue
        path = Path(file)
        owned = path.is_relative_to(own) and not _installed(path)
        foreign = own != other and path.is_relative_to(other) and not path.is_relative_to(own) and not _installed(path)
        if foreign or (name in site.packages and not owned):
            found.append(f"{name} from {file}")
    return found


def told(strays: Iterable[str]) -> str:
    """What ``strays`` mean, and the way out."""
    first = next(iter(strays), "")
    return (
        f"a process of the comparison imported {first}, not from the code that it stands for; install the project in "
        "editable mode: pip install -e ."
    )
