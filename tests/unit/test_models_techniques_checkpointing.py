"""Checkpointed models compute the same with less memory; which models can be."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from pytest_modelbench.core.errors import BuildError
from pytest_modelbench.measure.memory import live_peak
from pytest_modelbench.models.build import build
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.techniques.checkpointing import CheckpointedSequential

CPU, META = torch.device("cpu"), torch.device("meta")


class Counted(nn.Identity):
    """Counts how often it is called."""

    calls = 0

    def forward(self, input: Tensor) -> Tensor:
        self.calls += 1
        return input * 1.0


def counted() -> nn.Module:
    # Before the convolutions: what comes last in a segment is computed again only as far as something keeps it.
    return nn.Sequential(*[layer for _ in range(4) for layer in (Counted(), nn.Conv2d(3, 3, 1))])


@pytest.mark.parametrize("technique", ["checkpoint", "checkpoint_reentrant"])
def test_three_of_four_segments_are_computed_twice_in_training_and_none_in_evaluation(technique):
    model = build(counted, device=CPU, technique=technique, image_size=4)
    model.forward()
    assert [model.module[index].calls for index in (0, 2, 4, 6)] == [1, 1, 1, 1]
    model.forward_backward()
    assert [model.module[index].calls - 1 for index in (0, 2, 4, 6)] == [2, 2, 2, 1]
    model.module.train()
    with torch.no_grad():
        model.module(model.inputs[0])
    model.module.eval()(model.inputs[0]).sum().backward()
    assert [model.module[index].calls - 1 for index in (0, 2, 4, 6)] == [4, 4, 4, 3]


def in_place_everywhere() -> nn.Module:
    """Leaky ReLU in place right where equal shares would cut: six layers, so after the second and the fourth."""
    return nn.Sequential(
        nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.LeakyReLU(0.3, inplace=True),
        nn.Conv2d(3, 3, 1), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(3, 2, 1),
    )  # fmt: skip


def gradients(model: BuiltModel) -> list[Tensor]:
    """Of the weights alone: images that take no gradient are how models are trained."""
    module = model.module.train()
    torch.manual_seed(0)
    output = module(model.inputs[0])
    output.square().sum().backward()
    return [output.detach(), *(parameter.grad for parameter in module.parameters())]


@pytest.mark.parametrize(
    ("builder", "technique"),
    [
        (in_place_everywhere, "checkpoint"),
        (in_place_everywhere, "checkpoint_reentrant"),
        ("test_resnet", "checkpoint"),
        ("test_vit", "checkpoint"),
    ],
)
def test_outputs_and_gradients_stay(builder, technique):
    arguments = {"device": CPU, "image_size": 8} if callable(builder) else {"device": CPU}
    plain = build(builder, batch_size=2, **arguments)
    checkpointed = build(builder, batch_size=2, technique=technique, **arguments)
    for found, expected in zip(gradients(checkpointed), gradients(plain), strict=True):
        torch.testing.assert_close(found, expected)


def test_names_of_weights_stay():
    plain, checkpointed = (
        build(torchvision.models.vgg11_bn, device=META, technique=technique) for technique in ((), "checkpoint")
    )
    assert type(checkpointed.module.features) is CheckpointedSequential
    assert list(checkpointed.module.state_dict()) == list(plain.module.state_dict())


def backward_peak(model: BuiltModel) -> int:
    meta = model.on_meta()
    return live_peak(meta.forward_backward, meta.tensors()).peak_bytes


@pytest.mark.slow
@pytest.mark.parametrize(
    "builder",
    [
        "resnet50",
        "vit_tiny_patch16_224",
        pytest.param("vgg16_bn", marks=pytest.mark.long),
        pytest.param("efficientnet_b0", marks=pytest.mark.long),
        torchvision.models.vgg16,
    ],
)
def test_real_models_need_less_memory(builder):
    plain, checkpointed = (
        backward_peak(build(builder, device=META, batch_size=64, technique=technique))
        for technique in ((), "checkpoint")
    )
    assert checkpointed < 0.9 * plain


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = timm.create_model("test_resnet")
        self.head = nn.Linear(1000, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))


def test_a_backbone_inside_a_wrapper_is_checkpointed():
    assert build(Wrapped, device=CPU, technique="checkpoint").module.backbone.grad_checkpointing


@pytest.mark.slow
def test_the_older_way_needs_more():
    plain, older, newer = (
        backward_peak(build("vgg16_bn", device=META, batch_size=64, technique=technique))
        for technique in ((), "checkpoint_reentrant", "checkpoint")
    )
    assert newer < older < plain


@pytest.mark.parametrize(
    "builder", [torchvision.models.resnet18, lambda: nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(inplace=True))]
)
def test_model_that_cannot_be_checkpointed_is_refused(builder):
    model = build(builder, name="net", device=CPU, technique="checkpoint")
    with pytest.raises(BuildError, match=r"net: .* cannot be checkpointed: it has neither a set_grad_checkpointing"):
        _ = model.module


def test_the_older_way_is_for_sequential_models():
    with pytest.raises(BuildError, match=r"resnet18: ResNet has no torch.nn.Sequential 'features' .* take checkpoint"):
        _ = build("resnet18", device=CPU, technique="checkpoint_reentrant").module
