"""What a module is, put back after something was done with it: values of its tensors, attributes, generators."""

from __future__ import annotations

import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pytest_modelbench.models.modes import is_compiled
from pytest_modelbench.models.tensors import OF_MODULES

#: Returns what something was, as it was.
_Restore = Callable[[], Any]

#: What a module has registered, in dictionaries of its own. Hooks too: a model that registers them in its first pass
#: and notes in an attribute that it has would register them twice, if the attribute alone were put back.
_REGISTERED = (
    *("_parameters", "_buffers", "_modules"),
    *("_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
    *("_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_backward_hooks", "_backward_pre_hooks"),
)
_CONTAINERS = (list, set, deque, dict, OrderedDict, defaultdict)


@contextmanager
def state_kept(module: nn.Module, more: Iterable[Tensor] = ()) -> Iterator[None]:
    """Within, ``module`` may change by being used; afterwards it is what it was, and so are the tensors of ``more``.

    Put back are values of parameters, buffers and tensors that parts keep as attributes; what is registered, hooks
    too; attributes themselves, what lists, dictionaries, sets and queues among them hold, and states of
    `torch.Generator`. What parts made anew goes. Attributes of other kinds are put back, and not what happens inside of
    them; nor those of a compiled module, whose code holds for what it met, nor of a scripted one.

    Values are copied to the host's memory, and nothing else is held on to: neither counts in a peak of the device.
    """
    memory = _Memory()
    restores: list[_Restore] = [memory.kept(tensor) for tensor in more]
    compiled = is_compiled(module)
    for part in module.modules():
        if compiled or isinstance(part, torch.jit.ScriptModule):
            restores += map(memory.kept, (*part.parameters(recurse=False), *part.buffers(recurse=False)))
        else:
            restores.append(_attributes_kept(part, memory))
    try:
        yield
    finally:
        for restore in restores:
            restore()


def _attributes_kept(part: nn.Module, memory: _Memory) -> _Restore:
    store = vars(part)
    own = [name for name in store if name not in OF_MODULES or name in _REGISTERED]
    kept = {name: memory.kept(store[name]) for name in own}

    def restore() -> None:
        for name in [name for name in store if name not in OF_MODULES and name not in kept]:
            del store[name]
        store.update((name, value()) for name, value in kept.items())

    return restore


class _Memory:
    """Values, however many hold them: each container and each storage is kept once."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[object, _Restore]] = {}  # by identity, of containers, which are kept alive
        self._filled: set[int] = set()  # by identity, of containers
        self._bytes: dict[int, Tensor] = {}  # by address of the storage
        self._renewed: dict[int, torch.UntypedStorage] = {}

    def kept(self, value: Any) -> _Restore:
        """How ``value`` comes back: the same object, where it lives on."""
        if isinstance(value, Tensor):
            return self._tensor_kept(value)
        if isinstance(value, torch.Generator):
            state = value.get_state()
            return lambda: value.set_state(state)
        if type(value) in _CONTAINERS:
            return self._container_kept(value)
        if isinstance(value, tuple):
            items = [self.kept(item) for item in value]
            make = type(value)._make if hasattr(value, "_make") else type(value)
            return (lambda: make(item() for item in items)) if _holds_tensors(value) else (lambda: value)
        return lambda: value

    def _container_kept(self, value: Any) -> _Restore:
        if id(value) in self._seen:
            return self._seen[id(value)][1]
        contents: list[Any] = []

        def restore() -> Any:
            if id(value) not in self._filled:  # others may hold it, too, and it itself
                self._filled.add(id(value))
                items = [item() for item in contents]
                value.clear()
                value.extend(items) if isinstance(value, (list, deque)) else value.update(items)
            return value

        self._seen[id(value)] = (value, restore)
        if isinstance(value, dict):
            contents += [partial(_pair, key, self.kept(item)) for key, item in value.items()]
        else:
            contents += map(self.kept, value)
        return restore

    def _tensor_kept(self, tensor: Tensor) -> _Restore:
        if tensor.is_meta:
            return lambda: tensor
        reference = weakref.ref(tensor)
        if tensor.layout is not torch.strided or hasattr(tensor, "__tensor_flatten__"):
            copy = tensor.detach().to("cpu", copy=True)
            return partial(_refilled, reference, copy, tensor.device)
        storage = tensor.untyped_storage()
        address = storage.data_ptr()
        if address not in self._bytes:
            self._bytes[address] = _as_bytes(storage).to("cpu", copy=True)
        laid_out = (tensor.storage_offset(), tensor.size(), tensor.stride())
        kind, dtype, device, needs_grad = type(tensor), tensor.dtype, tensor.device, tensor.requires_grad

        def again() -> Tensor:
            """A tensor like the one that is gone."""
            made = torch.empty(0, dtype=dtype, device=device).set_(self._renewed_storage(address, device), *laid_out)
            return nn.Parameter(made, needs_grad) if issubclass(kind, nn.Parameter) else made

        def restore() -> Tensor:
            tensor = reference()
            if tensor is None:
                return again()
            storage, values = tensor.untyped_storage(), self._bytes[address]
            if storage.nbytes() != values.nbytes:
                tensor.data = again().detach()
            else:
                _write(storage, values)
            return tensor

        return restore

    def _renewed_storage(self, address: int, device: torch.device) -> torch.UntypedStorage:
        if address not in self._renewed:
            self._renewed[address] = self._bytes[address].to(device, copy=True).untyped_storage()
        return self._renewed[address]


def _pair(key: object, item: _Restore) -> tuple[object, Any]:
    return key, item()


def _holds_tensors(value: object) -> bool:
    if isinstance(value, (tuple, *_CONTAINERS)):
        return any(map(_holds_tensors, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Tensor)


def _refilled(reference: weakref.ref[Tensor], copy: Tensor, device: torch.device) -> Tensor:
    """The tensor with the values of ``copy``: of what has no storage of its own, sparse or wrapped."""
    tensor = reference()
    if tensor is None:
        return copy.to(device)
    with torch.no_grad():
        return tensor.copy_(copy)


def _as_bytes(storage: torch.UntypedStorage) -> Tensor:
    """All bytes of ``storage``, which is not copied."""
    return torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)


def _write(storage: torch.UntypedStorage, values: Tensor) -> None:
    # What did not change is not written: it may be a file that is mapped for reading alone.
    found = _as_bytes(storage)
    if not _equal(found.cpu(), values):
        found.copy_(values)


def _equal(some: Tensor, other: Tensor) -> bool:
    """Whether bytes are equal; most of them by eights, which takes a quarter of the time."""
    wide = some.numel() // 8 * 8
    eights = (bytes_[:wide].view(torch.int64) for bytes_ in (some, other))
    return torch.equal(*eights) and torch.equal(some[wide:], other[wide:])
