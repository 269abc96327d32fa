"""Which of a module's parameters a pass reaches: those that an operator takes, by themselves or by their memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


@dataclass(frozen=True, slots=True)
class Reach:
    """The parameters of a module, by name, with their sizes, and those of them that a pass took."""

    sizes: Mapping[str, int]
    taken: frozenset[str]

    @property
    def parameters(self) -> int:
        """Elements of all parameters."""
        return sum(self.sizes.values())

    @property
    def idle_parameters(self) -> int:
        """Elements of those that were not taken."""
        return sum(size for name, size in self.sizes.items() if name not in self.taken)

    @property
    def share(self) -> float:
        """Share of elements that were taken: 1.0 for all."""
        return 1 - self.idle_parameters / self.parameters

    def beside(self, other: Reach) -> Reach:
        """What either of two passes took."""
        return replace(self, taken=self.taken | other.taken)

    def idle_parts(self) -> dict[str, int]:
        """Elements by the outermost modules, or parameters, of which nothing was taken; the largest first."""
        reached = {prefix for name in self.taken for prefix in _prefixes(name)}
        parts: Counter[str] = Counter()
        for name, size in self.sizes.items():
            if name not in self.taken:
                parts[next(prefix for prefix in _prefixes(name) if prefix not in reached)] += size
        return dict(parts.most_common())


def _prefixes(name: str) -> Iterable[str]:
    """``a``, ``a.b`` and ``a.b.weight``, of the last."""
    return accumulate(name.split("."), "{}.{}".format)


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes, while it is entered, the parameters of ``module`` that operators take; changes nothing.

    What passes PyTorch's dispatcher is seen, functional calls, views, casts and scripted code included. Compiled code
    and graphs that are replayed are not.
    """

    supports_higher_order_operators = True

    def __init__(self, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        parameters = dict(module.named_parameters())
        self._sizes = {name: one.numel() for name, one in parameters.items()}
        self._names: dict[object, list[str]] = {}
        self._held = list(parameters.values())  # so that what they are known by stays theirs
        for name, one in parameters.items():
            for key in _keys(one):
                self._names.setdefault(key, []).append(name)
        self._taken: set[str] = set()
        self._noting = True

    def stop(self) -> None:
        """Note no more: what follows is no part of the pass."""
        self._noting = False

    def reach(self) -> Reach | None:
        """What was taken so far; None if that is nothing: there are no parameters, or what ran was out of sight."""
        return Reach(self._sizes, frozenset(self._taken)) if self._taken else None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Result of the operator, which is run as it is."""
        kwargs = kwargs or {}
        for tensor in _tensors(chain(args, kwargs.values())) if self._noting else ():
            for key in _keys(tensor):
                self._taken.update(self._names.get(key, ()))
        return func(*args, **kwargs)


def _tensors(values: Iterable[object]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _keys(tensor: Tensor) -> tuple[object, ...]:
    """What ``tensor`` is known by: itself, and its memory, which `Tensor.data` and views made earlier share."""
    if tensor.layout is not torch.strided:
        return (id(tensor),)
    try:
        return id(tensor), ("storage", tensor.untyped_storage()._cdata)
    except (RuntimeError, NotImplementedError):  # made of other tensors, without memory of its own
        return (id(tensor),)
