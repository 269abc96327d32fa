"""Files in COCO's format: what is read, and what is refused, naming the entry."""

from __future__ import annotations

import copy
import json
import warnings
from itertools import groupby

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pytest_modelbench.core.errors import MissingExtraError, UsageError
from pytest_modelbench.data import coco
from pytest_modelbench.data.coco import coco_file, coco_objects
from pytest_modelbench.data.coco_masks import _unpacked

#: Two images of 20 x 10 pixels, the first with two objects, the second with none. Category ids have gaps, as COCO's.
DOCUMENT = {
    "images": [
        {"id": 7, "file_name": "b.png", "width": 20, "height": 10},
        {"id": 3, "file_name": "a.png", "width": 20, "height": 10},
    ],
    "annotations": [
        {"id": 1, "image_id": 3, "category_id": 90, "bbox": [2, 1, 6, 4], "iscrowd": 0, "area": 24,
         "segmentation": [[2, 1, 8, 1, 8, 5, 2, 5]]},
        {"id": 2, "image_id": 3, "category_id": 5, "bbox": [10, 0, 10, 10], "iscrowd": 1, "area": 100,
         "segmentation": {"size": [10, 20], "counts": [100, 100]}},
    ],
    "categories": [{"id": 90, "name": "toothbrush"}, {"id": 5, "name": "airplane"}],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("a.png", "b.png"), start=1):
        Image.new("RGB", (20, 10), (number, 0, 0)).save(tmp_path / name)
    return tmp_path


def write(folder, change=lambda document: None, name="instances.json"):
    document = copy.deepcopy(DOCUMENT)
    change(document)
    (folder / name).write_text(json.dumps(document))
    return folder / name


def test_objects_are_read_with_classes_counted_from_zero(folder):
    data = coco_objects(write(folder))
    assert (data.name, data.classes, len(data), data.has_masks) == ("instances", ("airplane", "toothbrush"), 2, False)
    image, target = data.read(0)
    assert image.dtype == torch.uint8
    assert image[:, 0, 0].tolist() == [1, 0, 0]
    assert image.shape == (3, 10, 20)
    assert target["boxes"].tolist() == [[2, 1, 8, 5], [10, 0, 20, 10]]
    assert target["labels"].tolist() == [1, 0]
    assert target["iscrowd"].tolist() == [0, 1]
    assert "masks" not in target


def test_image_without_objects_is_taken(folder):
    _, target = coco_objects(write(folder)).read(1)
    assert (tuple(target["boxes"].shape), target["labels"].tolist()) == ((0, 4), [])


def test_masks_come_from_polygons_and_run_lengths(folder):
    pytest.importorskip("pycocotools")
    data = coco_objects(write(folder), masks=True)
    masks = data.read(0)[1]["masks"]
    wanted = torch.zeros((2, 10, 20), dtype=torch.bool)
    wanted[0, 1:5, 2:8] = True
    wanted[1, :, 10:] = True  # run lengths go down the columns
    assert torch.equal(masks, wanted)
    assert data.has_masks
    assert data.read(1)[1]["masks"].shape == (0, 10, 20)


def test_compressed_run_lengths_are_taken(folder):
    rle = pytest.importorskip("pycocotools.mask")
    packed = rle.frPyObjects({"size": [10, 20], "counts": [100, 100]}, 10, 20)

    def change(document):
        document["annotations"][1]["segmentation"] = {"size": [10, 20], "counts": packed["counts"].decode()}

    assert coco_objects(write(folder, change), masks=True).read(0)[1]["masks"][1].sum() == 100


def test_masks_need_the_extra(folder, monkeypatch):
    monkeypatch.setattr(coco, "find_spec", lambda name: None)
    assert len(coco_objects(write(folder))) == 2
    with pytest.raises(MissingExtraError, match=r"pycocotools is not installed.*\[detection\]"):
        coco_objects(write(folder), masks=True)


