"""Generated scenes: the same everywhere, and all that is said of them true to the pixel."""

from __future__ import annotations

import hashlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.data.draws import Draws
from pytest_modelbench.data.scenes import (
    CLASSES,
    HELD_OUT,
    TRAIN,
    scene_classes,
    scene_maps,
    scene_objects,
    scenes,
)

#: Pinned: other scenes would be other data, and every stored accuracy on them incomparable.
FINGERPRINTS = {"classes": "a99b31f4b20251c2", "objects": "f47d83fe5d3c1fe0", "maps": "84063146af214f31"}


@given(st.text(max_size=20), st.integers(0, 300))
def test_draws_depend_on_the_name_and_the_number_of_the_call_alone(name, count):
    draws = Draws(name)
    assert draws.octets(count) == hashlib.shake_256(f"{name}/1".encode()).digest(count)
    assert draws.octets(count) == hashlib.shake_256(f"{name}/2".encode()).digest(count)
    assert sorted(draws.order(count)) == list(range(count))


@given(st.text(max_size=20), st.integers(-50, 50), st.integers(0, 50))
def test_numbers_lie_between_their_bounds(name, low, span):
    assert low <= Draws(name).between(low, low + span) <= low + span


def test_every_number_comes_up_about_as_often():
    draws = Draws("dice")
    counts = [0] * 6
    for _ in range(6000):
        counts[draws.between(1, 6) - 1] += 1
    assert all(880 < count < 1120 for count in counts)  # four standard deviations


@pytest.mark.slow
def test_fingerprints_stay():
    assert scene_classes().fingerprint == FINGERPRINTS["classes"]
    assert scene_objects().fingerprint == FINGERPRINTS["objects"]
    assert scene_maps().fingerprint == FINGERPRINTS["maps"]


def test_splits_and_seeds_have_nothing_in_common():
    images = [scenes(3, *split, seed=seed)[0].image for split in ((TRAIN,), (HELD_OUT,)) for seed in (0, 1)]
    assert all(not torch.equal(one, other) for i, one in enumerate(images) for other in images[:i])
    # More scenes of a split begin with the same ones.
    assert torch.equal(scenes(5)[2].image, scenes(3)[2].image)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([96, 128]))
def test_boxes_masks_and_map_say_the_same(seed, size):
    (scene,) = scenes(1, TRAIN, seed=seed, size=size)
    assert scene.image.shape == (3, size, size)
    assert scene.image.dtype == torch.uint8
    assert 1 <= len(scene.boxes) == len(scene.labels) == len(scene.masks) <= 4
    assert scene.masks.sum(dim=0).max() == 1  # shapes do not overlap
    for box, label, mask in zip(scene.boxes, scene.labels, scene.masks, strict=True):
        rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
        assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert (scene.label_map[mask] == label + 1).all()
    assert ((scene.label_map == 0) == ~scene.masks.any(dim=0)).all()
    # The label is that of the largest shape, by the half side: twice that of any other, nearly.
    sides = (scene.boxes[:, 2:] - scene.boxes[:, :2]).amax(dim=1)
    assert scene.label == scene.labels[sides.argmax()]
    assert (sides[1:] < 0.7 * sides[0]).all()


@pytest.mark.parametrize(
    ("name", "share"),
    # Of the square around the shape: pi/4, 1, 1/2, 0.7 pi/4, 5/9.
    [("circle", 0.785), ("square", 1.0), ("triangle", 0.5), ("ring", 0.55), ("cross", 0.556)],
)
def test_shapes_fill_of_their_square_what_their_geometry_says(name, share):
    # Of the large ones: the edges of small ones are a tenth of them.
    found = [
        (scene.masks[0].sum() / (scene.boxes[0, 2:] - scene.boxes[0, :2]).amax() ** 2).item()
        for scene in scenes(60, TRAIN)
        if CLASSES[scene.label] == name
    ]
    assert len(found) > 5
    assert all(value == pytest.approx(share, rel=0.08) for value in found)


def test_a_shape_stands_out_from_its_ground():
    for scene in scenes(20, TRAIN):
        image, ground = scene.image.float(), scene.label_map == 0
        for mask in scene.masks:
            contrast = (image[:, mask].mean(dim=1) - image[:, ground].mean(dim=1)).abs().sum()
            assert contrast > 100


@pytest.mark.slow
def test_no_class_is_rare():
    counts = torch.bincount(scene_classes(400, TRAIN).labels, minlength=len(CLASSES))
    assert counts.min() > 50


def test_data_for_the_tasks_are_of_the_same_scenes():
    classes, objects, maps = scene_classes(3), scene_objects(3), scene_maps(3)
    for index, scene in enumerate(scenes(3)):
        image, target = objects.read(index)
        for other in (classes.images[index], image, maps.read(index)[0]):
            assert torch.equal(other, scene.image)
        assert classes.labels[index] == scene.label
        assert torch.equal(target["boxes"], scene.boxes)
        assert torch.equal(target["masks"], scene.masks)
        assert target["iscrowd"].tolist() == [0] * len(scene.boxes)
        assert torch.equal(maps.read(index)[1], scene.label_map)
    assert (len(classes), len(objects), len(maps)) == (3, 3, 3)
    assert (classes.num_classes, objects.classes, maps.classes) == (5, CLASSES, ("ground", *CLASSES))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"split": "test"}, "scenes have 'train' and 'held-out'"), ({"size": 64}, "of at least 96 pixels")],
)
def test_scenes_that_there_are_not_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        scenes(1, **arguments)
