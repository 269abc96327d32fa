"""Images with answers: classes, objects or label maps; and the fingerprint that tells data apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pytest_modelbench.core.errors import UsageError, hide_own_frames

__tracebackhide__ = hide_own_frames

Target = dict[str, Tensor]
Size = tuple[int, int]  #: height, width


@dataclass(frozen=True, slots=True, eq=False)
class ClassData:
    """Images of one size in memory, ``(N, 3, H, W) uint8``, with the class of each, ``(N,) int64``."""

    name: str
    images: Tensor
    labels: Tensor
    num_classes: int
    fingerprint: str

    @classmethod
    def of(cls, name: str, images: Tensor, labels: Tensor, num_classes: int) -> ClassData:
        """The images with the fingerprint of themselves and their labels."""
        return cls(name, images, labels, num_classes, DataDigest().tensor(images).tensor(labels).text)

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True, eq=False)
class ObjectData:
    """Images with the objects in them.

    ``read(index)``: the image ``(3, H, W) uint8`` and its objects, a dict of ``boxes (K, 4) float32`` (x1, y1, x2, y2
    in pixels), ``labels (K,) int64`` counted from 0, ``iscrowd (K,) int64`` and, where ``has_masks``,
    ``masks (K, H, W) bool``.
    """

    name: str
    classes: tuple[str, ...]
    count: int
    fingerprint: str
    read: Callable[[int], tuple[Tensor, Target]]
    has_masks: bool

    def __len__(self) -> int:
        return self.count


@dataclass(frozen=True, slots=True, eq=False)
class MapData:
    """Images with the class of each pixel.

    ``read(index)``: the image ``(3, H, W) uint8`` and its map ``(H, W) int64``, in which `core.tasks.IGNORED` does not
    count. ``sample_names``: what each image is called in messages; empty: by its number.
    """

    name: str
    classes: tuple[str, ...]
    count: int
    fingerprint: str
    read: Callable[[int], tuple[Tensor, Tensor]]
    sample_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.count


class DataDigest:
    """SHA-256 over what it is fed; 16 hexadecimal digits of it tell data apart."""

    def __init__(self) -> None:
        self._total = hashlib.sha256()

    def add(self, content: bytes) -> DataDigest:
        """Itself, with the digest of ``content`` in it: what belongs to which part matters."""
        self._total.update(hashlib.sha256(content).digest())
        return self

    def tensor(self, values: Tensor) -> DataDigest:
        """Itself, with shape, type and numbers of ``values`` in it."""
        self.add(f"{tuple(values.shape)} {values.dtype}".encode())
        return self.add(values.contiguous().numpy().tobytes())

    def file(self, path: Path) -> DataDigest:
        """Itself, with the content of the file in it."""
        self._total.update(file_digest(path))
        return self

    @property
    def text(self) -> str:
        """The first 16 hexadecimal digits."""
        return self._total.hexdigest()[:16]


def file_digest(path: Path) -> bytes:
    """SHA-256 of the file's content; raises UsageError naming one that cannot be read."""
    content = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                content.update(chunk)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; mend its permissions or remove it") from error
    return content.digest()