def test_fingerprint_follows_images_and_objects_and_not_names(folder):
    first = coco_objects(write(folder)).fingerprint
    assert coco_objects(write(folder, name="other.json")).fingerprint == first
    (folder / "b.png").rename(folder / "c.png")
    assert coco_objects(write(folder, lambda d: d["images"][0].update(file_name="c.png"))).fingerprint == first
    changes = [
        lambda d: d["annotations"][0].update(bbox=[2, 1, 6, 5]),
        lambda d: d["annotations"][0].update(category_id=5),
        lambda d: d["annotations"][0].update(iscrowd=1),
        lambda d: d["annotations"].pop(),
    ]
    (folder / "c.png").rename(folder / "b.png")
    found = [coco_objects(write(folder, change)).fingerprint for change in changes]
    Image.new("RGB", (20, 10), (9, 9, 9)).save(folder / "b.png")
    found.append(coco_objects(write(folder)).fingerprint)
    assert len({first, *found}) == 6


@pytest.mark.parametrize("layout", ["beside", "inside", "given"])
def test_images_are_found_where_coco_keeps_them(tmp_path, layout):
    places = {"beside": tmp_path / "val2017", "inside": tmp_path / "annotations" / "images", "given": tmp_path / "x"}
    for place in (places[layout], tmp_path / "annotations"):
        place.mkdir(parents=True, exist_ok=True)
    for name in ("a.png", "b.png"):
        Image.new("RGB", (20, 10)).save(places[layout] / name)
    path = write(tmp_path / "annotations", name="instances_val2017.json")
    data = coco_objects(path, places["given"] if layout == "given" else None)
    assert data.read(0)[0].shape == (3, 10, 20)
    assert coco_file(tmp_path) == coco_file(path) == path


def test_file_is_found_only_where_it_is_clear_which(tmp_path):
    assert coco_file(tmp_path) is None
    assert coco_file(tmp_path / "absent.json") is None
    only = write(tmp_path, name="labels.json")
    assert coco_file(tmp_path) == only
    write(tmp_path, name="more.json")
    assert coco_file(tmp_path) is None


def test_box_that_sticks_out_is_clipped_and_said_so(folder):
    path = write(folder, lambda d: d["annotations"][0].update(bbox=[-3, 1, 10, 20]))
    with pytest.warns(UserWarning, match=r"1 boxes stick out of their images and are clipped, as annotation 1 by 11"):
        data = coco_objects(path)
    assert data.read(0)[1]["boxes"][0].tolist() == [0, 1, 7, 10]


def test_box_that_sticks_out_by_rounding_is_clipped_in_silence(folder):
    path = write(folder, lambda d: d["annotations"][0].update(bbox=[-0.5, 1, 6, 9.9]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = coco_objects(path)
    assert data.read(0)[1]["boxes"][0].tolist() == [0, 1, 5.5, 10]


def annotation(**values):
    return lambda document: document["annotations"][0].update(values)


def image(**values):
    return lambda document: document["images"][1].update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (annotation(bbox=[20, 0, 5, 5]), r"annotation 1: bbox \[20, 0, 5, 5\] has no area within its image of 20x10"),
        (annotation(bbox=[3, 3, 0, 5]), "annotation 1: bbox .* has no area"),
        (annotation(bbox=[1, 2, 3]), r"annotation 1: bbox is \[1, 2, 3\], not \[x, y, width, height\]"),
        (annotation(bbox=[1, 2, 3, "4"]), "annotation 1: bbox is"),
        (annotation(bbox=None), "annotation 1: bbox is null"),
        (annotation(category_id=6), "annotation 1 is of category 6, which the file does not list"),
        (annotation(image_id=4), "annotation 1 is of image 4, which the file does not list"),
        (annotation(image_id="3"), "annotation 1 has image_id='3', not a int"),
        (image(file_name="c.png"), r"image 3: there is no file .*c.png; fetch it"),
        (image(file_name=None), "image 3 has file_name=None"),
        (image(width="20"), "image 3 has width='20'"),
        (image(id=7), "two images with id 7"),
        (lambda d: d.update(annotations=[]), "an empty list of annotations, so there is nothing to find"),
        (lambda d: d.update(images=[]), "an empty list of images"),
        (lambda d: d.pop("categories"), "has no list of categories"),
    ],
)
def test_entry_that_makes_no_sense_is_named(folder, change, message):
    path = write(folder, change)
    with pytest.raises(UsageError, match=message) as caught:
        coco_objects(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [20, 10], "counts": [100, 100]}, r"its mask is of size \[20, 10\], and its image of \[10, 20\]"),
        ({"size": [10, 20], "counts": [100, 99]}, "runs that fill 10x20"),
        ({"size": [10, 20]}, "counts that are neither text nor runs"),
        ([], "neither polygons"),
        (None, "neither polygons"),
        ([[1, 2, 3, 4]], "neither polygons"),
        ([[1, 2, 3, 4, 5, 6, 7]], "neither polygons"),
    ],
)
def test_mask_that_makes_no_sense_is_named(folder, segmentation, message):
    pytest.importorskip("pycocotools")
    path = write(folder, annotation(segmentation=segmentation))
    with pytest.raises(UsageError, match=f"annotation 1: .*{message}"):
        coco_objects(path, masks=True)


