"""Mixed precision on the meta device, where torch.autocast does not reach, so that memory can be predicted for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

#: Operators by name, from "Autocast Op Reference" (CUDA) in PyTorch's documentation of torch.amp, and the kernels that
#: PyTorch registers for autocast. `cat` and `stack` promote by themselves.
LOWER = frozenset([
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "chain_matmul", "multi_dot", "conv1d", "conv2d",
    "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "einsum", "linear", "matmul",
    "rmatmul", "mm", "mv", "prelu", "scaled_dot_product_attention", "conv_tbc", "linalg_multi_dot", "linalg_vecdot",
])  # fmt: skip
FLOAT32 = frozenset([
    "pow", "rdiv", "rpow", "rtruediv", "acos", "asin", "binary_cross_entropy_with_logits", "cosh",
    "cosine_embedding_loss", "cdist", "cosine_similarity", "cross_entropy", "cumprod", "cumsum", "dist",
    "erfinv", "exp", "expm1", "group_norm", "hinge_embedding_loss", "kl_div", "l1_loss", "layer_norm", "log",
    "log10", "log_softmax", "log1p", "log2", "margin_ranking_loss", "mse_loss", "multilabel_margin_loss",
    "multi_margin_loss", "nll_loss", "norm", "normalize", "pdist", "poisson_nll_loss", "prod", "reciprocal",
    "renorm", "rsqrt", "sinh", "smooth_l1_loss", "soft_margin_loss", "softmax", "softmin", "softplus", "sum",
    "tan", "triplet_margin_loss", "binary_cross_entropy", "huber_loss", "interpolate", "linalg_matrix_norm",
    "linalg_norm", "linalg_vector_norm", "logsumexp", "nuclear_norm", "rms_norm", "upsample",
])  # fmt: skip
WIDEST = frozenset([
    "addcdiv", "addcmul", "atan2", "bilinear", "cross", "dot", "grid_sample", "grid_sampler", "index_put",
    "scatter_add", "tensordot", "vdot",
])  # fmt: skip
#: Operators whose parts are cast one by one inside; as a whole they would silently stay in float32.
_OPAQUE = frozenset(["multi_head_attention_forward", "rnn_tanh", "rnn_relu", "lstm", "gru"])

_LOW = (torch.float16, torch.bfloat16)


class MetaAutocast(TorchFunctionMode):
    """Casts arguments as torch.autocast does on CUDA, float32 parameters once per use as a context."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype
        self._cached: dict[Tensor, Tensor] = {}

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        self._cached.clear()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name.startswith("__") and name.endswith("__"):  # the operator of an expression: a @ b
            name = name[2:-2]
        if name in _OPAQUE:
            raise NotImplementedError(f"{name} cannot be followed in mixed precision on the meta device")
        cast: Callable[[Tensor], Tensor] | None = None
        if name in LOWER:
            cast = self._lower
        elif name in FLOAT32 or (name in WIDEST and torch.float32 in _dtypes((args, kwargs))):
            cast = _float32
        if cast is not None:
            args, kwargs = tree_map_only(Tensor, cast, (args, kwargs))
        return func(*args, **kwargs)

    def _lower(self, tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point() or tensor.dtype in (self._dtype, torch.float64):
            return tensor
        if not (tensor.dtype == torch.float32 and tensor.requires_grad and tensor.is_leaf and not tensor._is_view()):
            return tensor.to(self._dtype)
        if tensor not in self._cached:
            self._cached[tensor] = tensor.to(self._dtype)
        return self._cached[tensor]


def _float32(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float32) if tensor.dtype in _LOW else tensor


def _dtypes(values: object) -> set[torch.dtype]:
    found: set[torch.dtype] = set()
    tree_map_only(Tensor, lambda tensor: found.add(tensor.dtype), values)
    return found
