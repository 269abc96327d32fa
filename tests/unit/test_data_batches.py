"""Images brought to the size of a model, and what is true of them with them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.data.batches import (
    InputFormat,
    class_batches,
    framed,
    map_batches,
    object_batches,
)
from pytest_modelbench.data.datasets import ClassData, DataDigest, MapData, ObjectData
from pytest_modelbench.models.build import build
from pytest_modelbench.models.preprocessing import classifier_input

CPU = torch.device("cpu")


def objects(*samples):
    return ObjectData("some", ("a", "b"), len(samples), "0", samples.__getitem__, has_masks=True)


def target(boxes, masks):
    count = len(boxes)
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.zeros(count, dtype=torch.int64),
        "iscrowd": torch.zeros(count, dtype=torch.int64),
        "masks": masks,
    }


def test_classes_come_in_order_with_the_rest():
    images = torch.arange(5, dtype=torch.uint8)[:, None, None, None].expand(5, 3, 2, 2)
    data = ClassData("some", images, torch.tensor([0, 1, 2, 1, 0]), 3, "0")
    found = list(class_batches(data, InputFormat((2, 2), (0.5, 0.0, 0.0), (0.5, 1.0, 2.0)), 2))
    assert [labels.tolist() for _, labels in found] == [[0, 1], [2, 1], [0]]
    assert [tuple(images.shape) for images, _ in found] == [(2, 3, 2, 2), (2, 3, 2, 2), (1, 3, 2, 2)]
    wanted = torch.tensor([(1 / 255 - 0.5) / 0.5, 1 / 255, 1 / 255 / 2])
    assert torch.allclose(found[0][0][1, :, 0, 0], wanted)
    assert found[0][0].dtype == torch.float32


def test_classifier_takes_what_its_configuration_says():
    model = build("test_resnet", device=CPU, image_size=(64, 96))
    assert classifier_input(model) == InputFormat((64, 96), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    with pytest.raises(UsageError, match="Flatten does not say what mean and deviation"):
        classifier_input(build(torch.nn.Flatten, device=CPU))


def test_image_of_the_right_size_is_left_alone():
    image = torch.randint(256, (3, 6, 4), dtype=torch.uint8)
    canvas, frame = framed(image, InputFormat((6, 4)))
    assert torch.equal(canvas, image.float() / 255)
    assert frame == (6, 4)


def test_image_keeps_its_proportions_in_the_upper_left_on_grey():
    canvas, frame = framed(torch.full((3, 10, 20), 255, dtype=torch.uint8), InputFormat((40, 40)))
    assert frame == (20, 40)
    assert torch.equal(canvas[:, :20], torch.ones(3, 20, 40))
    assert torch.equal(canvas[:, 20:], torch.full((3, 20, 40), 0.5))


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 100), st.integers(1, 100))
def test_frame_fits_and_touches_one_side(height, width, tall, wide):
    canvas, frame = framed(torch.zeros((3, height, width), dtype=torch.uint8), InputFormat((tall, wide)))
    assert canvas.shape == (3, tall, wide)
    assert 1 <= frame[0] <= tall
    assert 1 <= frame[1] <= wide
    assert frame[0] == tall or frame[1] == wide


def test_boxes_and_masks_go_with_their_image():
    mask = torch.zeros((1, 10, 20), dtype=torch.bool)
    mask[0, 2:4, 5:10] = True
    data = objects((torch.zeros((3, 10, 20), dtype=torch.uint8), target([[5, 2, 10, 4]], mask)))
    ((images, (found,)),) = object_batches(data, InputFormat((40, 40)), 8)
    assert images.shape == (1, 3, 40, 40)
    assert found["boxes"].tolist() == [[10, 4, 20, 8]]
    wanted = torch.zeros((1, 40, 40), dtype=torch.bool)
    wanted[0, 4:8, 10:20] = True
    assert torch.equal(found["masks"], wanted)
    assert found["labels"].tolist() == [0]


def test_image_without_objects_stays_without():
    empty = target([], torch.zeros((0, 10, 20), dtype=torch.bool))
    data = objects((torch.zeros((3, 10, 20), dtype=torch.uint8), empty))
    ((_, (found,)),) = object_batches(data, InputFormat((40, 40)), 8)
    assert found["boxes"].shape == (0, 4)
    assert found["masks"].shape == (0, 40, 40)


def test_maps_stay_in_their_own_size():
    pairs = [
        (torch.zeros((3, height, 20), dtype=torch.uint8), torch.full((height, 20), number))
        for number, height in enumerate((10, 20, 40))
    ]
    data = MapData("some", ("a",), 3, "0", pairs.__getitem__)
    found = list(map_batches(data, InputFormat((40, 40)), 2))
    assert [images.shape[0] for images, _, _ in found] == [2, 1]
    assert [tuple(one.shape) for _, maps, _ in found for one in maps] == [(10, 20), (20, 20), (40, 20)]
    assert [frame for _, _, frames in found for frame in frames] == [(20, 40), (40, 40), (40, 20)]


@given(st.lists(st.binary(max_size=5), max_size=4), st.lists(st.binary(max_size=5), max_size=4))
def test_digest_tells_apart_what_is_cut_otherwise(one, other):
    def text(parts):
        digest = DataDigest()
        for part in parts:
            digest.add(part)
        return digest.text

    assert (text(one) == text(other)) == (one == other)


def test_digest_of_numbers_has_their_shape_and_type_in_it():
    numbers = torch.arange(6)
    texts = {DataDigest().tensor(one).text for one in (numbers, numbers.reshape(2, 3), numbers.int(), numbers + 1)}
    assert len(texts) == 4
    turned = numbers.reshape(2, 3).T
    assert DataDigest().tensor(turned).text == DataDigest().tensor(turned.contiguous()).text


def test_digest_of_a_file_that_is_not_there_names_it(tmp_path):
    with pytest.raises(UsageError, match=r"absent cannot be read"):
        DataDigest().file(tmp_path / "absent")


def test_boxes_follow_the_rounding_of_each_side():
    empty = torch.zeros((1, 3, 20), dtype=torch.bool)
    data = objects((torch.zeros((3, 3, 20), dtype=torch.uint8), target([[4, 0, 8, 3]], empty)))
    ((_, (found,)),) = object_batches(data, InputFormat((10, 10)), 1)
    # Half of 3 rows are 2: the box ends where its image does.
    assert found["boxes"].tolist() == [[2, 0, 4, 2]]