def test_image_of_another_size_than_the_file_says_is_named(folder):
    Image.new("RGB", (10, 20)).save(folder / "a.png")
    data = coco_objects(write(folder))
    with pytest.raises(UsageError, match=r"image 3 is 20x10 pixels by the file, and 10x20 in .*a.png"):
        data.read(0)


@pytest.mark.parametrize("content", ["", "{", "[]", "[1]", '{"images": 1}', '{"images": [1]}'])
def test_file_that_is_no_coco_file_is_named(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(UsageError, match=r"COCO file .*x.json (cannot be read|has no list of)"):
        coco_objects(tmp_path / "x.json")


def test_paths_that_do_not_exist_are_named(folder):
    with pytest.raises(UsageError, match=r"there is no COCO file .*absent.json"):
        coco_objects(folder / "absent.json")
    with pytest.raises(UsageError, match=r"there is no image folder .*absent for"):
        coco_objects(write(folder), folder / "absent")


def test_damaged_run_lengths_name_their_image(folder):
    rle = pytest.importorskip("pycocotools.mask")
    longer = rle.frPyObjects({"size": [100, 100], "counts": [0, 10_000]}, 100, 100)["counts"].decode()
    path = write(folder, annotation(segmentation={"size": [10, 20], "counts": longer}))
    with pytest.raises(UsageError, match="annotation 1: its mask has counts that are neither"):
        coco_objects(path, masks=True).read(0)


@pytest.mark.parametrize(
    ("segment", "told"),
    [
        ([[0, 0, 1e9, 0, 1e9, 1e9]], r"its polygon goes from 0 to 1e\+09 in an image of 20x10 pixels"),
        ([[0, 0, 5, 0, 5, -1e9]], r"its polygon goes from -1e\+09 to 0 in an image of 20x10 pixels"),
        ({"size": [10, 20], "counts": "~~~~~~~~~~~~~~~~"}, "counts that are neither text nor runs"),
        ({"size": [10, 20], "counts": "oooooooooooooooooooooo"}, "counts that are neither text nor runs"),
        ({"size": [10, 20], "counts": "0"}, "counts that are neither text nor runs"),
        ({"size": [10, 20], "counts": [True] * 200}, "counts that are neither text nor runs"),
    ],
)
def test_what_would_end_the_rasterizer_never_reaches_it(folder, segment, told):
    pytest.importorskip("pycocotools.mask")
    with pytest.raises(UsageError, match=f"annotation 1: .*{told}"):
        coco_objects(write(folder, annotation(segmentation=segment)), masks=True)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_run_lengths_are_unpacked_as_the_rasterizer_packs_them(pixels):
    rle = pytest.importorskip("pycocotools.mask")
    mask = numpy.asfortranarray(numpy.array(pixels, dtype=numpy.uint8).reshape(-1, 1))
    runs = _unpacked(rle.encode(mask)["counts"].decode())
    assert [length for length in runs if length] == [len([*group]) for _, group in groupby(pixels)]
    assert (runs[0] == 0) == pixels[0]


@pytest.mark.parametrize("name", ["../a.png", "/etc/hostname", "a/../../a.png", "a\0b.jpg", "x" * 5000 + ".jpg"])
def test_no_name_in_the_file_leads_out_of_its_folder(folder, name):
    with pytest.raises(UsageError, match=r"(lies outside of|no file can be called)"):
        coco_objects(write(folder, lambda document: document["images"][0].update(file_name=name)))


def test_what_is_nested_too_deep_is_no_json_file(folder):
    (folder / "deep.json").write_text("[" * 200_000)
    with pytest.raises(UsageError, match="cannot be read"):
        coco_objects(folder / "deep.json")
