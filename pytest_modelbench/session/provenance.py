"""What a session says of its sources, once it is known what was imported."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.session import Stamp
from pytest_modelbench.vcs.revision import unknown_code


def stamped(stamp: Stamp, root: Path) -> Stamp:
    """``stamp``, dirty as well if code was imported that git ignores: the tests themselves, or what they measure.

    Collection has imported the tests and most of what they use. What a tool generated from tracked files is left out:
    every project that takes its version from git has such a file.
    """
    if stamp.commit is None or stamp.dirty:
        return stamp
    try:
        return replace(stamp, dirty=bool(unknown_code(root, _imported(sys.modules))))
    except UsageError:
        return replace(stamp, dirty=True)


def _imported(modules: Mapping[str, ModuleType]) -> list[Path]:
    """Source files of ``modules``, those of Python and of what is installed aside."""
    files = {getattr(module, "__file__", None) for module in list(modules.values())}
    paths = [Path(file) for file in files if isinstance(file, str) and file.endswith(".py")]
    standard = Path(sys.modules["os"].__file__ or "").parent  # an environment may lie within the repository
    return [
        path
        for path in paths
        if not {"site-packages", "dist-packages"} & set(path.parts) and not path.is_relative_to(standard)
    ]
