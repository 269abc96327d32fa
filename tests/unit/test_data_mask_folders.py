"""Label maps in folders laid out as Pascal VOC and as Cityscapes."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.data.mask_folders import (
    CITYSCAPES_CLASSES,
    VOC_CLASSES,
    is_mask_folder,
    mask_folder,
)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def palette(*rows):
    image = Image.new("P", (len(rows[0]), len(rows)))
    image.putpalette([value for index in range(256) for value in (index, 255 - index, 7)])
    image.putdata([value for row in rows for value in row])
    return image


@pytest.fixture
def voc(tmp_path):
    for name, rows in (("one", ([0, 20, 255], [0, 0, 15])), ("two", ([1, 1], [1, 1]))):
        save(tmp_path / "SegmentationClass" / f"{name}.png", palette(*rows))
        save(tmp_path / "JPEGImages" / f"{name}.jpg", Image.new("RGB", (len(rows[0]), len(rows)), (9, 9, 9)))
    return tmp_path


@pytest.fixture
def cityscapes(tmp_path):
    ids = Image.new("L", (4, 1))
    ids.putdata([7, 33, 6, 255])
    save(tmp_path / "leftImg8bit/val/ulm/ulm_0_leftImg8bit.png", Image.new("RGB", (4, 1)))
    save(tmp_path / "gtFine/val/ulm/ulm_0_gtFine_labelIds.png", ids)
    save(tmp_path / "gtFine/val/ulm/ulm_0_gtFine_instanceIds.png", ids)
    return tmp_path


def test_voc_maps_are_the_numbers_of_the_palette(voc):
    data = mask_folder(voc)
    assert (data.name, data.classes, len(data)) == ("voc-val", VOC_CLASSES, 2)
    assert len(VOC_CLASSES) == 21
    image, found = data.read(0)
    assert (image.shape, image.dtype) == ((3, 2, 3), torch.uint8)
    assert found.dtype == torch.int64
    assert found.tolist() == [[0, 20, 255], [0, 0, 15]]


def test_voc_split_is_the_one_that_is_listed(voc):
    listing = voc / "ImageSets" / "Segmentation" / "val.txt"
    listing.parent.mkdir(parents=True)
    listing.write_text("two\n")
    assert mask_folder(voc).read(0)[1].tolist() == [[1, 1], [1, 1]]
    listing.write_text("")
    with pytest.raises(UsageError, match=r"val.txt names no label maps"):
        mask_folder(voc)


def test_cityscapes_ids_become_its_nineteen_classes(cityscapes):
    data = mask_folder(cityscapes)
    assert (data.name, len(data), len(CITYSCAPES_CLASSES)) == ("cityscapes-val", 1, 19)
    assert data.read(0)[1].tolist() == [[0, 18, 255, 255]]
    assert (CITYSCAPES_CLASSES[0], CITYSCAPES_CLASSES[18]) == ("road", "bicycle")


def test_fingerprint_follows_every_file(voc):
    first = mask_folder(voc).fingerprint
    save(voc / "SegmentationClass" / "two.png", palette([1, 1], [1, 2]))
    second = mask_folder(voc).fingerprint
    save(voc / "JPEGImages" / "two.jpg", Image.new("RGB", (2, 2), (1, 2, 3)))
    assert len({first, second, mask_folder(voc).fingerprint}) == 3


def test_missing_half_of_a_pair_is_named(voc, cityscapes):
    (voc / "JPEGImages" / "two.jpg").unlink()
    with pytest.raises(UsageError, match=r"there is no file .*JPEGImages.two.jpg; fetch it"):
        mask_folder(voc)


def test_missing_map_is_named(cityscapes):
    (cityscapes / "gtFine/val/ulm/ulm_0_gtFine_labelIds.png").unlink()
    with pytest.raises(UsageError, match=r"there is no file .*ulm_0_gtFine_labelIds.png"):
        mask_folder(cityscapes)


def test_map_of_another_size_is_named(voc):
    save(voc / "JPEGImages" / "one.jpg", Image.new("RGB", (5, 4)))
    with pytest.raises(UsageError, match=r"label map .*one.png is 3x2 pixels, and its image 5x4"):
        mask_folder(voc).read(0)


def test_class_beyond_the_last_is_named(voc):
    save(voc / "SegmentationClass" / "one.png", palette([0, 21, 0], [0, 0, 0]))
    with pytest.raises(UsageError, match=r"one.png has class 21, and voc-val has 21 classes"):
        mask_folder(voc).read(0)


def test_coloured_map_is_refused(voc):
    save(voc / "SegmentationClass" / "one.png", Image.new("RGB", (3, 2)))
    with pytest.raises(UsageError, match=r"label map .*one.png is a RGB image; .*save it in mode P or L"):
        mask_folder(voc).read(0)


def test_damaged_map_is_named(voc):
    (voc / "SegmentationClass" / "one.png").write_bytes(b"\x89PNG")
    with pytest.raises(UsageError, match=r"one.png cannot be read"):
        mask_folder(voc).read(0)


def test_folder_of_neither_kind_is_refused(tmp_path):
    assert not is_mask_folder(tmp_path)
    with pytest.raises(UsageError, match=r"neither SegmentationClass \(as Pascal VOC\) nor gtFine"):
        mask_folder(tmp_path)
    with pytest.raises(UsageError, match=r"there is no folder .*absent of label maps"):
        mask_folder(tmp_path / "absent")
    (tmp_path / "gtFine").mkdir()
    assert is_mask_folder(tmp_path)
    with pytest.raises(UsageError, match=r"holds no \*/\*_leftImg8bit.png; unpack leftImg8bit into"):
        mask_folder(tmp_path)


@pytest.mark.parametrize("name", ["../a", "/etc/passwd"])
def test_a_list_that_leads_out_of_the_folder_is_refused(voc, name):
    (voc / "ImageSets" / "Segmentation").mkdir(parents=True)
    (voc / "ImageSets" / "Segmentation" / "val.txt").write_text(name)
    with pytest.raises(UsageError, match=r"val.txt names .* which lies outside of .*JPEGImages"):
        mask_folder(voc)


def test_a_list_that_is_no_text_is_named(voc):
    (voc / "ImageSets" / "Segmentation").mkdir(parents=True)
    (voc / "ImageSets" / "Segmentation" / "val.txt").write_bytes(b"a\xff")
    with pytest.raises(
        UsageError, match=r"list of label maps .*val.txt is not UTF-8 text: invalid start byte at byte 1"
    ):
        mask_folder(voc)
