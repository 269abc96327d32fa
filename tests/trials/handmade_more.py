"""More modules made by hand: products of other kinds, ways that depend on data, and what PyTorch makes of modules."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable

import torch
import torchvision
from handmade_modules import WIDTH, Patches, head, stem
from torch import Tensor, nn
from torch.nn import functional


class EinsumAttention(nn.Module):
    """Attention by einsum, with a bias that is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.qkv = Patches(), nn.Linear(WIDTH, 3 * WIDTH)
        self.bias, self.classes = nn.Parameter(torch.zeros(4, 256, 256)), nn.Linear(WIDTH, 10)

    def forward(self, images: Tensor) -> Tensor:
        query, key, value = self.qkv(self.patches(images)).unflatten(-1, (3, 4, -1)).unbind(2)
        weights = (torch.einsum("nqhc,nkhc->nhqk", query, key) + self.bias).softmax(-1)
        return self.classes(torch.einsum("nhqk,nkhc->nqhc", weights, value).flatten(2).mean(1))


class BilinearPair(nn.Module):
    """Two descriptions of an image, combined by a bilinear form."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.combine = stem(), nn.Bilinear(WIDTH, WIDTH, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        return self.combine(features.mean((2, 3)), features.amax((2, 3)))


class MatrixVector(nn.Module):
    """A product of a matrix and a vector: no operator that counters know."""

    def __init__(self) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.randn(3 * 64 * 64))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.vector


class Upsampler(nn.Module):
    """Transposed convolutions, grouped and dilated ones."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(stem(), nn.Conv2d(WIDTH, 48, 3, padding=2, dilation=2, groups=4))
        self.up = nn.Sequential(nn.ConvTranspose2d(48, 16, 4, 2, 1, groups=2), nn.ConvTranspose2d(16, 3, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.up(self.down(images))


class Video(nn.Module):
    """Images as the frames of a film: convolutions over three axes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.classes = nn.Conv3d(1, 8, 3, padding=1), nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.classes(self.conv(images[:, None]).relu().mean((2, 3, 4)))


class Tokenized(nn.Module):
    """Pixels as words, looked up one by one and in bags."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.bags, self.classes = nn.Embedding(256, 16), nn.EmbeddingBag(256, 16), nn.Linear(16, 10)

    def forward(self, images: Tensor) -> Tensor:
        words = (images * 40 + 128).clamp(0, 255).long().flatten(1)
        return self.classes(self.words(words).mean(1) + self.bags(words))


class Similar(nn.Module):
    """A composite operator: what it is made of is hidden in inference mode."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = stem(1)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        return functional.cosine_similarity(features[:, :1], features)


class Branching(nn.Module):
    """Its way depends on what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deeper, self.head = stem(), nn.Conv2d(WIDTH, WIDTH, 3, padding=1), head()

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        if features.abs().mean() < 1e6:
            features = self.deeper(features)
        return self.head(features)


class ByNumpy(nn.Module):
    """Takes a detour by numpy."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = stem(), head()

    def forward(self, images: Tensor) -> Tensor:
        scale = float(images.detach().cpu().numpy().std())
        return self.head(self.stem(images / scale))


class SparseWeight(nn.Module):
    """A sparse weight, as pruned models keep it."""

    def __init__(self) -> None:
        super().__init__()
        dense = torch.randn(64, 3 * 64 * 64) * (torch.rand(64, 3 * 64 * 64) > 0.9)
        self.weight, self.classes = nn.Parameter(dense.to_sparse()), nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.classes(torch.sparse.mm(self.weight, images.flatten(1).t()).t())


def normalized() -> nn.Module:
    """Normalization of every kind, with running statistics that move in train mode."""
    norms = (nn.BatchNorm2d(WIDTH), nn.GroupNorm(4, WIDTH), nn.InstanceNorm2d(WIDTH, True, track_running_stats=True))
    return nn.Sequential(stem(), *norms, nn.LocalResponseNorm(3), head())


class Dropping(nn.Module):
    """Dropout, and blocks that are left out at random."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = stem(), head()
        self.block = nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.Dropout(0.2))
        self.drop = torchvision.ops.StochasticDepth(0.3, "row")

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        return self.head(features + self.drop(self.block(features)))


class Noisy(nn.Module):
    """Draws noise in each pass, from torch and from Python."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = stem(), head()

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        return self.head(features + torch.randn_like(features) * random.random())


class PassCounter(nn.Module):
    """Counts its passes in a buffer, also in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = stem(), head()
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        self.passes += 1
        return self.head(self.stem(images))


class Detector(nn.Module):
    """torchvision's detector, which takes a list of images and gives boxes, over a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torchvision.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)

    def forward(self, images: Tensor) -> object:
        features = self.net.backbone(self.net.transform(list(images))[0].tensors)
        return self.net.head(list(features.values()))


def exported() -> nn.Module:
    """A program of torch.export, which is of one mode."""
    plain = nn.Sequential(stem(), nn.ReLU(), head()).eval()
    return torch.export.export(plain, (torch.randn(2, 3, 64, 64),)).module()


def scripted() -> nn.Module:
    """TorchScript."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(nn.Sequential(stem(), nn.BatchNorm2d(WIDTH), nn.ReLU(), head()))


def quantized() -> nn.Module:
    """Linear layers with weights of eight bits."""
    plain = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 64), nn.ReLU(), nn.Linear(64, 10))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(plain, {nn.Linear}, dtype=torch.qint8)


def compiled() -> nn.Module:
    """What torch.compile returns, by the backend that leaves operators as they are."""
    return torch.compile(nn.Sequential(stem(), nn.ReLU(), head()), backend="eager")


EXISTING = nn.Sequential(stem(), nn.BatchNorm2d(WIDTH), nn.ReLU(), head())

MODULES: dict[str, Callable[[], nn.Module]] = {
    "einsum_attention": EinsumAttention,
    "bilinear": BilinearPair,
    "matrix_vector": MatrixVector,
    "upsampler": Upsampler,
    "conv3d": Video,
    "embeddings": Tokenized,
    "cosine_similarity": Similar,
    "branching": Branching,
    "by_numpy": ByNumpy,
    "sparse_weight": SparseWeight,
    "norms": normalized,
    "dropping": Dropping,
    "noisy": Noisy,
    "pass_counter": PassCounter,
    "detector": Detector,
    "torchvision_vit": lambda: torchvision.models.VisionTransformer(64, 16, 2, 4, 64, 128),
    "torchvision_resnet18": lambda: torchvision.models.resnet18(weights=None),
    "torchvision_swin": lambda: torchvision.models.swin_v2_t(weights=None),
    "torchvision_googlenet": lambda: torchvision.models.googlenet(weights=None, init_weights=False),
    "graph_module": lambda: torch.fx.symbolic_trace(nn.Sequential(stem(), nn.ReLU(), head())),
    "exported": exported,
    "scripted": scripted,
    "quantized": quantized,
    "compiled": compiled,
    "existing": lambda: EXISTING,
}
#: Of those that want other images than 64 pixels wide.
SIZES = {"detector": 320, "torchvision_googlenet": 96}
