"""A timm backbone as feature maps."""

from __future__ import annotations

import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.errors import BuildError, UsageError
from pytest_modelbench.models.tasks import pyramid as module
from pytest_modelbench.models.tasks.options import backbone_options, take_count, take_head
from pytest_modelbench.models.tasks.pyramid import Normalization, last_levels, normalization, padded

#: A swin of 16 channels: its first map of a 64 x 64 image has as many rows and columns.
SMALL_SWIN = {"embed_dim": 16, "depths": (1, 1, 1, 1), "num_heads": (1, 2, 2, 2)}


@pytest.mark.parametrize(
    ("name", "count", "strides", "channels"),
    [
        ("test_resnet", 3, (8, 16, 32), (48, 192, 96)),
        ("test_resnet", 4, (4, 8, 16, 32), (32, 48, 192, 96)),
        ("test_efficientnet", 3, (8, 16, 32), (32, 48, 64)),
        ("test_convnext", 4, (4, 8, 16, 32), (24, 32, 48, 64)),
        ("test_mambaout", 3, (8, 16, 32), (32, 48, 64)),  # channels last
        ("test_vit", 3, (8, 16, 32), (32, 64, 64)),  # one scale, brought to three
        ("test_vit", 4, (4, 8, 16, 32), (16, 32, 64, 64)),
    ],
)
def test_maps_have_the_channels_and_strides_they_are_said_to_have(name, count, strides, channels):
    found = last_levels(name, count, (64, 96), False, {}).eval()
    assert (found.strides, found.channels) == (strides, channels)
    maps = found(torch.rand(2, 3, 64, 96))
    assert [tuple(one.shape) for one in maps] == [
        (2, depth, 64 // stride, 96 // stride) for depth, stride in zip(channels, strides, strict=True)
    ]


def test_channels_are_found_where_there_are_as_many_as_rows_and_columns():
    found = last_levels("swin_tiny_patch4_window7_224", 4, (64, 64), False, SMALL_SWIN).eval()
    whole = timm.create_model("swin_tiny_patch4_window7_224", img_size=64, **SMALL_SWIN).eval()
    weights = {name.replace("layers_", "layers."): value for name, value in found.model.state_dict().items()}
    assert not whole.load_state_dict(weights, strict=False).unexpected_keys
    images = torch.rand(1, 3, 64, 64)
    maps = found(images)
    assert maps[0].shape == (1, 16, 16, 16)
    expected = whole.forward_intermediates(images, output_fmt="NCHW", intermediates_only=True)
    for one, other in zip(maps, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_layout_that_is_no_map_is_refused():
    model = timm.create_model("test_vit", features_only=True, out_indices=(-1,))
    model.output_fmt = "NLC"
    with pytest.raises(BuildError, match="FeatureGetterNet gives its features as NLC, no maps"):
        module.Pyramid(model)


@pytest.mark.parametrize(
    ("name", "count", "reason"),
    [
        # Three stages.
        pytest.param(
            "shvit_s1",
            4,
            "IndexError: list index out of range",
            marks=pytest.mark.skipif(not timm.is_model("shvit_s1"), reason="this timm has no such model"),
        ),
        ("test_resnet", 6, "IndexError: list index out of range"),
        ("inception_v3", 3, "AssertionError: "),
    ],
)
def test_backbone_without_such_maps_is_refused_with_the_way_out(name, count, reason):
    # timm's inception is one of the few that refuse, and only in this variant.
    options = {"aux_logits": True} if name == "inception_v3" else {}
    with pytest.raises(BuildError, match=rf"{name} cannot be built as a backbone with feature maps \({reason}") as info:
        last_levels(name, count, (64, 64), False, options)
    assert "take a model with maps at several scales, as resnet50" in str(info.value)


def test_maps_whose_strides_do_not_double_are_refused():
    # Dilated, the last two maps have the same stride.
    with pytest.raises(BuildError, match=r"its last 3 maps have strides \[8, 16, 16\], which do not double"):
        last_levels("test_resnet", 3, (64, 64), False, {"output_stride": 16})


def test_on_meta_the_constructors_own_error_comes_through(monkeypatch):
    # What fails there may well work on a device, so it must not be told as the model's fault.
    def reads_values(*args: object, **kwargs: object) -> None:
        raise NotImplementedError("no values")

    monkeypatch.setattr("timm.create_model", reads_values)
    with torch.device("meta"), pytest.raises(NotImplementedError, match="no values"):
        last_levels("test_resnet", 3, (64, 64), False, {})
    with pytest.raises(BuildError, match="NotImplementedError: no values"):
        last_levels("test_resnet", 3, (64, 64), False, {})


def test_errors_of_the_device_come_through(monkeypatch):
    def exhausted(*args: object, **kwargs: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("timm.create_model", exhausted)
    with pytest.raises(torch.OutOfMemoryError):
        last_levels("test_resnet", 3, (64, 64), False, {})


def test_normalization_is_the_backbones_own_and_no_part_of_its_weights():
    own = normalization("test_resnet", 3)
    config = timm.get_pretrained_cfg("test_resnet")
    assert tuple(own.mean.flatten().tolist()) == pytest.approx(config.mean)
    assert tuple(own.std.flatten().tolist()) == pytest.approx(config.std)
    assert own.state_dict() == {}
    assert normalization("swin_tiny_patch4_window7_224", 1).mean.shape == (1, 1, 1)
    images = torch.tensor([0.5, 1.0]).reshape(1, 2, 1, 1)
    assert Normalization((0.25, 0.5), (0.5, 0.25))(images).flatten().tolist() == [0.5, 2.0]
    assert images.flatten().tolist() == [0.5, 1.0]


@given(st.integers(1, 2000), st.integers(1, 2000), st.sampled_from([16, 28, 32]))
def test_padded_size_is_the_nearest_multiple_upwards(height, width, divisor):
    for side, full in zip((height, width), padded((height, width), divisor), strict=True):
        assert full % divisor == 0
        assert 0 <= full - side < divisor


def test_options_of_the_task_are_taken_out_and_checked():
    options = backbone_options({"head": "b", "num_classes": 3, "drop_path_rate": 0.1})
    assert take_head("detection", {"a": 1, "b": 2}, options) == "b"
    assert take_head("detection", {"a": 1, "b": 2}, options) == "a"
    assert (take_count("num_classes", 80, options), take_count("num_classes", 80, options)) == (3, 80)
    assert options == {"drop_path_rate": 0.1}


@pytest.mark.parametrize(
    ("take", "message"),
    [
        (lambda: backbone_options({"out_indices": (1,)}), r"out_indices=\.\.\.: which feature maps are used follows"),
        (lambda: take_head("detection", {"fcos": 1}, {"head": "focs"}), r"detection has fcos. Did you mean 'fcos'\?"),
        (lambda: take_head("detection", {"fcos": 1}, {"head": None}), r"head=None: detection has fcos\.$"),
        (lambda: take_count("num_classes", 80, {"num_classes": 0}), "num_classes=0: write a whole number, 1 or more"),
        (lambda: take_count("num_classes", 80, {"num_classes": True}), "num_classes=True: write a whole number"),
        (lambda: take_count("num_classes", 80, {"num_classes": 2.0}), r"num_classes=2\.0: write a whole number"),
    ],
)
def test_wrong_option_is_named(take, message):
    with pytest.raises(UsageError, match=message):
        take()
