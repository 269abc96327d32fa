"""Semantic segmentation over timm backbones."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from torch.nn import functional
from torchvision.models.segmentation import FCN_ResNet50_Weights

from pytest_modelbench.core.errors import BuildError, MissingExtraError, UsageError
from pytest_modelbench.measure.cost import static_cost
from pytest_modelbench.measure.memory import live_peak
from pytest_modelbench.models.build import build
from pytest_modelbench.models.built import BuiltModel

CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.fixture
def smp():
    return pytest.importorskip("segmentation_models_pytorch")


def segmenter(backbone: str = "test_resnet", **options: Any) -> BuiltModel:
    given_or_default = {"device": CPU, "batch_size": 2, "image_size": (64, 96), **options}
    return build(backbone, task="segmentation", **given_or_default)


def parameters(model: BuiltModel) -> int:
    return sum(parameter.numel() for parameter in model.module.parameters())


@pytest.mark.parametrize(
    ("backbone", "options", "case_id"),
    [
        ("resnet50", {}, "deeplabv3plus_resnet50-b1-512-fp32-segmentation"),
        (
            "swin_tiny_patch4_window7_224",
            {"image_size": (512, 1024), "batch_size": 8},
            "deeplabv3plus_swin_tiny_patch4_window7_224-b8-512x1024-fp32-segmentation",
        ),
        ("mobilenetv3_large_100", {"head": "fcn"}, "fcn_mobilenetv3_large_100-b1-512-fp32-segmentation"),
    ],
)
def test_case_names_head_backbone_and_task(backbone, options, case_id):
    assert build(backbone, device=CPU, task="segmentation", **options).case.id == case_id


@pytest.mark.parametrize(
    ("backbone", "count"),
    [
        ("resnet50", "26.68M"),
        pytest.param("resnet101", "45.67M", marks=pytest.mark.long),
        pytest.param("efficientnet_b3", "11.09M", marks=pytest.mark.long),
        ("mobilenetv3_large_100", "4.71M"),
        ("swin_tiny_patch4_window7_224", "29.01M"),
    ],
)
@pytest.mark.usefixtures("smp")
def test_deeplab_has_the_parameters_known_for_the_backbone(backbone, count):
    assert f"{parameters(segmenter(backbone, device=META, image_size=512)) / 1e6:.2f}M" == count


def test_fcn_has_the_parameters_that_torchvision_publishes():
    model = segmenter("resnet50", device=META, head="fcn", num_classes=21)
    assert f"{parameters(model) / 1e6:.2f}M" == "32.96M"
    # Those beside have a second classifier, used in training only.
    second = 1024 * 256 * 9 + 2 * 256 + 256 * 21 + 21
    assert parameters(model) + second == FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1.meta["num_params"]


def test_deeplab_computes_what_the_library_computes_with_the_librarys_weights(smp, tmp_path):
    library = smp.DeepLabV3Plus("tu-test_resnet", encoder_weights=None, classes=19).eval()
    safetensors.torch.save_file(library.state_dict(), tmp_path / "weights.safetensors")
    model = segmenter(checkpoint=tmp_path / "weights.safetensors")
    images = torch.rand(2, 3, 64, 96)
    normalize: Any = model.module.normalize
    with torch.inference_mode():
        torch.testing.assert_close(model.predict(images), library(normalize(images)))


@pytest.mark.usefixtures("smp")
@pytest.mark.parametrize(
    ("backbone", "options", "strides"),
    [
        ("resnet50", {}, (4, 16)),
        ("resnet50", {"output_stride": 8}, (4, 8)),
        pytest.param("convnext_tiny", {}, (4, 16), marks=pytest.mark.long),
        pytest.param("swin_tiny_patch4_window7_224", {}, (4, 32), marks=pytest.mark.long),
    ],
)
def test_deeplab_looks_at_a_stride_of_16_unless_told_otherwise(backbone, options, strides):
    model = segmenter(backbone, device=META, image_size=(512, 1024), **options)
    assert model.module.encoder.strides == strides
    seen = []
    model.module.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0][-1].shape[-2:])))
    assert model.forward().shape == (2, 19, 512, 1024)
    stride = min(strides[1], 16)
    assert seen == [(512 // stride, 1024 // stride)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "backbone"),
    [("deeplabv3plus", "test_resnet"), ("fcn", "test_resnet"), ("fcn", "test_vit"), ("dpt", "test_vit")],
)
def test_trains_on_the_cross_entropy_of_what_counts(head, backbone, request):
    if head != "fcn":
        request.getfixturevalue("smp")
    model = segmenter(backbone, head=head, num_classes=5)
    images, targets = model.inputs[0], model.targets.clone()
    assert targets.shape == (2, 64, 96)
    assert set(targets.unique().tolist()) == set(range(5))
    targets[:, :, :90] = 255
    module = model.module.train()
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    logits = module(images)
    assert logits.shape == (2, 5, 64, 96)
    expected = functional.cross_entropy(logits[..., 90:], targets[..., 90:])
    loss = module(images, targets)
    assert loss.keys() == {"loss"}
    torch.testing.assert_close(loss["loss"], expected)
    loss["loss"].backward()
    assert all(p.grad is not None for n, p in module.named_parameters() if not n.startswith("encoder.model.norm."))
    assert module.eval()(images, targets).shape == (2, 5, 64, 96)


@pytest.mark.usefixtures("smp")
@pytest.mark.parametrize("options", [{"precision": "amp"}, {"precision": "bf16"}, {"channels_last": True}])
def test_runs_and_trains_in_every_precision_and_layout(options):
    model = segmenter(**options)
    output = model.forward()
    model.check_output(output)
    assert output.shape == (2, 19, 64, 96)
    model.forward_backward()


@pytest.mark.slow
@pytest.mark.usefixtures("smp")
@pytest.mark.parametrize("precision", ["fp32", "amp-fp16"])
def test_cost_and_memory_are_told_on_meta_as_on_the_cpu(precision):
    model = segmenter(precision=precision)
    meta = model.on_meta()
    cost = static_cost(meta.module, meta.forward)
    assert cost.parameters == parameters(model)
    assert cost.macs > 1e6
    peak = live_peak(meta.forward_backward, meta.tensors()).peak_bytes
    assert peak > live_peak(meta.forward, meta.tensors()).peak_bytes
    if precision == "fp32":
        assert peak == pytest.approx(live_peak(model.forward_backward, model.tensors()).peak_bytes, rel=0.02)


@pytest.mark.slow
@pytest.mark.usefixtures("smp")
def test_compiles():
    compiled = segmenter(compile={"backend": "eager"})
    torch.testing.assert_close(compiled.forward(), segmenter().forward())


def test_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    for head, backbone in (("deeplabv3plus", "test_resnet"), ("dpt", "test_vit")):
        model = segmenter(backbone, head=head)
        for one in (model, model.on_meta()):
            with pytest.raises(MissingExtraError, match=r"pip install 'pytest-modelbench\[segmentation\]'"):
                _ = one.module
    assert segmenter(head="fcn").forward().shape == (2, 19, 64, 96)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["deeplabv3plus", "fcn", "dpt"])
def test_size_that_is_no_multiple_of_the_stride_is_refused_with_the_next(head, request):
    if head != "fcn":
        request.getfixturevalue("smp")
    backbone = "test_vit" if head == "dpt" else "test_resnet"
    divisor = 16 if head == "deeplabv3plus" else 32
    with pytest.raises(UsageError) as info:
        segmenter(backbone, head=head, image_size=(72, 96)).forward()
    down, up = 72 // divisor * divisor, -(-72 // divisor) * divisor
    assert str(info.value) == (
        f"{head}_{backbone}: image size (72, 96) is no multiple of {divisor}; the next ones are "
        f"({down}, 96), ({up}, 96)"
    )
    # And so are images that come in later.
    with pytest.raises((UsageError, BuildError), match=r"image size \(72, 72\) is no multiple of"):
        segmenter(backbone, head=head).predict(torch.zeros(1, 3, 72, 72))


@pytest.mark.usefixtures("smp")
def test_training_deeplab_on_one_image_is_refused():
    with pytest.raises(UsageError, match=r"cannot be trained on one image at a time: .*; pass batch_size=2 or more"):
        segmenter(batch_size=1, device=META).forward_backward()


@pytest.mark.usefixtures("smp")
@pytest.mark.parametrize(
    ("backbone", "head", "message"),
    [
        ("test_vit", "deeplabv3plus", r"test_vit has maps of strides \(16, 16\), and deeplabv3plus .* head='dpt'"),
        ("test_resnet", "dpt", r"test_resnet .*; take head='deeplabv3plus'"),
        pytest.param(
            "shvit_s1",
            "deeplabv3plus",
            "shvit_s1 cannot be built as a backbone with feature maps",
            marks=pytest.mark.skipif(not timm.is_model("shvit_s1"), reason="this timm has no such model"),
        ),
    ],
)
def test_backbone_that_does_not_fit_the_head_is_named_with_the_way_out(backbone, head, message):
    with pytest.raises(BuildError, match=message):
        _ = segmenter(backbone, head=head, device=META).module


def test_unknown_head_is_named():
    with pytest.raises(UsageError, match=r"segmentation has deeplabv3plus, fcn, dpt\. Did you mean 'deeplabv3plus'"):
        segmenter(head="deeplabv3")


@pytest.mark.parametrize("head", ["deeplabv3plus", "fcn"])
def test_checkpoint_for_other_classes_is_refused(tmp_path, head, request):
    if head != "fcn":
        request.getfixturevalue("smp")
    safetensors.torch.save_file(segmenter(head=head).module.state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(BuildError, match="it has 19 classes and the model 21: pass num_classes=19"):
        _ = segmenter(head=head, num_classes=21, checkpoint=tmp_path / "weights.safetensors").module
