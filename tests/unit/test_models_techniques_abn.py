"""What follows a batch normalization is found by running the model, and changed there and nowhere else."""

from __future__ import annotations

import sys
import types

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pytest_modelbench.core.errors import BuildError, MissingExtraError
from pytest_modelbench.measure.memory import live_peak
from pytest_modelbench.models.build import build
from pytest_modelbench.models.builders import Builder
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.techniques.following import followed_norms
from pytest_modelbench.models.techniques.inplace import InplaceAbn

CPU, META = torch.device("cpu"), torch.device("meta")


class Net(nn.Module):
    """Every way in which an output of a batch normalization can go on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        for name in ("activated", "passed", "added", "gated", "forked", "functional", "unused", "unbiased"):
            setattr(self, name, nn.BatchNorm2d(4, affine=name != "unbiased"))
        self.relu, self.relu_passed, self.relu_forked = nn.ReLU(inplace=True), nn.ReLU(), nn.SiLU()
        self.relu_unbiased = nn.ReLU()
        self.nothing = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.relu(self.activated(x))
        x = x * 2  # in place, the activation's output is the normalization's: this is no other use of it
        x = self.relu_passed(self.nothing(self.passed(x)))
        added = self.added(x)
        added += x
        gated = self.gated(added)
        gated = gated * gated.mean((2, 3), keepdim=True)
        forked = self.forked(gated)
        x = self.relu_forked(forked) + forked
        return self.relu_unbiased(self.unbiased(F.relu(self.functional(x))))


def followed(module: nn.Module, size: int = 8) -> dict[str, tuple[str, bool]]:
    """By name of the normalization: name of the activation, and whether the output is kept otherwise."""
    names = {part: name for name, part in module.named_modules()}
    source = Builder.of(lambda: module).source("net", (size, size), {})
    return {
        names[each.norm]: (names[each.activation] if each.activation else "", each.kept)
        for each in followed_norms(module, source)
    }


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_each_way_on_is_told_from_the_others(device):
    module = Net().to(device)
    assert followed(module) == {
        "activated": ("relu", False),
        "passed": ("relu_passed", False),
        "added": ("", False),
        "gated": ("", True),
        "forked": ("", False),
        "functional": ("", False),
    }
    assert module.training


def test_looking_changes_nothing():
    module = Net().eval()
    module.gated.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    random = torch.get_rng_state()
    followed(module)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert [name for name, part in module.named_modules() if part.training] == ["gated"]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_timm_resnet_is_seen_as_its_code_says():
    found = followed(timm.create_model("resnet50"), 64)
    assert found["bn1"] == ("act1", False)
    assert found["layer1.0.bn1"] == ("layer1.0.act1", False)
    assert found["layer1.0.bn2"] == ("layer1.0.act2", False)
    assert found["layer1.0.bn3"] == found["layer1.0.downsample.1"] == ("", False)
    assert sum(bool(name) for name, _ in found.values()) == 33


@pytest.mark.slow
def test_normalization_before_squeeze_and_excitation_is_kept_by_its_product():
    found = followed(timm.create_model("seresnext50_32x4d"), 64)
    assert found["layer1.0.bn3"] == ("", True)
    assert found["layer1.0.downsample.1"] == ("", False)
    assert sum(kept for _, kept in found.values()) == 16


def test_activation_inside_timms_normalization_is_found():
    found = followed(timm.create_model("test_efficientnet"), 64)
    assert found["bn1"] == ("bn1.act", False)


def test_activation_used_elsewhere_too_cannot_be_changed():
    with pytest.raises(BuildError, match=r"torchvision's residual blocks do.*use timm's model"):
        followed(torchvision.models.resnet18(), 64)


def test_model_that_cannot_be_run_says_so():
    with pytest.raises(BuildError, match=r"net cannot be run on one sample \(3x8x8\) to see .*RuntimeError"):
        followed(nn.Sequential(nn.BatchNorm2d(5), nn.ReLU()))


def names(module: nn.Module) -> list[str]:
    return [type(part).__name__ for part in module.children()]


def sequential() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.BatchNorm2d(4),
        nn.Conv2d(4, 2, 1),
    )  # fmt: skip


def test_abn_is_leaky_relu_after_normalization_only():
    module = build(sequential, device=CPU, technique="abn", image_size=8).module
    assert names(module) == ["Conv2d", "BatchNorm2d", "LeakyReLU", "Conv2d", "ReLU", "BatchNorm2d", "Conv2d"]
    assert (module[2].negative_slope, module[2].inplace) == (0.01, True)


def test_inplace_abn_takes_the_activation_in_and_replaces_what_is_kept_anyway():
    module = build(sequential, device=CPU, technique="inplace_abn", image_size=8).module
    assert names(module) == ["Conv2d", "InplaceAbn", "Identity", "Conv2d", "ReLU", "InplaceAbn", "Conv2d"]
    assert [module[1].negative_slope, module[5].negative_slope] == [0.01, 1.0]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("test_resnet", {}, id="test_resnet"),
        pytest.param("resnet50", {}, id="resnet50", marks=pytest.mark.long),
        pytest.param("seresnext50_32x4d", {}, id="seresnext50_32x4d", marks=pytest.mark.long),
        pytest.param("vgg16_bn", {"mlp_ratio": 0.01}, id="vgg16_bn", marks=pytest.mark.long),
        pytest.param("efficientnet_b0", {"drop_rate": 0}, id="efficientnet_b0", marks=pytest.mark.slow),
    ],
)
def test_both_sides_of_the_comparison_compute_the_same(name, options):
    plain, in_place = (
        build(name, device=CPU, technique=technique, image_size=64, batch_size=4, num_classes=10, **options)
        for technique in ("abn", "inplace_abn")
    )
    assert list(in_place.module.state_dict()) == list(plain.module.state_dict())
    assert any(isinstance(part, InplaceAbn) for part in in_place.module.modules())
    for model in (plain, in_place):
        # timm starts residual branches at zero: then half of the model would not take part.
        for part in model.module.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.constant_(part.weight, 0.7)
        model.module.double()
    images = plain.inputs[0].double()
    torch.testing.assert_close(in_place.module(images), plain.module(images))
    results = []
    for model in (plain, in_place):
        model.module.train()
        torch.manual_seed(0)
        output = model.module(images)
        output.square().sum().backward()
        results.append([output.detach(), *(parameter.grad for parameter in model.module.parameters())])
    torch.testing.assert_close(results[1], results[0], rtol=1e-5, atol=1e-5 * float(results[0][0].abs().max()))


def backward_peak(model: BuiltModel) -> int:
    meta = model.on_meta()
    return live_peak(meta.forward_backward, meta.tensors()).peak_bytes


@pytest.mark.slow
def test_in_place_needs_less_memory_than_plain():
    plain, in_place = (
        backward_peak(build("resnet50", device=META, batch_size=32, technique=technique))
        for technique in ("abn", "inplace_abn")
    )
    assert in_place < 0.85 * plain


def test_model_without_normalizations_that_are_followed_is_refused():
    model = build(lambda: nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1)), name="bare", device=CPU,
                  technique="abn")  # fmt: skip
    with pytest.raises(BuildError, match=r"bare: abn changes nothing: of 1 torch.nn.BatchNorm2d none"):
        _ = model.module


class TestExtension:
    """The package, if it is there, and a stand-in for it otherwise."""

    def test_missing_package_names_the_extra(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "inplace_abn", None)
        with pytest.raises(MissingExtraError, match=r"inplace_abn is not installed.*\[inplace-abn\]"):
            _ = build(sequential, device=CPU, technique="inplace_abn_ext", image_size=8).module

    def test_its_layer_gets_what_the_normalization_had(self, monkeypatch):
        class InPlaceABN(nn.Module):
            def __init__(self, num_features: int, **options: object) -> None:
                super().__init__()
                self.options = {"num_features": num_features, **options}
                self.weight = self.bias = None
                for name in ("running_mean", "running_var"):
                    self.register_buffer(name, torch.zeros(num_features))

            def forward(self, x: Tensor) -> Tensor:
                return x

        monkeypatch.setitem(sys.modules, "inplace_abn", types.SimpleNamespace(InPlaceABN=InPlaceABN))
        module = build(sequential, device=CPU, technique="inplace_abn_ext", image_size=8).module
        assert names(module) == ["Conv2d", "InPlaceABN", "Identity", "Conv2d", "ReLU", "InPlaceABN", "Conv2d"]
        shared = {"num_features": 4, "eps": 1e-5, "momentum": 0.1}
        assert module[1].options == {**shared, "activation": "leaky_relu", "activation_param": 0.01}
        assert module[5].options == {**shared, "activation": "identity", "activation_param": 1.0}
        assert isinstance(module[1].weight, nn.Parameter)
        assert module[1].running_var.tolist() == [1, 1, 1, 1]
        # An extension has no code for the meta device; what it keeps is what ours keeps.
        meta = build(sequential, device=META, technique="inplace_abn_ext", image_size=8).module
        assert type(meta[1]) is InplaceAbn

    def test_it_computes_what_ours_does(self):
        pytest.importorskip("inplace_abn")
        outputs, gradients = [], []
        for technique in ("inplace_abn", "inplace_abn_ext"):
            model = build(sequential, device=CPU, technique=technique, image_size=8, batch_size=2)
            module = model.module.train()
            output = module(model.inputs[0])
            output.square().sum().backward()
            outputs.append(output.detach())
            gradients.append(module[0].weight.grad)
        torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-4)


@pytest.mark.long
def test_technique_reaches_the_backbone_of_a_detector():
    arguments = {"device": META, "task": "detection", "image_size": 256, "batch_size": 8, "num_classes": 3}
    plain = build("resnet18", technique="abn", **arguments)
    in_place = build("resnet18", technique="inplace_abn", **arguments)
    assert sum(isinstance(part, InplaceAbn) for part in in_place.module.modules()) == 9
    assert backward_peak(in_place) < backward_peak(plain)


@pytest.mark.long
def test_in_place_can_be_compiled_as_one_graph():
    arguments = {"device": CPU, "technique": "inplace_abn", "batch_size": 2}
    compiled = build("test_resnet", compile={"backend": "aot_eager", "fullgraph": True}, **arguments)
    eager = build("test_resnet", **arguments)
    outputs = [model.module.train()(model.inputs[0]) for model in (compiled, eager)]
    torch.testing.assert_close(outputs[0], outputs[1])
