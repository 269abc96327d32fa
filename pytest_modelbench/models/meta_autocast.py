"""Mixed precision on the meta device, where torch.autocast does not reach, so that memory can be predicted for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.library import Library, fallthrough_kernel

from pytest_modelbench.models import autocast_rules as rules
from pytest_modelbench.models.autocast_rules import Rule

# Operators by name, all overloads, from ATen/autocast_mode.h, which PyTorch installs beside itself, and what
# aten/src/ATen/autocast_mode.cpp adds for CUDA. What they are composed of comes under them as PyTorch runs it.
LOWER = frozenset([
    "_convolution", "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "convolution", "cudnn_convolution", "cudnn_convolution_transpose", "prelu", "addmm", "addmv",
    "addr", "matmul", "einsum", "mm", "mv", "linalg_vecdot", "linear", "addbmm", "baddbmm", "bmm", "chain_matmul",
    "linalg_multi_dot", "_thnn_fused_lstm_cell", "_thnn_fused_gru_cell", "lstm_cell", "gru_cell", "rnn_tanh_cell",
    "rnn_relu_cell", "_scaled_dot_product_flash_attention", "scaled_dot_product_attention",
])  # fmt: skip
#: Of these only the result is float32: the kernels convert as they read, and there is no copy of the argument.
FLOAT32_RESULT = frozenset([
    "prod", "softmax", "log_softmax", "cumprod", "cumsum", "linalg_vector_norm", "linalg_matrix_norm", "sum", "norm",
])  # fmt: skip
FLOAT32 = FLOAT32_RESULT | frozenset([
    "acos", "asin", "cosh", "erfinv", "exp", "expm1", "log", "log10", "log2", "log1p", "reciprocal", "rsqrt", "sinh",
    "tan", "pow", "softplus", "layer_norm", "native_layer_norm", "rms_norm", "group_norm", "frobenius_norm",
    "nuclear_norm", "cosine_similarity", "poisson_nll_loss", "cosine_embedding_loss", "nll_loss", "nll_loss2d",
    "hinge_embedding_loss", "kl_div", "l1_loss", "smooth_l1_loss", "huber_loss", "mse_loss", "margin_ranking_loss",
    "multilabel_margin_loss", "soft_margin_loss", "triplet_margin_loss", "multi_margin_loss",
    "binary_cross_entropy_with_logits", "dist", "pdist", "cdist", "renorm", "logsumexp", "upsample_nearest1d",
    "_upsample_nearest_exact1d", "upsample_nearest2d", "_upsample_nearest_exact2d", "upsample_nearest3d",
    "_upsample_nearest_exact3d", "upsample_linear1d", "upsample_bilinear2d", "_upsample_bilinear2d_aa",
    "upsample_trilinear3d", "upsample_bicubic2d", "_upsample_bicubic2d_aa", "linalg_matrix_sqrth",
])  # fmt: skip
WIDEST = frozenset([
    "addcdiv", "addcmul", "atan2", "bilinear", "cross", "dot", "vdot", "grid_sampler", "index_put", "tensordot",
    "scatter_add",
])  # fmt: skip
#: Operators of torchvision that compute in float32 and return the type that they were given (torchvision/csrc/ops/
#: autocast).
KEPT = frozenset(["deform_conv2d", "ps_roi_align", "ps_roi_pool", "roi_align", "roi_pool"])
#: Layers that are one call of cuDNN on CUDA, which autocast runs in fp16 whatever type it was asked for
#: (aten/src/ATen/cudnn/AutocastRNN.cpp), and which are many operators elsewhere.
RECURRENT = frozenset(["lstm", "gru", "rnn_tanh", "rnn_relu"])
#: Refused by autocast itself, as fp16 would overflow in it.
BANNED = frozenset(["binary_cross_entropy"])

_RULES: list[tuple[str, frozenset[str], Rule]] = [
    ("aten", LOWER, rules.lower),
    ("aten", frozenset(["norm"]), rules.norm),
    ("aten", FLOAT32_RESULT, rules.float32_result),
    ("aten", FLOAT32, rules.in_float32),
    ("aten", WIDEST, rules.widest),
    ("aten", RECURRENT, rules.recurrent),
    ("aten", BANNED, rules.banned),
    ("torchvision", KEPT, rules.in_float32_and_back),
]

# Meta tensors have no key for autocast in the dispatcher. This one belongs to a device that PyTorch registers nothing
# for any more (Graphcore's), and is put to use for them. What counts is its place: above autograd, as autocast's are.
_KEY_NAME = "AutocastIPU"
_KEY: Any = getattr(torch._C.DispatchKey, _KEY_NAME, None)

#: What is registered, for as long as the process lives: without effect outside of MetaAutocast. By namespace.
_libraries: dict[str, Library] = {}
_registered: set[str] = set()


class MetaAutocast:
    """Context in which operators on meta tensors do as under torch.autocast("cuda"), at any depth of composition.

    A ``dtype`` turns autocast on; without one it is for a model to do so, by a torch.autocast("cuda") of its own, which
    is followed on a machine without CUDA as well. ``backward``: for a backward pass, whose own operators nothing casts;
    what checkpointing computes again is cast, as it enters autocast for it.
    """

    def __init__(self, dtype: torch.dtype | None = None, *, backward: bool = False) -> None:
        self._dtype = dtype
        self._backward = backward
        self._entered = ExitStack()

    def __enter__(self) -> MetaAutocast:
        if _KEY is None:
            if self._dtype is not None:
                raise NotImplementedError(f"torch {torch.__version__} has no {_KEY_NAME}, which casts are put under")
            return self
        _register()
        with ExitStack() as stack:
            stack.callback(rules.CASTS.clear)
            # Looked up by name in PyTorch. A prediction must not depend on what the machine that makes it has.
            stack.enter_context(patch.object(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False))
            stack.enter_context(patch.object(torch.cuda, "is_bf16_supported", lambda *args, **kwargs: True))
            stack.enter_context(patch.object(torch, "clear_autocast_cache", _clearing(torch.clear_autocast_cache)))
            _set(stack, torch._C._dispatch_tls_set_dispatch_key_included, _KEY, True)
            _set(stack, torch._C._dispatch_tls_set_dispatch_key_excluded, _KEY, False)
            if self._dtype is not None and self._backward:
                _set(stack, torch.set_autocast_enabled, "cuda", True)
                _set(stack, torch.set_autocast_dtype, "cuda", self._dtype)
            elif self._dtype is not None:
                stack.enter_context(torch.autocast("cuda", dtype=self._dtype))
            self._entered = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._entered.close()


def as_product(tensor: Tensor) -> Tensor:
    """``tensor`` as operators take it that compute in the lower precision: cast if autocast is on."""
    cast: Tensor = rules.converted(tensor, torch.get_autocast_dtype("cuda")) if rules.active() else tensor
    return cast


_NOW: dict[Callable[..., object], Callable[..., Any]] = {
    torch.set_autocast_enabled: torch.is_autocast_enabled,
    torch.set_autocast_dtype: torch.get_autocast_dtype,
    torch._C._dispatch_tls_set_dispatch_key_included: torch._C._dispatch_tls_is_dispatch_key_included,
    torch._C._dispatch_tls_set_dispatch_key_excluded: torch._C._dispatch_tls_is_dispatch_key_excluded,
}


def _set(stack: ExitStack, setter: Callable[..., object], of: object, value: object) -> None:
    stack.callback(setter, of, _NOW[setter](of))
    setter(of, value)


def _clearing(clear: Callable[[], None]) -> Callable[[], None]:
    def clear_both() -> None:
        rules.CASTS.clear()
        clear()

    return clear_both


def _register() -> None:
    """Have a kernel for each operator that has one for CUDA's autocast by now: libraries may have brought new ones."""
    names = set(torch._C._dispatch_get_registrations_for_dispatch_key("AutocastCUDA"))
    names |= {f"aten::{operator}.{overload}" for operator in RECURRENT for overload in ("input", "data")}
    if not _libraries:
        _libraries["_"] = Library("_", "IMPL")  # type: ignore[no-untyped-call]
        _libraries["_"].fallback(fallthrough_kernel, _KEY_NAME)  # type: ignore[no-untyped-call]
    for name in sorted(names - _registered):
        namespace, operator = name.split("::")
        if namespace not in _libraries:
            _libraries[namespace] = Library(namespace, "IMPL")  # type: ignore[no-untyped-call]
        _libraries[namespace].impl(operator, _kernel(name), _KEY_NAME)  # type: ignore[no-untyped-call]
        _registered.add(name)


def _rule_of(name: str) -> Rule:
    """The rule for the operator ``name``, such as ``aten::sum.dim_IntList``; one that refuses what is not known."""
    namespace, _, operator = name.partition("::")
    operator = operator.partition(".")[0]
    for where, operators, rule in _RULES:
        if namespace == where and operator in operators:
            return rule
    return rules.refused


def _kernel(name: str) -> Callable[..., Any]:
    namespace, operator = name.split("::")
    packet, _, overload = operator.partition(".")
    op = getattr(getattr(getattr(torch.ops, namespace), packet), overload or "default")
    rule = _rule_of(name)
    plain = rules.half_to_float if name in ("aten::softmax.int", "aten::log_softmax.int") else None
    below = torch._C.DispatchKeySet(_KEY)

    def kernel(*args: Any, **kwargs: Any) -> Any:
        with torch._C._ExcludeDispatchKeyGuard(below):
            if rules.active() and any(True for _ in rules.on_meta((args, kwargs))):
                return rule(op, args, kwargs)
            return plain(op, args, kwargs) if plain is not None else op(*args, **kwargs)

    return kernel
