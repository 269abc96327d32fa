"""What torch.autocast("cuda") does to the arguments of each operator, for tensors on the meta device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

#: What computes an operator by a rule: the operator, its arguments and its named arguments.
Rule = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]

#: Casts of weights, as PyTorch keeps them: one a weight, until the outermost autocast is left.
CASTS = WeakTensorKeyDictionary()

# The operator that reads fp16 and writes float32 (aten/src/ATen/native/SoftMax.cpp takes it on CUDA, for fp16 alone).
_HALF_TO_FLOAT = {"softmax": torch.ops.aten._softmax.default, "log_softmax": torch.ops.aten._log_softmax.default}
# norm takes the type of its result in overloads of its own.
_TYPED_NORM = {
    "Scalar": torch.ops.aten.norm.ScalarOpt_dtype,
    "ScalarOpt_dim": torch.ops.aten.norm.ScalarOpt_dim_dtype,
}


def active() -> bool:
    """Whether autocast is on, and one of its contexts is entered: no kernel of a backward pass is meant to be cast."""
    if not torch.is_autocast_enabled("cuda"):
        return False
    torch.autocast_increment_nesting()
    return torch.autocast_decrement_nesting() > 0


def on_meta(values: object) -> Iterator[Tensor]:
    """The tensors on the meta device among arguments."""
    if isinstance(values, Tensor):
        if values.device.type == "meta":
            yield values
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from on_meta(value)
    elif isinstance(values, dict):
        yield from on_meta(tuple(values.values()))


def converted(value: Any, dtype: torch.dtype) -> Any:
    """Arguments with their floating tensors on the meta device in ``dtype``; float64 stays."""
    if isinstance(value, Tensor):
        return _cast(value, dtype) if _eligible(value) else value
    if isinstance(value, (tuple, list)):
        return type(value)(converted(one, dtype) for one in value)
    if isinstance(value, dict):
        return {name: converted(one, dtype) for name, one in value.items()}
    return value


def half_to_float(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """As ``op``, softmax or log_softmax, with autocast or without, and by one operator where CUDA has one for it."""
    tensor, dim, *dtype = args
    dtype = kwargs.get("dtype", *dtype or [None])
    if tensor.dtype == torch.float16 and dtype == torch.float32 and tensor.device.type == "meta":
        return _HALF_TO_FLOAT[op.__name__.partition(".")[0]](tensor, dim, True)
    return op(*args, **kwargs)


def _eligible(value: object) -> bool:
    return (
        isinstance(value, Tensor)
        and value.is_floating_point()
        and value.dtype != torch.float64
        and value.device.type == "meta"
    )


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if tensor.dtype == dtype:
        return tensor
    is_weight = tensor.dtype == torch.float32 and tensor.requires_grad and tensor.is_leaf and not tensor._is_view()
    if not (is_weight and torch.is_autocast_cache_enabled()):
        return tensor.to(dtype)
    if tensor not in CASTS:
        CASTS[tensor] = tensor.to(dtype)
    cast: Tensor = CASTS[tensor]
    return cast


def _low() -> torch.dtype:
    return torch.get_autocast_dtype("cuda")


def lower(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return op(*converted(args, _low()), **converted(kwargs, _low()))


def in_float32(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return op(*converted(args, torch.float32), **converted(kwargs, torch.float32))


def float32_result(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not _eligible(args[0]):
        return op(*args, **kwargs)
    names = [argument.name for argument in op._schema.arguments[: len(args)]]
    if "dtype" not in names:
        kwargs = {"dtype": torch.float32} | {name: value for name, value in kwargs.items() if value is not None}
    elif args[names.index("dtype")] is None:
        args = tuple(torch.float32 if name == "dtype" else value for name, value in zip(names, args, strict=True))
    return half_to_float(op, args, kwargs) if op.__name__.partition(".")[0] in _HALF_TO_FLOAT else op(*args, **kwargs)


def norm(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    dtype = torch.float32 if _eligible(args[0]) else args[0].dtype
    filled = [*args, *(argument.default_value for argument in op._schema.arguments[len(args) :])]
    return _TYPED_NORM[op._overloadname](*filled, **kwargs, dtype=dtype)


def widest(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    found = {tensor.dtype for tensor in on_meta((args, kwargs)) if _eligible(tensor)}
    if found - {torch.float32, _low()} and torch.float32 not in found:
        raise RuntimeError(f"{op.name()} takes no mix of {', '.join(sorted(map(str, found)))} in mixed precision")
    dtype = torch.float32 if torch.float32 in found else _low()
    return op(*converted(args, dtype), **converted(kwargs, dtype))


def in_float32_and_back(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = in_float32(op, args, kwargs)
    dtype = args[0].dtype
    return result.to(dtype) if isinstance(result, Tensor) else tuple(one.to(dtype) for one in result)


def recurrent(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # Not by way of the cache: the weights are copied to a buffer of their own in each call.
    def half(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return [half(one) for one in value]
        return value.to(torch.float16) if _eligible(value) else value

    return op(*(half(value) for value in args), **kwargs)


def banned(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    raise RuntimeError(f"{op.name()} is unsafe to autocast: on CUDA PyTorch refuses it in mixed precision")


def refused(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    raise NotImplementedError(f"{op.name()} cannot be followed in mixed precision on the meta device")
