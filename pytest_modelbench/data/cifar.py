"""CIFAR-10 and CIFAR-100 from the folder that their archives unpack to.

Their files are pickles, which can run any code when they are read. They are read here by an unpickler that knows arrays
and plain values, and refuses all else.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.data.datasets import ClassData

__tracebackhide__ = hide_own_frames

_SIDE = 32


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a data set keeps what: https://www.cs.toronto.edu/~kriz/cifar.html."""

    name: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    labels: str
    num_classes: int


_LAYOUTS = (
    _Layout(
        "cifar10", "cifar-10-batches-py", tuple(f"data_batch_{n}" for n in range(1, 6)), ("test_batch",), "labels", 10
    ),
    _Layout("cifar100", "cifar-100-python", ("train",), ("test",), "fine_labels", 100),
)


def cifar(path: str | Path) -> tuple[ClassData, ClassData]:
    """Images to train on, and the test images; ``path``: the unpacked folder, or the one that it lies in.

    Raises UsageError for a folder that is neither, and for files that are incomplete or hold anything but arrays.
    """
    found = _located(Path(path))
    if found is None:
        folders = " nor ".join(layout.folder for layout in _LAYOUTS)
        raise UsageError(f"{path} holds neither {folders} (the 'python version', unpacked); pass the folder that does")
    layout, folder = found
    train = _part(layout, layout.name, folder, layout.train)
    return train, _part(layout, f"{layout.name}-test", folder, layout.test)


def is_cifar(path: str | Path) -> bool:
    """Whether `cifar` would find one of the two there."""
    return _located(Path(path)) is not None


def _located(root: Path) -> tuple[_Layout, Path] | None:
    for layout in _LAYOUTS:
        for folder in (root / layout.folder, root):
            # A folder called "test" is nobody's batch.
            if all((folder / name).is_file() for name in (*layout.test, *layout.train)):
                return layout, folder
    return None


def _part(layout: _Layout, name: str, folder: Path, files: tuple[str, ...]) -> ClassData:
    pieces = [_batch(folder / file, layout) for file in files]
    images = torch.cat([images for images, _ in pieces])
    labels = torch.cat([labels for _, labels in pieces])
    return ClassData.of(name, images, labels, layout.num_classes)


def _batch(path: Path, layout: _Layout) -> tuple[torch.Tensor, torch.Tensor]:
    loaded = _unpickled(path)
    found = {_text(key): value for key, value in loaded.items()} if isinstance(loaded, Mapping) else {}
    data, labels = found.get("data"), found.get(layout.labels)
    if not isinstance(data, numpy.ndarray) or data.dtype != numpy.uint8 or data.shape[1:] != (3 * _SIDE * _SIDE,):
        raise UsageError(f"{path} has no data of {layout.name}, rows of {3 * _SIDE * _SIDE} bytes; unpack it again")
    if not isinstance(labels, list) or len(labels) != len(data) or not all(_fits(n, layout) for n in labels):
        raise UsageError(
            f"{path} has no {layout.labels} from 0 to {layout.num_classes - 1} for its {len(data)} images; "
            "unpack it again"
        )
    return torch.from_numpy(data.copy()).reshape(-1, 3, _SIDE, _SIDE), torch.tensor(labels, dtype=torch.int64)


def _fits(label: object, layout: _Layout) -> bool:
    return isinstance(label, int) and 0 <= label < layout.num_classes


def _text(key: object) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)


def _unpickled(path: Path) -> object:
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file, encoding="bytes").load()
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}; unpack the archive again") from None
    except _RefusedError as error:
        raise UsageError(
            f"{path} is a pickle with {error} in it, which can run any code; it is refused. CIFAR's own files hold "
            "arrays and plain values only: fetch the archive again"
        ) from None
    # A damaged pickle raises nearly anything.
    except Exception as error:
        raise UsageError(f"{path} cannot be read: {type(error).__name__}: {error}; unpack the archive again") from error


class _RefusedError(Exception):
    """A pickle asks for something that is not on the list."""


def _reconstruct(*arguments: Any) -> Any:
    """An empty array, to be filled by the pickle: what numpy's own function of this name does, for arrays alone."""
    kind, *_ = arguments
    if kind is not numpy.ndarray:
        raise _RefusedError("an array of another kind")
    return numpy.ndarray.__new__(numpy.ndarray, (0,), numpy.uint8)


def _latin1(text: str, encoding: object) -> bytes:
    """How Python 3 writes bytes for Python 2."""
    return text.encode("latin1")


#: numpy moved between the versions that wrote such files.
_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): numpy.ndarray,
    ("numpy", "dtype"): numpy.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("_codecs", "encode"): _latin1,
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None
