"""Transforms of a test's own: what they make, what is told of them, and which are refused."""

from __future__ import annotations

import random
from collections import UserDict

import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.recipes import same_recipe
from pytest_modelbench.data.images import picture_of, read_image
from pytest_modelbench.models.own_transform import OwnTransform


def pixels(image):
    """``(3, H, W)`` from 0 to 1."""
    octets = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return octets.reshape(image.height, image.width, 3).permute(2, 0, 1) / 255


def scaled(image, side=32, resample=Image.Resampling.BILINEAR):
    return pixels(image.resize((side, side), resample))


def cropped(image):
    return pixels(image.resize((36, 36)).crop((2, 2, 34, 34)))


class Processor:
    """What a transformers image processor is called with, and gives."""

    model_input_names = ("pixel_values",)

    def __call__(self, images, *, return_tensors):
        assert return_tensors == "pt"
        return UserDict(pixel_values=torch.stack([scaled(image) for image in images]))


class WholeProcessor:
    """One with a tokenizer beside it."""

    image_processor = Processor()

    def __call__(self, text, images):
        raise AssertionError("there is no text")


IMAGE = Image.new("RGB", (60, 40), (255, 0, 0))


@pytest.mark.parametrize(
    "given",
    [scaled, Processor(), WholeProcessor(), lambda image: scaled(image)[None], lambda image: scaled(image).double()],
)
def test_tensors_of_one_image_are_taken_whatever_makes_them(given):
    made = OwnTransform.of(given)(IMAGE)
    assert (made.shape, made.dtype, made[0, 0, 0].item()) == ((3, 32, 32), torch.float32, 1.0)
    assert OwnTransform.of(given).recipe() == OwnTransform.of(scaled).recipe()


def test_what_is_made_of_a_fixed_picture_is_the_recipe():
    assert OwnTransform.of(scaled).recipe() == (
        "transform to 3x32x32: mean ~0.498 ~0.498 ~0.500, deviation ~0.289 ~0.289 ~0.011, "
        "upper left ~0.247 ~0.247 ~0.499"
    )


@pytest.mark.parametrize(
    "other",
    [
        cropped,
        lambda image: scaled(image, 31),
        lambda image: scaled(image, resample=Image.Resampling.NEAREST),
        lambda image: scaled(image).flip(0),
        lambda image: scaled(image).flip(2),
        lambda image: (scaled(image) - 0.5) / 0.5,
        lambda image: scaled(image) * 255,
        lambda image: scaled(image)[:1],
        lambda image: scaled(image.transpose(Image.Transpose.ROTATE_180)),
    ],
)
def test_whatever_makes_something_else_has_another_recipe(other):
    assert not same_recipe(OwnTransform.of(other).recipe(), OwnTransform.of(scaled).recipe())


@pytest.mark.parametrize("shift", [2e-3, 1e-4, -1e-4, -2e-3])
def test_another_machines_last_digits_leave_the_recipe_as_it_is(shift):
    assert same_recipe(OwnTransform.of(lambda image: scaled(image) + shift).recipe(), OwnTransform.of(scaled).recipe())


def test_zeros_have_a_recipe_as_well():
    assert "mean ~0.00" in OwnTransform.of(lambda image: scaled(image) * 0).recipe()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("imagenet", "transform='imagenet': pass a function from a PIL image"),
        (lambda image: image, "transform= makes Image of a PIL image, not a tensor"),
        (lambda image: scaled(image)[0], r"makes a tensor \(32, 32\) of a PIL image"),
        (lambda image: image["image"], "transform= fails on a PIL image of 640x480 pixels: TypeError"),
        (lambda image: scaled(image) + random.random(), "something else of the same image each time, as those for"),
    ],
)
def test_what_is_no_transform_for_evaluation_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        OwnTransform.of(given).recipe()


def padded(image):
    return torch.nn.functional.pad(scaled(image, 28), (2, 2, 2, 2))


@pytest.mark.parametrize("given", [scaled, lambda image: interpolate(pixels(image)[None], (8, 8), mode="area")])
def test_transform_that_keeps_the_whole_image_places_what_is_in_it(given):
    own = OwnTransform.of(given)
    own.check_whole("its pixels")
    made, frame = own.place(torch.full((3, 4, 4), 255, dtype=torch.uint8))
    assert (frame, made.min().item()) == (own.size(), 1.0)


@pytest.mark.parametrize("given", [cropped, padded])
def test_transform_that_cuts_or_pads_does_not(given):
    with pytest.raises(UsageError, match="cuts a part of each image off, or pads it, and its pixels would not lie"):
        OwnTransform.of(given).check_whole("its pixels")


def test_picture_of_pixels_is_the_one_that_they_were_read_from(tmp_path):
    image = torch.arange(24, dtype=torch.uint8).reshape(3, 2, 4)
    picture_of(image).save(tmp_path / "one.png")
    assert torch.equal(read_image(tmp_path / "one.png"), image)
