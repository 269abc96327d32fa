"""Other activations in a model: all of them, in place where they were, sharing kept, gates left alone."""

from __future__ import annotations

import pytest
import torch
from timm.layers.activations import Mish, Swish
from timm.layers.activations_me import MishMe
from torch import nn

from pytest_modelbench.core.errors import BuildError
from pytest_modelbench.models.build import build

CPU = torch.device("cpu")
KINDS = {
    "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "silu": nn.SiLU, "swish_naive": Swish, "mish": nn.Mish,
    "mish_naive": Mish, "mish_me": MishMe,
}  # fmt: skip


class Net(nn.Module):
    """An activation used twice under two names, a gate, and an activation in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)
        self.same = self.act
        self.gate = nn.Sigmoid()
        self.rest = nn.ModuleList([nn.GELU()])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rest[0](self.same(self.act(x)) * self.gate(x))


@pytest.mark.parametrize("name", KINDS)
def test_every_activation_is_replaced_and_no_gate(name):
    module = build(Net, device=CPU, technique=f"act={name}").module
    assert type(module.act) is type(module.rest[0]) is KINDS[name]
    assert module.same is module.act
    assert type(module.gate) is nn.Sigmoid


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "silu", "mish"])
def test_activation_stays_in_place_where_it_was(name):
    module = build(Net, device=CPU, technique=f"act={name}").module
    assert module.act.inplace
    assert not module.rest[0].inplace


def test_leaky_relu_has_the_slope_of_the_comparison():
    assert build(Net, device=CPU, technique="act=leaky_relu").module.act.negative_slope == 0.01


def test_an_activation_can_be_the_whole_model():
    assert type(build(nn.ReLU, device=CPU, technique="act=silu").module) is nn.SiLU


def test_it_is_what_the_model_would_have_been_built_with():
    """Weights included: what is drawn from the seed is the same."""
    images = torch.randn(2, 3, 64, 64)
    swapped = build("test_resnet", device=CPU, technique="act=mish")
    built = build("test_resnet", device=CPU, act_layer="mish")
    assert torch.equal(swapped.predict(images), built.predict(images))


def test_the_three_mishes_agree_and_differ_from_silu():
    images = torch.randn(2, 3, 64, 64)
    outputs = {
        name: build("test_resnet", device=CPU, technique=f"act={name}").predict(images)
        for name in ("mish", "mish_naive", "mish_me", "silu")
    }
    torch.testing.assert_close(outputs["mish_naive"], outputs["mish"])
    torch.testing.assert_close(outputs["mish_me"], outputs["mish"])
    assert not torch.allclose(outputs["silu"], outputs["mish"], rtol=1e-3)


def test_activations_inside_normalizations_and_squeeze_excitation_are_replaced():
    module = build("test_efficientnet", device=torch.device("meta"), technique="act=relu").module
    names = {type(part).__name__ for part in module.modules()}
    assert "ReLU" in names
    assert "SiLU" not in names


def test_model_without_activation_modules_is_refused():
    with pytest.raises(BuildError, match="bare: act=silu finds no activation module to replace"):
        _ = build(lambda: nn.Linear(3, 3), name="bare", device=CPU, technique="act=silu").module
