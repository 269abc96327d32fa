"""Handwritten digits that come with scikit-learn."""

from __future__ import annotations

import torch

from pytest_modelbench.core.errors import MissingExtraError, hide_own_frames
from pytest_modelbench.data.datasets import ClassData
from pytest_modelbench.data.draws import Draws

__tracebackhide__ = hide_own_frames

#: The digits' grey levels go from 0 to 16.
_LEVELS = 16
#: One in so many is held out.
_HELD_OUT = 5
#: Draws which; in the first stream there were half as many sevens as should be.
_STREAM = "digits 2"


def digits() -> tuple[ClassData, ClassData]:
    """Digits to train on, and others held out: 1438 and 359 images of 8 x 8 pixels, three equal channels.

    Raises MissingExtraError without scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] != "sklearn":
            raise
        raise MissingExtraError("scikit-learn", "samples") from None
    bunch = load_digits()
    grey = torch.tensor(bunch.images.tolist()) * 255 / _LEVELS
    images = grey.round().to(torch.uint8)[:, None].expand(-1, 3, -1, -1)
    labels = torch.tensor(bunch.target.tolist())
    order = torch.tensor(Draws(_STREAM).order(len(labels)))
    count = len(labels) // _HELD_OUT
    return _part("digits", images, labels, order[count:]), _part("digits-held-out", images, labels, order[:count])


def _part(name: str, images: torch.Tensor, labels: torch.Tensor, indices: torch.Tensor) -> ClassData:
    return ClassData.of(name, images[indices], labels[indices], 10)
