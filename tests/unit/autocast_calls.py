"""Calls of operators and layers on a device, which PyTorch itself can run under autocast as if the device were CUDA."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

#: What a call is given: two matrices in the lower precision, two in float32, and the device.
Call = Callable[[Tensor, Tensor, Tensor, Tensor, str], object]


def rows(*tensors: Tensor) -> list[Tensor]:
    return [tensor[0] for tensor in tensors]


def images(tensor: Tensor) -> Tensor:
    return tensor.expand(1, 4, 8, 8)


def boxes(device: str) -> Tensor:
    return torch.empty(3, 5, device=device)


def labels(device: str) -> Tensor:
    return torch.empty(8, dtype=torch.int64, device=device)


def cell(kind: type[nn.Module]) -> Call:
    return lambda a, b, x, y, device: kind(8, 8, device=device)(x)


CALLS: dict[str, Call] = {
    # products of matrices, called in every way there is
    "matmul": lambda a, b, x, y, device: a @ y,
    "rmatmul": lambda a, b, x, y, device: x.__rmatmul__(y),
    "linalg.matmul": lambda a, b, x, y, device: torch.linalg.matmul(x, y),
    "mm": lambda a, b, x, y, device: torch.mm(x, y),
    "mv": lambda a, b, x, y, device: torch.mv(x, y[0]),
    "addmm": lambda a, b, x, y, device: torch.addmm(x, a, y),
    "addmm as a method": lambda a, b, x, y, device: x.addmm(x, y),
    "addmv": lambda a, b, x, y, device: torch.addmv(x[0], x, y[0]),
    "addr": lambda a, b, x, y, device: torch.addr(x, x[0], y[0]),
    "ger": lambda a, b, x, y, device: torch.ger(x[0], y[0]),
    "outer": lambda a, b, x, y, device: torch.outer(x[0], y[0]),
    "inner": lambda a, b, x, y, device: torch.inner(x, y),
    "kron": lambda a, b, x, y, device: torch.kron(x, y),
    "bmm": lambda a, b, x, y, device: torch.bmm(x[None], y[None]),
    "baddbmm": lambda a, b, x, y, device: torch.baddbmm(x, x[None], y[None]),
    "addbmm": lambda a, b, x, y, device: torch.addbmm(x, x[None], y[None]),
    "einsum": lambda a, b, x, y, device: torch.einsum("ij,jk->ik", x, y),
    "einsum of three": lambda a, b, x, y, device: torch.einsum("ij,jk,kl->il", x, y, a),
    "tensordot": lambda a, b, x, y, device: torch.tensordot(x, y, dims=1),
    "tensordot of both": lambda a, b, x, y, device: torch.tensordot(a, y, dims=1),
    "multi_dot": lambda a, b, x, y, device: torch.linalg.multi_dot([x, y, x]),
    "chain_matmul": lambda a, b, x, y, device: torch.chain_matmul(x, y, x),
    "matrix_power": lambda a, b, x, y, device: torch.linalg.matrix_power(x, 3),
    "vecdot": lambda a, b, x, y, device: torch.linalg.vecdot(x, y),
    "dot": lambda a, b, x, y, device: torch.dot(*rows(a, y)),
    "dot of lower": lambda a, b, x, y, device: torch.dot(*rows(a, b)),
    "vdot": lambda a, b, x, y, device: torch.vdot(*rows(a, y)),
    "linear": lambda a, b, x, y, device: nn.Linear(8, 4, device=device)(x),
    "bilinear": lambda a, b, x, y, device: nn.Bilinear(8, 8, 4, device=device)(a, y),
    "bilinear without weights": lambda a, b, x, y, device: F.bilinear(a, b, a.new_empty(4, 8, 8)),
    "prelu": lambda a, b, x, y, device: nn.PReLU(device=device)(x),
    "cdist": lambda a, b, x, y, device: torch.cdist(a, b),
    "pairwise_distance": lambda a, b, x, y, device: F.pairwise_distance(a, b),
    # convolutions
    "conv1d": lambda a, b, x, y, device: nn.Conv1d(8, 4, 3, device=device)(x[None]),
    "conv2d": lambda a, b, x, y, device: nn.Conv2d(4, 4, 3, device=device)(images(x)),
    "conv2d, same": lambda a, b, x, y, device: nn.Conv2d(4, 4, 3, padding="same", device=device)(images(x)),
    "conv3d": lambda a, b, x, y, device: nn.Conv3d(1, 4, 3, device=device)(images(x)[None]),
    "conv_transpose1d": lambda a, b, x, y, device: nn.ConvTranspose1d(8, 4, 3, device=device)(x[None]),
    "conv_transpose2d": lambda a, b, x, y, device: nn.ConvTranspose2d(4, 4, 3, device=device)(images(x)),
    "conv_transpose3d": lambda a, b, x, y, device: nn.ConvTranspose3d(1, 4, 3, device=device)(images(x)[None]),
    "conv_tbc": lambda a, b, x, y, device: torch.conv_tbc(x[None], x.new_empty(3, 8, 4), x.new_empty(4), 1),
    "convolution": lambda a, b, x, y, device: torch.convolution(
        images(x), images(y)[0, :, None, :3, :3], None, [1, 1], [0, 0], [1, 1], False, [0, 0], 4
    ),
    # recurrent cells
    "RNNCell": cell(nn.RNNCell),
    "GRUCell": cell(nn.GRUCell),
    "LSTMCell": cell(nn.LSTMCell),
    "rnn_relu_cell": lambda a, b, x, y, device: nn.RNNCell(8, 8, nonlinearity="relu", device=device)(x),
    # attention
    "attention": lambda a, b, x, y, device: F.scaled_dot_product_attention(x, y, a),
    "attention with weights": lambda a, b, x, y, device: nn.MultiheadAttention(8, 2, device=device)(x, y, x),
    "attention with dropout": lambda a, b, x, y, device: nn.MultiheadAttention(8, 2, 0.1, device=device)(a, b, a),
    # in float32
    "softmax": lambda a, b, x, y, device: a.softmax(-1),
    "softmax of float32": lambda a, b, x, y, device: x.softmax(-1),
    "softmax, typed": lambda a, b, x, y, device: F.softmax(a, -1, dtype=torch.float32),
    "softmax, kept": lambda a, b, x, y, device: F.softmax(a, -1, dtype=a.dtype),
    "special.softmax": lambda a, b, x, y, device: torch.special.softmax(a, -1),
    "log_softmax": lambda a, b, x, y, device: F.log_softmax(a, -1),
    "softmin": lambda a, b, x, y, device: F.softmin(a, -1),
    "gumbel_softmax": lambda a, b, x, y, device: F.gumbel_softmax(a),
    "gumbel_softmax, hard": lambda a, b, x, y, device: F.gumbel_softmax(a, hard=True),
    "logsumexp": lambda a, b, x, y, device: a.logsumexp(-1),
    "sum": lambda a, b, x, y, device: a.sum(),
    "sum, typed": lambda a, b, x, y, device: a.sum(dtype=torch.float64),
    "sum of some": lambda a, b, x, y, device: a.sum(dim=1, keepdim=True),
    "sum of integers": lambda a, b, x, y, device: labels(device).sum(),
    "prod": lambda a, b, x, y, device: a.prod(),
    "prod of some": lambda a, b, x, y, device: a.prod(dim=1),
    "cumsum": lambda a, b, x, y, device: a.cumsum(0),
    "cumprod": lambda a, b, x, y, device: a.cumprod(0),
    "mean": lambda a, b, x, y, device: a.mean(),
    "var": lambda a, b, x, y, device: a.var(),
    "norm": lambda a, b, x, y, device: a.norm(),
    "norm by name": lambda a, b, x, y, device: torch.norm(a, p=1, dim=1, keepdim=True),
    "norm, frobenius": lambda a, b, x, y, device: torch.norm(a, p="fro"),
    "norm of columns": lambda a, b, x, y, device: torch.ops.aten.norm(a, 2, [0], True),
    "norm of all": lambda a, b, x, y, device: torch.ops.aten.norm(a, 2),
    "linalg.norm": lambda a, b, x, y, device: torch.linalg.norm(a),
    "vector_norm": lambda a, b, x, y, device: torch.linalg.vector_norm(a, 3, dim=0),
    "matrix_norm": lambda a, b, x, y, device: torch.linalg.matrix_norm(a),
    "matrix_norm by number": lambda a, b, x, y, device: torch.linalg.matrix_norm(a, 1),
    "normalize": lambda a, b, x, y, device: F.normalize(a),
    "weight_norm": lambda a, b, x, y, device: torch._weight_norm(x, x[:, :1]),
    "renorm": lambda a, b, x, y, device: a.renorm(2, 0, 1.0),
    "dist": lambda a, b, x, y, device: torch.dist(a, b),
    "pdist": lambda a, b, x, y, device: F.pdist(a),
    "cosine_similarity": lambda a, b, x, y, device: F.cosine_similarity(a, b),
    "layer_norm": lambda a, b, x, y, device: nn.LayerNorm(8, device=device)(a),
    "rms_norm": lambda a, b, x, y, device: nn.RMSNorm(8, device=device)(a),
    "group_norm": lambda a, b, x, y, device: nn.GroupNorm(2, 4, device=device)(images(a)),
    "instance_norm": lambda a, b, x, y, device: F.instance_norm(images(a)),
    "local_response_norm": lambda a, b, x, y, device: F.local_response_norm(images(a), 2),
    "pow": lambda a, b, x, y, device: a**3,
    "pow of tensors": lambda a, b, x, y, device: a**b,
    "rpow": lambda a, b, x, y, device: 2**a,
    "square": lambda a, b, x, y, device: a.square(),
    "float_power": lambda a, b, x, y, device: torch.float_power(a, 2),
    "rdiv": lambda a, b, x, y, device: 1 / a,
    "exp": lambda a, b, x, y, device: a.exp(),
    "exp in place": lambda a, b, x, y, device: (a + 0).exp_(),
    "log and others": lambda a, b, x, y, device: [a.log(), a.log2(), a.log10(), a.log1p(), a.expm1(), a.rsqrt()],
    "trigonometry": lambda a, b, x, y, device: [a.acos(), a.asin(), a.cosh(), a.sinh(), a.tan(), a.erfinv(), a.sin()],
    "softplus and others": lambda a, b, x, y, device: [F.softplus(a), F.logsigmoid(a), F.mish(a), F.silu(a), F.gelu(a)],
    "interpolate": lambda a, b, x, y, device: [
        F.interpolate(images(a), scale_factor=2, mode=mode) for mode in ("nearest", "nearest-exact", "bilinear")
    ],
    "interpolate, bicubic": lambda a, b, x, y, device: F.interpolate(images(a), size=4, mode="bicubic", antialias=True),
    "interpolate, 1 and 3": lambda a, b, x, y, device: [
        F.interpolate(a[None], scale_factor=2, mode="linear"),
        F.interpolate(images(a)[None], scale_factor=2, mode="trilinear"),
    ],
    # losses
    "cross_entropy": lambda a, b, x, y, device: F.cross_entropy(a, labels(device)),
    "nll_loss": lambda a, b, x, y, device: F.nll_loss(a, labels(device)),
    "nll_loss of images": lambda a, b, x, y, device: F.nll_loss(images(a), torch.empty_like(images(a)[:, 0]).long()),
    "distances": lambda a, b, x, y, device: [F.mse_loss(a, b), F.l1_loss(a, y), F.smooth_l1_loss(a, b)],
    "huber_loss": lambda a, b, x, y, device: F.huber_loss(a, b),
    "kl_div": lambda a, b, x, y, device: F.kl_div(a, b, reduction="batchmean"),
    "logits": lambda a, b, x, y, device: F.binary_cross_entropy_with_logits(a, b),
    "margins": lambda a, b, x, y, device: [
        F.triplet_margin_loss(a, b, a), F.soft_margin_loss(a, b.detach()), F.multi_margin_loss(a, labels(device)),
        F.margin_ranking_loss(a[0], b[0], a[0]), F.hinge_embedding_loss(a, b), F.poisson_nll_loss(a, b),
        F.cosine_embedding_loss(a, b, labels(device)),
    ],
    "multilabel_soft_margin_loss": lambda a, b, x, y, device: F.multilabel_soft_margin_loss(a, b),
    # in the widest type of the arguments
    "addcmul": lambda a, b, x, y, device: torch.addcmul(a, b, y),
    "addcdiv": lambda a, b, x, y, device: torch.addcdiv(a, b, b),
    "atan2": lambda a, b, x, y, device: torch.atan2(a, y),
    "cross": lambda a, b, x, y, device: torch.cross(a[:, :3], y[:, :3], dim=1),
    "grid_sample": lambda a, b, x, y, device: torch.grid_sampler(
        images(a), images(y)[:, 0, :, :2, None].expand(1, 8, 2, 2), 0, 0, False
    ),
    "index_put": lambda a, b, x, y, device: torch.index_put(a, [labels(device)], y),
    "scatter_add": lambda a, b, x, y, device: x.scatter_add(0, labels(device).expand(8, 8), b),
    "cat and stack": lambda a, b, x, y, device: [torch.cat([a, y]), torch.stack([a, b])],
    "sums": lambda a, b, x, y, device: [a + y, a + b, a * 2, torch.where(a > 0, a, y)],
    # of torchvision
    "roi_align": lambda a, b, x, y, device: torchvision.ops.roi_align(images(a), boxes(device), 2),
    "roi_pool": lambda a, b, x, y, device: torchvision.ops.roi_pool(images(a), boxes(device), 2),
    "ps_roi_align": lambda a, b, x, y, device: torchvision.ops.ps_roi_align(images(a), boxes(device), 2),
    "deform_conv2d": lambda a, b, x, y, device: torchvision.ops.deform_conv2d(
        images(a), images(a)[:, :1].expand(1, 18, 8, 8), torch.empty(4, 4, 3, 3, device=device), padding=1
    ),
    "focal loss": lambda a, b, x, y, device: torchvision.ops.sigmoid_focal_loss(a, b),
    # what is cast anew for each use, not being a weight
    "a computed tensor, twice": lambda a, b, x, y, device: twice(x + 0),
    "a view, twice": lambda a, b, x, y, device: twice(x.detach()[:].requires_grad_(x.requires_grad)),
    # autocast turned off, and other types
    "an island": lambda a, b, x, y, device: island(a, y),
    "norm of float64": lambda a, b, x, y, device: torch.ops.aten.norm(x.double(), 2),
    "float64": lambda a, b, x, y, device: x.double() @ y.double(),
    "complex": lambda a, b, x, y, device: torch.fft.rfft(x) @ torch.fft.rfft(y).mT,
}  # fmt: skip


def twice(tensor: Tensor) -> list[Tensor]:
    return [tensor.mm(tensor.mT), tensor.mm(tensor.mT)]


def island(a: Tensor, y: Tensor) -> list[Tensor]:
    with torch.autocast("cuda", enabled=False):
        inside = [y @ y, a.sum()]
    return [*inside, y @ y]
