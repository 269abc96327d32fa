"""The order of VGG's layers, and the EfficientNet that comes as a package."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from pytest_modelbench.core.errors import BuildError, MissingExtraError, UsageError
from pytest_modelbench.measure.memory import live_peak
from pytest_modelbench.models.build import build

META = torch.device("meta")
BUILDER = "pytest_modelbench.models.techniques.vgg:vgg16_pre_activation"
LUKEMELAS = "pytest_modelbench.models.techniques.lukemelas:efficientnet"


def layers(module: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in module.features]


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_activation_comes_before_its_normalization():
    plain = build("vgg16_bn", device=META).module
    changed = build("vgg16_bn", device=META, technique="pre_activation").module
    assert layers(plain)[:7] == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"]
    assert layers(changed)[:7] == ["Conv2d", "ReLU", "BatchNorm2d", "Conv2d", "ReLU", "BatchNorm2d", "MaxPool2d"]
    assert layers(changed).count("MaxPool2d") == 5
    assert parameters(changed) == parameters(plain) == 138_365_992


def test_builder_makes_what_the_technique_makes():
    built = build(BUILDER, device=META, num_classes=10)
    changed = build("vgg16_bn", device=META, num_classes=10, technique="pre_activation")
    assert built.case.model.endswith(".vgg16_pre_activation")
    assert str(built.module) == str(changed.module)
    assert built.num_classes == 10


def test_residual_networks_order_normalizes_what_enters_the_convolution():
    module = build(BUILDER, device=META, order="norm_act_conv").module
    assert layers(module)[:7] == ["BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "MaxPool2d"]
    assert [module.features[index].num_features for index in (0, 3, 7)] == [3, 64, 64]
    assert build(BUILDER, device=META, order="norm_act_conv", image_size=64).forward().shape == (1, 1000)


def test_needed_memory_stays_but_for_the_residual_networks_order():
    def peak(model: str, **arguments: object) -> int:
        meta = build(model, device=META, batch_size=8, **arguments)
        return live_peak(meta.forward_backward, meta.tensors()).peak_bytes

    plain = peak("vgg16_bn")
    assert peak(BUILDER) == pytest.approx(plain, rel=0.002)
    assert peak(BUILDER, order="norm_act_conv") < 0.95 * plain


def test_a_plain_sequential_is_reordered_too_and_weights_stay():
    def net() -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU(), nn.BatchNorm2d(3), nn.ReLU())

    plain = build(net, device=torch.device("cpu"))
    module = build(net, device=torch.device("cpu"), technique="pre_activation").module
    assert [type(part) for part in module] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d, nn.BatchNorm2d, nn.ReLU]
    assert torch.equal(module[0].weight, plain.module[0].weight)


@pytest.mark.parametrize("name", ["vgg16", "resnet18"])
def test_model_without_such_layers_in_a_row_is_refused(name):
    with pytest.raises(BuildError, match=f"{name}: pre_activation finds no convolution"):
        _ = build(name, device=META, technique="pre_activation").module


def test_unknown_order_is_refused():
    with pytest.raises(UsageError, match="order='act_first' is none of conv_act_norm, norm_act_conv"):
        _ = build(BUILDER, device=META, order="act_first").module


class TestLukemelas:
    @pytest.mark.parametrize(("variant", "count"), [("efficientnet_b0", 5_288_548), ("efficientnet_b1", 7_794_184)])
    def test_parameters_are_those_that_were_published(self, variant, count):
        """5.29 M and 7.79 M."""
        pytest.importorskip("efficientnet_pytorch")
        model = build(LUKEMELAS, device=META, variant=variant)
        assert parameters(model.module) == count
        assert model.num_classes == 1000

    def test_swish_can_be_pytorchs_own(self):
        pytest.importorskip("efficientnet_pytorch")
        kinds = {
            efficient: {
                type(part).__name__
                for part in build(LUKEMELAS, device=META, memory_efficient=efficient).module.modules()
            }
            for efficient in (True, False)
        }
        assert "MemoryEfficientSwish" in kinds[True]
        assert "SiLU" not in kinds[True]
        assert "SiLU" in kinds[False]
        assert "MemoryEfficientSwish" not in kinds[False]

    @pytest.mark.slow
    def test_it_runs_and_trains(self):
        pytest.importorskip("efficientnet_pytorch")
        model = build(LUKEMELAS, device=torch.device("cpu"), image_size=64, layout_size=64, batch_size=2, num_classes=7)
        assert model.forward().shape == (2, 7)
        model.forward_backward()

    def test_missing_package_names_the_extra(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "efficientnet_pytorch", None)
        with pytest.raises(MissingExtraError, match=r"efficientnet_pytorch is not installed.*\[lukemelas\]"):
            _ = build(LUKEMELAS, device=META).module

    def test_unknown_variant_is_refused(self):
        with pytest.raises(
            UsageError, match=r"variant='efficientnet_b10'\): there are .* Did you mean 'efficientnet_b"
        ):
            _ = build(LUKEMELAS, device=META, variant="efficientnet_b10").module
