"""Attention on the meta device as GPUs compute it, so that memory can be predicted for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from pytest_modelbench.models.meta_autocast import as_product

#: Elements: the fused kernel wants rows of the mask that begin at multiples of so many (PyTorch's pad_bias).
_ALIGNED = 16


class MetaAttention(TorchFunctionMode):
    """Computes scaled_dot_product_attention by the fused operator, which keeps no matrix of attention weights.

    On the meta device PyTorch takes the plain way instead, whose weights, ``(N, heads, L, S)``, are most of what a
    vision transformer would seem to keep for the backward pass. A GPU takes a fused kernel: the memory-efficient one
    in float32, flash attention in half precision, which keep the same: the output and a float per row.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            return _attend(*args, **kwargs)
        if func is functional.multi_head_attention_forward:
            # Calls attention inside, where no mode is asked any more.
            with patch.object(functional, "scaled_dot_product_attention", _attend):
                return func(*args, **kwargs)
        return func(*args, **kwargs)


_PLAIN = functional.scaled_dot_product_attention


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **more: Any,
) -> Tensor:
    """As `torch.nn.functional.scaled_dot_product_attention`: ``(N, heads, L, E)`` with ``(N, heads, S, E)``."""
    # What the fused kernel does not take (grouped queries, no batch), and what is not on the meta device.
    if query.dim() != 4 or query.shape[:2] != key.shape[:2] or query.device.type != "meta":
        return _PLAIN(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, **more)
    # PyTorch casts for scaled_dot_product_attention, which this stands in for, and not for the fused operator.
    query, key, value = map(as_product, (query, key, value))
    attn_mask = None if attn_mask is None else as_product(attn_mask)
    needs_grad = torch.is_grad_enabled() and any(
        tensor.requires_grad for tensor in (query, key, value, attn_mask) if tensor is not None
    )
    bias = None if attn_mask is None else _bias(attn_mask, query, key)
    fused = torch.ops.aten._scaled_dot_product_efficient_attention.default
    output: Tensor = fused(query, key, value, bias, needs_grad, dropout_p, is_causal, scale=scale)[0]
    return output


def _bias(mask: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """``mask`` as the fused kernel takes it: added to the scores, expanded over them, rows aligned."""
    if mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=query.dtype).masked_fill(mask.logical_not(), float("-inf"))
    length = key.shape[-2]
    if length % _ALIGNED:
        padded = functional.pad(mask, (0, _ALIGNED - length % _ALIGNED)) if mask.shape[-1] == length else mask
        mask = padded[..., :length]
    return mask.expand(*query.shape[:-1], length)
