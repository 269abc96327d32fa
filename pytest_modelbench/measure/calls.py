"""What a run asks of PyTorch's dispatcher, by part of the model: operators, copies, waits for the device, allocations.

Counted on any device, the meta device among them, and the same on all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.measure.held import plain_parts
from pytest_modelbench.measure.places import Places

#: Views whose schema does not say so, and what only asks or marks.
_NO_WORK = frozenset(("aten::_unsafe_view", "aten::_has_same_storage_numel"))
#: What takes memory, in which nothing is written yet.
_EMPTY = frozenset(
    f"aten::{name}" for name in ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")
)
#: What writes a tensor that holds the same numbers: in another layout, type or place.
_COPIES = frozenset(("aten::clone", "aten::_to_copy", "aten::copy_", "aten::copy", "aten::_copy_from"))
#: What has an output whose size depends on values, or a value for Python: the host waits for the device.
_WAITS = frozenset(
    (
        "aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal", "aten::bincount",
        "aten::_unique", "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive",
        "aten::unique_dim_consecutive",
    )
)  # fmt: skip
#: Methods that hand values to the host. On the CPU they pass no dispatcher.
_FETCHES = {getattr(Tensor, name): name for name in ("cpu", "numpy", "tolist", "__array__")}

Key = tuple[str, str]


class Calls(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what runs while it is entered, within the model that ``places`` knows: what is around it is not its own.

    Views and empty tensors are no operators: nothing runs for them on the device. A cast is named with its types. One
    that calls others (``cond``) is one, whatever it calls.
    """

    supports_higher_order_operators = True

    def __init__(self, places: Places) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._places = places
        self._fetches = _Fetches(self._fetched)
        self.operators: Counter[Key] = Counter()
        self.copied_bytes: Counter[Key] = Counter()
        self.allocations: Counter[Key] = Counter()
        self.synchronizations: Counter[Key] = Counter()

    def __enter__(self) -> Calls:
        super().__enter__()  # type: ignore[no-untyped-call]
        self._fetches.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        self._fetches.__exit__(*raised)  # type: ignore[no-untyped-call]
        super().__exit__(*raised)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Result of the operator, which is run as it is."""
        kwargs = kwargs or {}
        taken = _storages((args, kwargs))
        sources = [tensor.dtype for tensor in tensors_in(args)]
        result = func(*args, **kwargs)
        name = operator_name(func)
        if runs_nothing(func, name) or not self._places.within:
            return result
        module = self._places.here().module
        if name not in _EMPTY:
            self.operators[module, name] += 1
        if fresh := _storages(result) - taken:
            self.allocations[module, name] += len(fresh)
        if name in _COPIES:
            self._copied(module, name, args, result, sources)
        if name in _WAITS or _chooses_by_values(name, args, kwargs):
            self.synchronizations[module, name] += 1
        return result

    def _copied(self, module: str, name: str, args: tuple[Any, ...], result: Any, sources: list[torch.dtype]) -> None:
        written = next(tensors_in(result), None)
        if written is None or not sources:
            return
        read = sources[1] if name in ("aten::copy_", "aten::copy") and len(sources) > 1 else sources[0]
        cast = "" if read == written.dtype else f" {_short(read)} to {_short(written.dtype)}"
        self.copied_bytes[module, name + cast] += written.numel() * written.element_size()

    def _fetched(self, method: str) -> None:
        if self._places.within:
            self.synchronizations[self._places.here().module, f"Tensor.{method}"] += 1


class _Fetches(TorchFunctionMode):
    """Tells of calls that fetch values."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if (method := _FETCHES.get(func)) is not None:
            self._tell(method)
        elif func is Tensor.to and any(one == "cpu" for one in (*args[1:], *kwargs.values()) if isinstance(one, str)):
            # As text alone: on the CPU, a device that a module hands on is this one, too.
            self._tell("to")
        return func(*args, **kwargs)


def operator_name(func: Any) -> str:
    """The name of an operator, such as ``aten::add``, whichever of its overloads it is."""
    schema = getattr(func, "_schema", None)
    return str(func) if schema is None else str(schema.name)


def runs_nothing(func: Any, name: str) -> bool:
    """Whether an operator is a view, or one that only asks or marks."""
    if name in _NO_WORK:
        return True
    schema = getattr(func, "_schema", None)
    returned = [] if schema is None else [one.alias_info for one in schema.returns]
    return bool(returned) and all(alias is not None and not alias.is_write for alias in returned)


def _chooses_by_values(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an operator's output is as large as values say: an index of booleans, repeats that nobody sums up."""
    if name in ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"):
        return any(index.dtype in (torch.bool, torch.uint8) for index in tensors_in(args[1:2]))
    return name == "aten::repeat_interleave" and kwargs.get("output_size") is None and len(args) < 3


def tensors_in(value: object) -> Iterator[Tensor]:
    """The tensors that ``value`` is made of."""
    return (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def _storages(value: object) -> set[int]:
    """By identity, the memory behind the tensors in ``value`` that is not empty, as far as it can be asked for."""
    found: set[int] = set()
    for tensor in tensors_in(value):
        with suppress(MeasureError):
            storages = (part.untyped_storage() for part in plain_parts(tensor))
            found.update(storage._cdata for storage in storages if storage.nbytes())
    return found


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
