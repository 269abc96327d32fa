"""What a model takes and returns: a tensor, or tuples, lists, dicts and dataclasses of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor


def floating_tensors(output: object, path: str = "output") -> Iterator[tuple[str, Tensor]]:
    """Each floating point tensor in ``output`` with where it is, such as ``output['boxes'][0]``.

    Complex tensors are taken as pairs of real numbers; dataclasses by their fields.
    """
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield path, output
        elif output.is_complex():
            yield path, torch.view_as_real(output)
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield from floating_tensors(value, f"{path}[{key!r}]")
    elif isinstance(output, Sequence) and not isinstance(output, (str, bytes)):
        for index, value in enumerate(output):
            yield from floating_tensors(value, f"{path}[{index}]")
    elif is_dataclass(output) and not isinstance(output, type):
        for one in fields(output):
            yield from floating_tensors(getattr(output, one.name), f"{path}.{one.name}")


def moved(values: Any, device: torch.device) -> Any:
    """``values``, a tensor or lists, tuples and dicts of them, with every tensor on ``device``."""
    if isinstance(values, Tensor):
        return values.to(device)
    if isinstance(values, Mapping):
        return {key: moved(value, device) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return type(values)(moved(value, device) for value in values)
    return values


def not_finite(output: object) -> list[str]:
    """``output[0]: 3 of 40 values (2 NaN, 1 inf)`` for each tensor with such; waits for the device. Meta has none."""
    findings = []
    for path, tensor in floating_tensors(output):
        if tensor.is_meta or bool(torch.isfinite(tensor).all()):
            continue
        nans, infs = int(torch.isnan(tensor).sum()), int(torch.isinf(tensor).sum())
        findings.append(f"{path}: {nans + infs} of {tensor.numel()} values ({nans} NaN, {infs} inf)")
    return findings
