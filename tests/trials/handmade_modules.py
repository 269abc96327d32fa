"""Modules as people write them, each for one thing that a tool can get wrong: how weights are held, what is returned.

They take images ``(N, 3, 64, 64)``. `handmade_more.py` has those that are odder still.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

WIDTH = 32


def stem(stride: int = 2) -> nn.Conv2d:
    """The first convolution of most modules here."""
    return nn.Conv2d(3, WIDTH, 3, stride, 1)


def head() -> nn.Sequential:
    """From maps of features to ten numbers."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, 10))


class Patches(nn.Module):
    """Images as tokens, ``(N, 256, 32)``."""

    def __init__(self, size: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTH, size, size)

    def forward(self, images: Tensor) -> Tensor:
        return self.stem(images).flatten(2).transpose(1, 2)


class SharedWeights(nn.Module):
    """One layer used three times, and one under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.again = stem(), nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.alias, self.head = self.again, head()

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        for _ in range(2):
            features = self.again(features).relu()
        return self.head(self.alias(features))


class TransposedTie(nn.Module):
    """The decoder's weight is the encoder's, seen by ``.data.t()``."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(3 * 64 * 64, 64), nn.Linear(64, 3 * 64 * 64)
        self.decode.weight.data = self.encode.weight.data.t()

    def forward(self, images: Tensor) -> Tensor:
        return self.decode(self.encode(images.flatten(1)).relu())


class Queries(nn.Module):
    """DETR's: a view of a parameter goes into a submodule, which hooks may take for its own."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.queries = Patches(), nn.Parameter(torch.randn(6, WIDTH))
        self.attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.classes = nn.Linear(WIDTH, 10)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images)
        queries = self.queries.unsqueeze(0).expand(len(images), -1, -1)
        return self.classes(self.attention(queries, tokens, tokens)[0])


def weight_norm() -> nn.Module:
    """Weights made anew from a direction and a length."""
    return nn.Sequential(parametrizations.weight_norm(stem()), nn.ReLU(), head())


def spectral_norm() -> nn.Module:
    """Weights divided by their norm, which a buffer estimates in train mode."""
    return nn.Sequential(parametrizations.spectral_norm(stem()), nn.ReLU(), head())


def orthogonal() -> nn.Module:
    """A weight that is the exponential of a matrix."""
    return nn.Sequential(Patches(), parametrizations.orthogonal(nn.Linear(WIDTH, WIDTH)), nn.Linear(WIDTH, 10))


def lazy() -> nn.Module:
    """Layers that take their shape from what they see first."""
    return nn.Sequential(nn.LazyConv2d(16, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))


class BuffersOnly(nn.Module):
    """A fixed filter: nothing to train."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.randn(8, 3, 5, 5))
        self.register_buffer("scratch", torch.ones(8, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return functional.conv2d(images, self.kernel, padding=2) * self.scratch


def no_parameters() -> nn.Module:
    """Nothing but operators."""
    return nn.Sequential(nn.AvgPool2d(2), nn.ReLU(), nn.Flatten())


class Fourier(nn.Module):
    """Complex weights in the frequency domain."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 64, 33, dtype=torch.complex64))
        self.stem, self.head = stem(), head()

    def forward(self, images: Tensor) -> Tensor:
        filtered = torch.fft.irfft2(torch.fft.rfft2(images) * self.weight, s=images.shape[-2:])
        return self.head(self.stem(filtered))


class InPlaceOnInput(nn.Module):
    """Normalizes the images that it is given where they are."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = stem(), head()

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.stem(images.sub_(0.5).mul_(2)))


class CachedTable(nn.Module):
    """Makes a table for the size that it sees, once, and keeps it as a plain attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.classes = Patches(), nn.Linear(WIDTH, 10)
        self.table: Tensor | None = None

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images)
        if self.table is None:
            self.table = torch.linspace(0, 1, tokens.shape[1], device=tokens.device)[:, None].expand(-1, WIDTH) * 1
        return self.classes((tokens + self.table).mean(1))


class Returning(nn.Module):
    """Two feature maps, packed as it is told."""

    def __init__(self, pack: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.stem, self.deeper, self._pack = stem(), nn.Conv2d(WIDTH, WIDTH, 3, 2, 1), pack

    def forward(self, images: Tensor) -> object:
        shallow = self.stem(images).relu()
        return self._pack(shallow, self.deeper(shallow))


@dataclass
class Maps:
    """What a model of Hugging Face's kind returns."""

    shallow: Tensor
    deep: Tensor
    note: str = "two maps"


class Heads(nn.Module):
    """Several tasks over one trunk, and a head that is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.classes = stem(), head()
        self.boxes, self.depth, self.unused = head(), nn.Conv2d(WIDTH, 1, 1), nn.Linear(WIDTH, 100)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.trunk(images).relu()
        return {"classes": self.classes(features), "boxes": self.boxes(features), "depth": self.depth(features)}


def frozen_trunk() -> nn.Module:
    """Only the head takes a gradient."""
    trunk = nn.Sequential(stem(1), nn.ReLU(), *(nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in range(3)))
    return nn.Sequential(trunk.requires_grad_(False), head())


class Adapter(nn.Module):
    """A frozen layer with a low-rank one beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.frozen = Patches(), nn.Linear(WIDTH, WIDTH).requires_grad_(False)
        self.down, self.up, self.classes = nn.Linear(WIDTH, 4, bias=False), nn.Linear(4, WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images)
        return self.classes((self.frozen(tokens) + self.up(self.down(tokens))).mean(1))


class Checkpointed(nn.Module):
    """Two stages that are run again in the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = stem(1), head()
        block = [part for _ in range(2) for part in (nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.ReLU())]
        self.first, self.second = nn.Sequential(*block[:2]), nn.Sequential(*block[2:])

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        for stage in (self.first, self.second):
            features = checkpoint(stage, features, use_reentrant=False)
        return self.head(features)


class Recurrent(nn.Module):
    """Patches read in order by a recurrent layer."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.patches, self.read = Patches(16), kind(WIDTH, 128, batch_first=True, bidirectional=True)
        self.classes = nn.Linear(256, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.classes(self.read(self.patches(images))[0][:, -1])


def encoder() -> nn.Module:
    """PyTorch's own encoder layer, which has a fast path."""
    layer = nn.TransformerEncoderLayer(WIDTH, 4, 64, dropout=0.1, batch_first=True)
    return nn.Sequential(Patches(), nn.TransformerEncoder(layer, 2), nn.Linear(WIDTH, 10))


MODULES: dict[str, Callable[[], nn.Module]] = {
    "shared_weights": SharedWeights,
    "transposed_tie": TransposedTie,
    "queries": Queries,
    "weight_norm": weight_norm,
    "spectral_norm": spectral_norm,
    "orthogonal": orthogonal,
    "lazy": lazy,
    "buffers_only": BuffersOnly,
    "no_parameters": no_parameters,
    "fourier": Fourier,
    "in_place_on_input": InPlaceOnInput,
    "cached_table": CachedTable,
    "returns_tuple": lambda: Returning(lambda *maps: maps),
    "returns_nested": lambda: Returning(lambda one, other: {"maps": [one, (other, None)], "count": 2}),
    "returns_dataclass": lambda: Returning(Maps),
    "heads": Heads,
    "frozen_trunk": frozen_trunk,
    "adapter": Adapter,
    "checkpointed": Checkpointed,
    "lstm": lambda: Recurrent(nn.LSTM),
    "gru": lambda: Recurrent(nn.GRU),
    "encoder": encoder,
}
