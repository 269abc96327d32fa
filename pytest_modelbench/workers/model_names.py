"""Names of models with the patterns among them replaced by what they match, in a process that may import them."""

from __future__ import annotations

import fnmatch
import importlib
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.listed_models import is_pattern, with_kind
from pytest_modelbench.workers.asking import ask

_TIMM = "timm:"


def expanded(names: Iterable[str], where: str, folder: str) -> list[str]:
    """``names`` as ``timm:NAME`` or ``package.module:callable``, in their order, each once.

    Patterns are asked for in a process of its own, which imports timm, or the module from ``folder``. UsageError that
    begins with ``where`` for what is no name, and for a pattern that matches nothing.
    """
    given = [with_kind(name, where) for name in names]
    patterns = [name for name in given if is_pattern(name)]
    matched: dict[str, list[str]] = {}
    if patterns:
        matched = ask(__name__, {"patterns": patterns, "folder": folder})["matched"]
    for pattern in patterns:
        if not matched[pattern]:
            listed = "python -c 'import timm; print(timm.list_models())'"
            raise UsageError(
                f"{where}: nothing matches {pattern!r}"
                + (f"; timm's models are listed by {listed}" if pattern.startswith(_TIMM) else "; look at its module")
            )
    return list(dict.fromkeys(one for name in given for one in matched.get(name, [name])))


def matching(pattern: str) -> Sequence[str]:
    """What ``pattern`` matches: timm's models, or callables that its module has defined itself and gives a name to."""
    module_name, _, names = pattern.rpartition(":")
    module: Any = importlib.import_module(module_name)
    if module_name == _TIMM.rstrip(":"):
        # Not timm's own filter, which knows other patterns.
        return [_TIMM + one for one in module.list_models() if fnmatch.fnmatchcase(one, names)]
    own = [name for name, value in vars(module).items() if callable(value) and value.__module__ == module_name]
    public = [name for name in own if not name.startswith("_") and fnmatch.fnmatchcase(name, names)]
    return [f"{module_name}:{name}" for name in public]


def main() -> None:
    """Answer what `expanded` asks."""
    question = json.loads(sys.argv[1])
    sys.path[:0] = [question["folder"], f"{question['folder']}/src"]
    matched: dict[str, Sequence[str]] = {}
    told: dict[str, Any] = {"matched": matched}
    try:
        for pattern in question["patterns"]:
            matched[pattern] = matching(pattern)
    except Exception as error:
        told = {"error": f"{pattern}: its module cannot be imported: {type(error).__name__}: {error}"}
    print(json.dumps(told))
