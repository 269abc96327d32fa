"""Where a process's code comes from: a pair means something only if each side imports the code it stands for."""

from __future__ import annotations

import functools
import os
import posixpath
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import FunctionType, ModuleType

from pytest_modelbench.workers.installed import Distribution, Installed
from pytest_modelbench.workers.job import Site
from pytest_modelbench.workers.projects import MODULES, project_of

#: The tool measures both sides, wherever it comes from.
_TOOL = "pytest_modelbench"
_INSTALLED = frozenset(("site-packages", "dist-packages"))


class Origins:
    """Tells of the modules of one process whether each is of the code that the process stands for."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._own, self._other = site.own_root, site.other_root
        names = {name for names in site.projects.values() for name in names}
        self._installed = Installed(names, [Path(root) for root in (self._own, self._other)])
        self._judged: dict[tuple[str, str], str] = {}

    def strays(self, modules: Mapping[str, ModuleType]) -> list[str]:
        """Modules that come from elsewhere than the code that this side of a pair stands for, each with the way out.

        What was imported decides, not where packages ought to lie. A stray is a module of the other side's tree; one
        that a distribution of the project's own has installed; and a copy of one, in an environment or elsewhere, that
        nobody says who installed it: then it cannot be told. Nothing is a stray outside of pairs.
        """
        if not self._own:
            return []
        found = []
        for name, module in sorted(modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str):
                known = (name, file)
                if known not in self._judged:
                    self._judged[known] = self._judge(name, file)
                if self._judged[known]:
                    found.append(f"{name} from {file}, {self._judged[known]}")
        return found

    def _judge(self, name: str, file: str) -> str:
        """Why the module is a stray, with the way out; an empty string if it is none."""
        top = name.partition(".")[0]
        if top in (_TOOL, "__main__", "__mp_main__") or top in sys.stdlib_module_names:
            return ""
        if os.path.islink(file):
            file = os.path.realpath(file)  # as an editable installation may name each file by itself
        real = os.path.join(_real(os.path.dirname(file)), os.path.basename(file))
        base = import_folder(name, file)
        tree = self._tree(real) or self._tree(file)
        # An environment may lie below either tree.
        environment = bool(tree) and bool(_INSTALLED & set(os.path.relpath(file, tree).split(os.sep)))
        installed = environment or bool(base and self._installed.any_in(base))
        if tree and tree != self._own and not installed:
            return self._foreign()
        if tree and not installed and (base is None or self._folder(base, real) in self._site.packages.get(top, ())):
            return ""
        distribution = self._installed.own(base, file, name) if base else None
        held = self._held(name)
        if distribution is not None:
            return self._of_own(distribution, file, held)
        if held is None or (tree and top.startswith("test")):
            return ""
        return "" if base and self._installed.of_others(base, file, name) else self._untold(held)

    def _tree(self, file: str) -> str:
        """The tree that ``file`` lies in, the inner one of two; an empty string if it lies elsewhere."""
        within = [tree for tree in (self._own, self._other) if file.startswith(tree.rstrip(os.sep) + os.sep)]
        return max(within, key=len, default="")

    def _folder(self, base: str, real: str) -> str:
        """``base`` as seen from the top of the own tree: what a link leads to, where it leads from another place."""
        for folder in (_real(base), base):
            if self._tree(os.path.join(folder, "")) == self._own or folder == self._own:
                return Path(os.path.relpath(folder, self._own)).as_posix()
        return Path(real).as_posix()

    def _held(self, name: str) -> str | None:
        """The folder of the own tree that this very module could be imported from, if there is one."""
        parts = name.split(".")
        for folder in self._site.packages.get(parts[0], ()):
            place = os.path.join(self._own, folder, *parts)
            if os.path.isfile(os.path.join(place, "__init__.py")):
                return folder
            if any(file.startswith(f"{parts[-1]}.") for file in _modules(os.path.dirname(place))):
                return folder
        return None

    def _foreign(self) -> str:
        mode = "--config-settings editable_mode=compat"
        return (
            "which lies in the tree of the other side: something names it by an absolute path, or imports it by a hook "
            "that cannot be led elsewhere. Name it by a path relative to the file that imports it, or install the "
            f"project by a path: {self._install('.')} {mode}"
        )

    def _of_own(self, distribution: Distribution, file: str, held: str | None) -> str:
        source, editable = distribution.source
        compiled = file.endswith(tuple(EXTENSION_SUFFIXES))
        # What finds an editable installation's modules is installed itself, and is no code of the project.
        if editable and not compiled and held is None:
            return ""
        folder = next((one for one, names in self._site.projects.items() if distribution.name in names), None)
        if folder is None and source is not None and source.is_dir():
            tree = next((tree for tree in (self._own, self._other) if source.is_relative_to(tree)), self._own)
            folder = source.relative_to(tree).as_posix() if source.is_relative_to(tree) else None
        if folder is None and held is not None:
            folder = project_of(held, self._site.projects)
        if editable and compiled:
            return (
                f"compiled code that {distribution} keeps in one place for both sides, and no commit is built beside "
                "it. Measure the older code where it is built, with --update-baselines, and compare with that"
            )
        return (
            f"which was installed with {distribution}, this project's own: both sides measure that copy. Install it "
            f"in editable mode: {self._install(folder or '.')}"
        )

    def _untold(self, held: str) -> str:
        project = project_of(held, self._site.projects)
        way_out = f'have pytest import it from there: pythonpath = ["{held}"] in its settings'
        if project is not None:
            way_out = f"install the project in editable mode: {self._install(project)}; or {way_out}"
        return (
            f"while {posixpath.join(held, '')} of the repository holds that module as well: no installed distribution "
            f"says whose it is, so it cannot be told that both sides do not measure one copy. To mend it, {way_out}"
        )

    def _install(self, folder: str) -> str:
        return f"pip install -e {posixpath.normpath(posixpath.join(self._site.repository or '.', folder))}"


def told(strays: Iterable[str]) -> str:
    """What ``strays`` mean, and the way out."""
    first, _, why = next(iter(strays), "").partition(", ")
    why = why or "not from the code that it stands for; install the project in editable mode: pip install -e ."
    return f"a process of the comparison imported {first}, {why}"


def imported(modules: Iterable[str]) -> tuple[str, ...]:
    """Names that the packages of ``modules`` are imported by, without those of Python and of this tool."""
    tops = {name.partition(".")[0] for name in list(modules)}
    return tuple(sorted(name for name in tops - {_TOOL} - sys.stdlib_module_names if not name.startswith("_")))


def imported_by(module: object) -> set[str]:
    """Files of what ``module`` has imported by name, without Python's, this tool's and installed ones."""
    values = list(vars(module).values()) if isinstance(module, ModuleType) else []
    # By their types and what these say: to ask a value itself may wake what is lazy, or raise.
    names = {vars(one).get("__name__") for one in values if issubclass(type(one), ModuleType)}
    names |= {one.__module__ for one in values if type(one) is FunctionType or issubclass(type(one), type)}
    found = set()
    for name in names:
        top = name.partition(".")[0] if isinstance(name, str) else ""
        file = getattr(sys.modules.get(str(name)), "__file__", None)
        own = top != _TOOL and top not in sys.stdlib_module_names
        if isinstance(file, str) and own and _INSTALLED.isdisjoint(file.split(os.sep)):
            found.add(file)
    return found


def import_folder(name: str, file: str) -> str | None:
    """The folder that Python imported ``name`` from if its file is ``file``; None if the two do not belong together."""
    parts = file.split(os.sep)
    stem = parts[-1].partition(".")[0]
    wanted = name.split(".")
    found = parts[:-1] if stem == "__init__" and wanted[-1] != "__init__" else [*parts[:-1], stem]
    if found[-len(wanted) :] != wanted:
        return None
    return os.sep.join(found[: -len(wanted)]) or os.sep


@functools.lru_cache(maxsize=4096)
def _real(folder: str) -> str:
    return os.path.realpath(folder)


@functools.lru_cache(maxsize=1024)
def _modules(folder: str) -> Sequence[str]:
    try:
        return [name for name in os.listdir(folder) if os.path.splitext(name)[1] in MODULES]
    except OSError:
        return []
