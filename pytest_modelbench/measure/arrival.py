"""What is to be done as soon as a module is imported: torch, in a process that has begun without it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Action = Callable[[], object]
_waiting: dict[str, list[Action]] = {}


def when_imported(name: str, action: Action) -> Action:
    """Call ``action`` now if the module ``name`` is imported, else right after it is; what comes back calls that off.

    Whoever imports the module gets it after the actions, which run in the order in which they were asked for. What they
    raise comes out of the import statement.
    """
    if name in sys.modules:
        action()
        return lambda: None
    _waiting.setdefault(name, []).append(action)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    return lambda: _call_off(name, action)


def _call_off(name: str, action: Action) -> None:
    if action in (actions := _waiting.get(name, [])):
        actions.remove(action)
    if not actions:
        _waiting.pop(name, None)
    if not _waiting and _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)


class _Finder(MetaPathFinder):
    """Finds nothing by itself: what the others find gets a loader that tells when it is done."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _waiting:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(fullname, path, target) if find is not None else None
            if spec is not None:
                spec.loader = _TellingLoader(spec.loader) if spec.loader is not None else None
                return spec
        return None


class _TellingLoader(Loader):
    """The loader of a module, which also does what was waiting for it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module is to keep no trace of this: what reads its source or data asks the loader.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        for action in list(_waiting.get(module.__name__, ())):
            _call_off(module.__name__, action)
            action()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


_FINDER = _Finder()
