"""Detectors over timm backbones: torchvision's own in what they compute, one batch in, labels from 0."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign

from pytest_modelbench.core.errors import BuildError, UsageError
from pytest_modelbench.measure.cost import static_cost
from pytest_modelbench.measure.memory import live_peak
from pytest_modelbench.models.build import build
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.tasks.targets import box_targets

CPU, META = torch.device("cpu"), torch.device("meta")
#: Task of each head.
HEADS = {
    "fcos": "detection", "retinanet": "detection", "faster_rcnn": "detection", "mask_rcnn": "instance_segmentation",
}  # fmt: skip


def small(head: str = "fcos", **options: Any) -> BuiltModel:
    """A detector of few parameters for three classes."""
    given_or_default = {
        "device": CPU, "batch_size": 2, "image_size": (64, 96), "num_classes": 3, "fpn_channels": 32, **options,
    }  # fmt: skip
    return build("test_resnet", task=HEADS[head], head=head, **given_or_default)


def few_regions(network: Any) -> Any:
    """``network``, looking at a dozen regions an image: hundreds tell no more, and their masks take half a minute."""
    if regions := getattr(network, "roi_heads", None):
        regions.detections_per_img = regions.fg_bg_sampler.batch_size_per_image = 12
    return network


def finding_all(model: BuiltModel) -> Any:
    """The network in ``model``, with boxes kept whatever they score, untrained as it is."""
    network: Any = few_regions(model.module.network)
    for owner in (network, getattr(network, "roi_heads", None)):
        if hasattr(owner, "score_thresh"):
            owner.score_thresh = 0.0
    return network


def parameters(model: BuiltModel) -> int:
    return sum(parameter.numel() for parameter in model.module.parameters())


@pytest.mark.parametrize(
    ("backbone", "options", "case_id"),
    [
        ("resnet50", {}, "fcos_resnet50-b1-640-fp32-detection"),
        (
            "mobilenetv3_large_100",
            {"fpn_channels": 128, "batch_size": 16, "precision": "amp"},
            "fcos_mobilenetv3_large_100_fpn128-b16-640-amp-bf16-detection",
        ),
        ("resnet50", {"head": "faster_rcnn", "image_size": 96}, "faster_rcnn_resnet50-b1-96-fp32-detection"),
        (
            "swin_base_patch4_window7_224",
            {"task": "instance_segmentation"},
            "mask_rcnn_swin_base_patch4_window7_224-b1-640-fp32-instance_segmentation",
        ),
    ],
)
def test_case_names_head_backbone_and_task(backbone, options, case_id):
    assert build(backbone, device=CPU, **{"task": "detection", **options}).case.id == case_id


#: Parameters of torchvision's models count those of frozen batch norms as buffers; ours are trained.
RESNET50_BATCH_NORMS = 53_120


@pytest.mark.parametrize(
    ("head", "weights", "num_classes"),
    [
        # Its heads for COCO tell 91 numbers apart, of which those with regions keep one for the background.
        ("fcos", detection.FCOS_ResNet50_FPN_Weights.COCO_V1, 91),
        ("retinanet", detection.RetinaNet_ResNet50_FPN_Weights.COCO_V1, 91),
        ("faster_rcnn", detection.FasterRCNN_ResNet50_FPN_Weights.COCO_V1, 90),
        ("mask_rcnn", detection.MaskRCNN_ResNet50_FPN_Weights.COCO_V1, 90),
    ],
)
def test_resnet50_has_the_parameters_that_torchvision_publishes(head, weights, num_classes):
    model = build("resnet50", device=META, task=HEADS[head], head=head, num_classes=num_classes)
    assert parameters(model) == weights.meta["num_params"] + RESNET50_BATCH_NORMS


@pytest.mark.parametrize(
    ("head", "make"),
    [
        ("fcos", detection.fcos_resnet50_fpn),
        ("retinanet", detection.retinanet_resnet50_fpn),
        ("faster_rcnn", detection.fasterrcnn_resnet50_fpn),
        ("mask_rcnn", detection.maskrcnn_resnet50_fpn),
    ],
)
def test_anchors_and_regions_are_torchvisions_for_a_resnet(head, make):
    with torch.device("meta"):
        theirs = make(weights=None, weights_backbone=None)
    ours: Any = build("resnet50", device=META, task=HEADS[head], head=head).module.network
    one, other = (getattr(network, "rpn", network).anchor_generator for network in (ours, theirs))
    assert (one.sizes, one.aspect_ratios) == (other.sizes, other.aspect_ratios)
    if hasattr(theirs, "roi_heads"):
        pools = ("box_roi_pool", "mask_roi_pool")
        assert [repr(getattr(ours.roi_heads, pool)).partition("(")[2] for pool in pools] == [
            repr(getattr(theirs.roi_heads, pool)).partition("(")[2] for pool in pools
        ]


@pytest.mark.parametrize(
    ("backbone", "options", "count"),
    [
        ("resnet50", {}, "32.30M"),
        pytest.param("resnet101", {}, "51.29M", marks=pytest.mark.long),
        pytest.param("efficientnet_b3", {}, "18.12M", marks=pytest.mark.long),
        ("swin_tiny_patch4_window7_224", {}, "35.73M"),
        pytest.param("convnext_small", {}, "57.67M", marks=pytest.mark.long),
        ("mobilenetv3_large_100", {}, "11.13M"),
        ("resnet50", {"head": "mask_rcnn"}, "44.40M"),
        pytest.param("swin_base_patch4_window7_224", {"head": "mask_rcnn"}, "107.14M", marks=pytest.mark.long),
        # With the 90 class numbers of COCO's files, of which ten are not in use.
        pytest.param(
            "swin_base_patch4_window7_224", {"head": "mask_rcnn", "num_classes": 90}, "107.20M", marks=pytest.mark.long
        ),
    ],
)
def test_parameters_are_those_known_for_the_backbone(backbone, options, count):
    task = HEADS[options.get("head", "fcos")]
    assert f"{parameters(build(backbone, device=META, task=task, **options)) / 1e6:.2f}M" == count


def torchvisions_own(network: Any, size: tuple[int, int]) -> Any:
    """A copy of ``network`` that prepares images, anchors and regions as torchvision does it."""
    plain = copy.deepcopy(network)
    normalize = network.transform.normalize
    mean, std = (part.flatten().tolist() for part in (normalize.mean, normalize.std))
    # Without resizing in training, for which it would draw a size from the random state.
    plain.transform = GeneralizedRCNNTransform(min(size), max(size), mean, std, _skip_resize=True)
    plain.transform.train(plain.training)
    owner = getattr(plain, "rpn", plain)
    owner.anchor_generator = AnchorGenerator(owner.anchor_generator.sizes, owner.anchor_generator.aspect_ratios)
    if hasattr(plain, "roi_heads"):
        names = ["0", "1", "2", "3"]
        plain.roi_heads.box_roi_pool = MultiScaleRoIAlign(names, 7, 2)
        if plain.roi_heads.has_mask():
            plain.roi_heads.mask_roi_pool = MultiScaleRoIAlign(names, 14, 2)
    return plain


@pytest.mark.slow
@pytest.mark.parametrize("size", [(64, 96), (60, 90)])
@pytest.mark.parametrize("head", HEADS)
def test_finds_what_torchvisions_own_detector_finds(head, size):
    model = small(head, image_size=size)
    expected = torchvisions_own(finding_all(model), size)
    images = torch.rand(2, 3, *size)
    found = model.predict(images)
    with torch.inference_mode():
        wanted = expected(list(images))
    assert sum(len(one["boxes"]) for one in found) > 10
    background = int("rcnn" in head)
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one["labels"], other.pop("labels") - background)
        for key, value in other.items():
            torch.testing.assert_close(one[key], value)
        assert one.keys() == {"labels", *other}
        assert {0, 1, 2} >= set(one["labels"].tolist())


@pytest.mark.parametrize("head", HEADS)
def test_loses_what_torchvisions_own_detector_loses(head):
    model = small(head).module.train()
    expected = torchvisions_own(few_regions(model.network), (64, 96))
    images, targets = torch.rand(2, 3, 64, 96), box_targets(3, head == "mask_rcnn", 2, (64, 96), 1)
    before = copy.deepcopy(targets)
    torch.manual_seed(0)  # regions are sampled
    losses = model(images, targets)
    shifted = [{**one, "labels": one["labels"] + int("rcnn" in head)} for one in targets]
    torch.manual_seed(0)
    torch.testing.assert_close(losses, expected(list(images), shifted))
    for one, other in zip(targets, before, strict=True):
        assert all(torch.equal(one[key], other[key]) for key in other)
    sum(losses.values()).backward()
    assert all(parameter.grad is not None for parameter in model.network.backbone.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["amp", "bf16"])
@pytest.mark.parametrize("head", HEADS)
def test_boxes_are_float32_in_every_precision(head, precision):
    model = small(head, precision=precision, channels_last=True)
    finding_all(model)
    found = model.forward()
    model.check_output(found)
    assert {one["boxes"].dtype for one in found} == {torch.float32}
    assert sum(len(one["boxes"]) for one in found) > 10
    model.forward_backward()


def test_anchors_are_exact_where_feature_maps_are_not():
    generator: Any = small().module.network.anchor_generator
    batch = ImageList(torch.zeros(1, 3, 1024, 1024), [(1024, 1024)])
    maps = [torch.zeros(1, 8, side, side) for side in (128, 64, 32, 16, 8)]
    (anchors,) = generator(batch, [one.bfloat16() for one in maps])
    assert anchors.dtype == torch.float32
    assert torch.equal(anchors, generator(batch, maps)[0])
    # One anchor of its stride's size at each place.
    assert anchors[130].tolist() == [12.0, 4.0, 20.0, 12.0]
    assert len(anchors) == 128**2 + 64**2 + 32**2 + 16**2 + 8**2


def test_memory_format_leaves_the_outcome():
    plain, last = small(), small(channels_last=True)
    finding_all(plain)
    finding_all(last)
    torch.testing.assert_close(last.forward(), plain.forward(), rtol=1e-4, atol=1e-4)


@pytest.mark.long
def test_compiles_in_parts():
    model, compiled = small(image_size=64), small(image_size=64, compile={"backend": "eager"})
    finding_all(model)
    finding_all(compiled)
    torch.testing.assert_close(compiled.forward(), model.forward())


def shapes(output: Any) -> Any:
    if isinstance(output, Mapping):
        return {key: shapes(value) for key, value in output.items()}
    if isinstance(output, (list, tuple)):
        return [shapes(value) for value in output]
    assert output.is_meta
    return tuple(output.shape)


@pytest.mark.slow
def test_on_meta_the_dense_part_runs_in_both_modes():
    model = build("resnet50", device=META, task="detection", batch_size=2)
    places = 80**2 + 40**2 + 20**2 + 10**2 + 5**2
    expected = {"cls_logits": (2, places, 80), "bbox_regression": (2, places, 4), "bbox_ctrness": (2, places, 1)}
    assert shapes(model.forward()) == expected
    assert shapes(model.module.train()(*model.inputs, model.targets)) == expected


@pytest.mark.parametrize(("training", "regions", "objects"), [(False, 1000, 100), (True, 512, 128)])
def test_on_meta_regions_are_as_many_as_there_can_be(training, regions, objects):
    model = small("mask_rcnn", device=META)
    output = shapes(model.module.train(training)(*model.inputs, model.targets))
    assert output["logits"] == (2 * regions, 4)  # three classes and the background
    assert output["regression"] == (2 * regions, 16)
    assert output["masks"] == (2 * objects, 4, 28, 28)
    assert output["objectness"] == [(2, 3, 64 // stride, 96 // stride) for stride in (4, 8, 16, 32)] + [(2, 3, 1, 2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "precision", ["fp32", *(pytest.param(one, marks=pytest.mark.long) for one in ("amp-fp16", "bf16"))]
)
@pytest.mark.parametrize("head", HEADS)
def test_cost_and_memory_are_told_on_meta(head, precision):
    model = small(head, precision=precision).on_meta()
    assert len(model.targets) == 2  # made now, and not in the midst of the first run
    cost = static_cost(model.module, model.forward)
    assert cost.parameters == parameters(model)
    assert cost.macs > 1e6
    forward, backward = (live_peak(run, model.tensors()) for run in (model.forward, model.forward_backward))
    assert forward.held_bytes == backward.held_bytes < min(forward.peak_bytes, backward.peak_bytes)
    assert backward.peak_bytes == live_peak(model.forward_backward, model.tensors()).peak_bytes


def test_targets_are_seeded_and_inside_the_image():
    model = small("mask_rcnn", seed=5)
    targets = model.targets
    assert len(targets) == 2
    for one, other in zip(targets, small("mask_rcnn", seed=5).targets, strict=True):
        assert all(torch.equal(one[key], other[key]) for key in ("boxes", "labels", "masks"))
    assert not torch.equal(targets[0]["boxes"], small("mask_rcnn", seed=6).targets[0]["boxes"])
    assert "masks" not in small().targets[0]


@given(st.integers(0, 1000), st.tuples(st.integers(32, 200), st.integers(32, 200)))
@settings(max_examples=20, deadline=None)
def test_targets_have_masks_that_their_boxes_bound(seed, size):
    height, width = size
    (target,) = box_targets(4, True, 1, size, seed)
    assert target["masks"].shape == (8, height, width)
    assert target["masks"].dtype == torch.bool
    assert set(target["labels"].tolist()) <= {0, 1, 2, 3}
    for (left, top, right, bottom), mask in zip(target["boxes"].tolist(), target["masks"], strict=True):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        rows, columns = torch.where(mask)
        assert left <= columns.min() + 0.5
        assert columns.max() + 0.5 <= right
        assert top <= rows.min() + 0.5
        assert rows.max() + 0.5 <= bottom


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "focs"}, r"head='focs': detection has fcos, retinanet, faster_rcnn\. Did you mean 'fcos'\?"),
        ({"head": "mask_rcnn"}, "head='mask_rcnn': detection has fcos"),
        ({"task": "instance_segmentation", "head": "fcos"}, "instance_segmentation has mask_rcnn"),
        ({"fpn_channels": 100}, "fpn_channels=100: fcos normalizes in groups; write a multiple of 32"),
        ({"fpn_channels": "256"}, "fpn_channels='256': write a whole number"),
        ({"num_classes": 0}, "num_classes=0: write a whole number, 1 or more"),
        ({"features_only": True}, "features_only=.*leave it out"),
        ({"model": "resnet5O"}, "has no model 'resnet5O'. Did you mean 'resnet50'"),
    ],
)
def test_wrong_argument_is_said_at_once(options, message):
    options = {"model": "resnet50", "task": "detection", **options}
    with pytest.raises(UsageError, match=message):
        build(options.pop("model"), device=CPU, **options)


def test_backbone_without_feature_maps_is_named():
    if not timm.is_model("shvit_s1"):
        pytest.skip("this timm has no such model")
    with pytest.raises(BuildError, match="shvit_s1 cannot be built as a backbone with feature maps"):
        _ = build("shvit_s1", device=META, task="detection", head="faster_rcnn").module


@pytest.mark.slow
def test_size_that_a_patch_does_not_divide_is_refused_with_the_next():
    model = build("vit_small_patch14_dinov2", device=META, task="detection")
    with pytest.raises(UsageError, match=r"\(640, 640\): vit_small.* multiples of 224 .* next size is \(672, 672\)"):
        _ = model.module


def test_strides_that_region_heads_would_take_for_others_are_refused():
    model = build("vit_small_patch14_dinov2", device=META, task="detection", head="faster_rcnn", image_size=224)
    with pytest.raises(BuildError, match=r"strides \(3, 7, 14, 28\), and region heads need powers of two"):
        _ = model.module


def test_training_without_targets_is_refused():
    with pytest.raises(UsageError, match="a detector in train mode needs targets"):
        small().module.train()(torch.zeros(1, 3, 64, 96))


@pytest.mark.slow
@pytest.mark.parametrize("head", ["fcos", "retinanet", "faster_rcnn"])
def test_checkpoint_for_other_classes_is_refused(tmp_path, head):
    safetensors.torch.save_file(small(head).module.state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(BuildError, match="it has 3 classes and the model 5: pass num_classes=3"):
        _ = small(head, num_classes=5, checkpoint=tmp_path / "weights.safetensors").module
    same = small(head, seed=1, checkpoint=tmp_path / "weights.safetensors")
    torch.testing.assert_close(same.module.state_dict(), small(head).module.state_dict())
