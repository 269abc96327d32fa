"""Callables as builders: what results call them, and which arguments are theirs."""

from __future__ import annotations

import functools
import sys

import pytest
import torch
from torch import nn

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.models.build import build
from pytest_modelbench.models.builders import Builder

CPU = torch.device("cpu")


def make(name: str = "relu", width: int = 2, *, seed: int = 5) -> nn.Module:
    module = nn.Linear(3, width)
    module.given = (name, width, seed)
    return module


class Net(nn.Module):
    @classmethod
    def small(cls) -> Net:
        return cls()


def given(**arguments):
    """What reaches `make`."""
    return build(make, device=CPU, **arguments).module.given


@pytest.fixture
def two_modules(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("nets_a", "nets_b"):
        (tmp_path / f"{name}.py").write_text("import torch\ndef build():\n    return torch.nn.Identity()\n")
    yield
    for name in ("nets_a", "nets_b"):
        sys.modules.pop(name, None)


def test_builders_of_one_name_in_two_modules_are_two_cases(two_modules):
    cases = [build(f"{module}:build", device=CPU).case.id for module in ("nets_a", "nets_b")]
    assert cases == ["nets_a.build-b1-224-fp32", "nets_b.build-b1-224-fp32"]
    import nets_a
    import nets_b

    assert [build(one.build, device=CPU, test_module=__name__).case.id for one in (nets_a, nets_b)] == cases


@pytest.mark.parametrize(
    ("builder", "name"),
    [
        (make, "make"),
        (functools.partial(make, width=3), "make"),
        (Net, "Net"),
        (Net.small, "Net.small"),
        (nn.Linear, "torch.nn.modules.linear.Linear"),
    ],
)
def test_what_the_tests_own_module_holds_goes_by_its_name_alone(builder, name):
    assert Builder.of(builder, __name__).name == name


def test_a_function_in_a_test_goes_by_its_own_name_and_a_lambda_has_none():
    def inner():
        return nn.Identity()

    assert Builder.of(inner, __name__).name == "inner"
    assert Builder.of(lambda: nn.Identity(), __name__).name is None
    with pytest.raises(UsageError, match="a lambda has no name to keep a baseline under; pass name="):
        build(lambda: nn.Identity(), device=CPU)


def test_arguments_go_to_the_builder_by_themselves_or_by_builder_args():
    assert given(width=4) == ("relu", 4, 5)
    assert given(builder_args={"name": "gelu", "seed": 7, "width": 4}) == ("gelu", 4, 7)
    assert given(builder_args={"name": "gelu"}, width=4, name="mine", seed=1) == ("gelu", 4, 5)
    assert build(make, device=CPU, builder_args={}, name="mine").case.model == "mine"


@pytest.mark.parametrize(
    ("arguments", "meaning"), [({"name": "gelu"}, "the name in results"), ({"seed": 0}, "the seed of weights")]
)
def test_a_keyword_that_both_have_is_refused_with_both_meanings(arguments, meaning):
    (key,) = arguments
    with pytest.raises(
        UsageError,
        match=rf"{key}= has two meanings here: build_model's \({meaning}.*\), and make\(\) has an argument of that "
        rf"name; pass the builder's as builder_args={{'{key}': ...}}, or builder_args={{}}",
    ):
        build(make, device=CPU, test_module=__name__, **arguments)


def test_an_argument_that_is_bound_already_has_one_meaning():
    bound = functools.partial(make, name="gelu")
    assert build(bound, device=CPU, name="mine").module.given == ("gelu", 2, 5)


def test_timm_takes_builder_args_too():
    assert build("test_resnet", device=CPU, builder_args={"num_classes": 3}).module.num_classes == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 1, "builder_args": {"width": 2}}, "width= is given twice, by itself and in builder_args"),
        ({"builder_args": ["width"]}, r"builder_args=\['width'\]: write a dict"),
        ({"builder_args": {1: 2}}, "write a dict of the builder's keyword arguments"),
    ],
)
def test_arguments_that_cannot_be_told_apart_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        build(make, device=CPU, **arguments)


def test_channels_that_a_builder_is_told_are_fed():
    def net(in_chans: int) -> nn.Module:
        return nn.Conv2d(in_chans, 2, 3)

    for arguments in ({"in_chans": 1}, {"builder_args": {"in_chans": 1}}):
        model = build(net, device=CPU, image_size=8, **arguments)
        assert model.inputs[0].shape == (1, 1, 8, 8)
        assert model.forward().shape == (1, 2, 6, 6)
