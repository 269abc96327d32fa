"""In-place activated batch normalization in plain PyTorch: of normalization and activation, only the output is kept.

Samuel Rota Bulò, Lorenzo Porzi, Peter Kontschieder: In-Place Activated BatchNorm for Memory-Optimized Training of DNNs,
CVPR 2018. Backward, the activation and the affine part are inverted to get the normalized input back from the output.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

#: The smallest weight by amount. Normalized values are divided by the weight to get them back, so it must not be zero,
#: as timm initializes the last normalization of a residual block. The package inplace-abn takes abs(weight) + 1e-5
#: instead, and so computes another function where a weight is negative.
LEAST_WEIGHT = 1e-5


class InplaceAbn(nn.BatchNorm2d):
    """Batch normalization followed by leaky ReLU; a slope of 1 makes it batch normalization alone.

    Computes what the two compute, to rounding, for weights of `LEAST_WEIGHT` or more by amount; smaller ones count as
    that. In training the input is let go, and given back from the output with an error of about
    ``eps(dtype) * abs(bias / weight)``: in bf16 that is coarse. The output must not be written to before the backward
    pass, which PyTorch refuses. In eval mode an ordinary batch normalization and leaky ReLU.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        negative_slope: float = 0.01,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, device=device, dtype=dtype)
        self.negative_slope = negative_slope

    @classmethod
    def of(cls, norm: nn.BatchNorm2d, negative_slope: float) -> InplaceAbn:
        """One with the very parameters and statistics of ``norm``."""
        assert norm.momentum is not None
        made = cls(norm.num_features, norm.eps, norm.momentum, negative_slope, device="meta")
        for name, parameter in norm.named_parameters(recurse=False):
            setattr(made, name, parameter)
        for name, statistic in norm.named_buffers(recurse=False):
            setattr(made, name, statistic)
        return made.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, H, W)`` in and out."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        if not self.training:
            output = F.batch_norm(
                input, self.running_mean, self.running_var, _invertible(self.weight), self.bias, eps=self.eps
            )
            return output if self.negative_slope == 1 else F.leaky_relu_(output, self.negative_slope)
        if input.numel() == input.size(1):
            raise ValueError(f"training needs more than one value per channel, and the input is {tuple(input.shape)}")
        self.num_batches_tracked.add_(1)
        made: Tensor = _InplaceAbnFunction.apply(
            input, self.weight, self.bias, self.running_mean, self.running_var,
            self.momentum, self.eps, self.negative_slope,
        )  # fmt: skip
        return made

    def extra_repr(self) -> str:
        """What the module's line in a printed model says."""
        inherited = super().extra_repr()  # type: ignore[no-untyped-call]
        return f"{inherited}, negative_slope={self.negative_slope}"


class _InplaceAbnFunction(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor, running_var: Tensor,
        momentum: float, eps: float, negative_slope: float,
    ) -> Tensor:  # fmt: skip
        weight = _invertible(weight)
        output, _, inverse_deviation = torch.native_batch_norm(
            input, weight, bias, running_mean, running_var, True, momentum, eps
        )
        if negative_slope != 1:
            output = F.leaky_relu_(output, negative_slope)
        ctx.save_for_backward(output, weight, bias, inverse_deviation)
        ctx.negative_slope = negative_slope
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        output, weight, bias, inverse_deviation = ctx.saved_tensors
        if ctx.negative_slope == 1:
            normalized = output.clone()
        else:
            grad = torch.ops.aten.leaky_relu_backward(grad, output, ctx.negative_slope, True)
            normalized = F.leaky_relu(output, 1 / ctx.negative_slope)
        # One value per channel, along the second of four dimensions.
        normalized.sub_(bias.view(-1, 1, 1)).div_(weight.view(-1, 1, 1))
        # Of values that are normalized already: mean 0, deviation 1. The deviation that they were divided by scales the
        # gradient of the input, as the weight does, and no other.
        grad_input, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            grad, normalized, weight * inverse_deviation, None, None,
            torch.zeros_like(inverse_deviation), torch.ones_like(inverse_deviation),
            True, 0.0, list(ctx.needs_input_grad[:3]),
        )  # fmt: skip
        if grad_weight is not None:
            grad_weight = grad_weight.to(weight.dtype)
        if grad_bias is not None:
            grad_bias = grad_bias.to(bias.dtype)
        return grad_input, grad_weight, grad_bias, None, None, None, None, None


def _invertible(weight: Tensor) -> Tensor:
    """``weight``, away from zero; its gradient is that of ``weight`` everywhere, so that zeros can be learned from."""
    with torch.no_grad():
        least = torch.full_like(weight, LEAST_WEIGHT).copysign(weight)
        missing = torch.where(weight.abs() < LEAST_WEIGHT, least - weight, torch.zeros_like(weight))
    return weight + missing
