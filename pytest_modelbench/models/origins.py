"""Which files a model is written in."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

from torch import nn


def written_in(make: Callable[[], object], module: nn.Module) -> set[str]:
    """Files of the callable that made ``module``, and of the classes of all of its parts."""
    inner: object = make
    while isinstance(inner, functools.partial):
        inner = inner.func
    names = {getattr(inner, "__module__", None) or type(inner).__module__}
    names |= {kind.__module__ for kind in set(map(type, module.modules()))}
    files = (getattr(sys.modules.get(name), "__file__", None) for name in names)
    return {file for file in files if isinstance(file, str)}
