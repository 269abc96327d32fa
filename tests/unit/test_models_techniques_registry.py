"""Names of techniques: which there are, which go together, and that they reach the model and its case."""

from __future__ import annotations

import functools
import itertools

import pytest
import torch
from torch import nn

from pytest_modelbench.core.errors import BuildError, UsageError
from pytest_modelbench.models.build import build
from pytest_modelbench.models.techniques.registry import TECHNIQUES, checked_techniques, with_techniques

CPU = torch.device("cpu")


def net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


@pytest.mark.parametrize(
    ("technique", "names"),
    [
        ((), []),
        ("", []),
        ("checkpoint", ["checkpoint"]),
        ("checkpoint+act=mish", ["act=mish", "checkpoint"]),
        (("checkpoint", "inplace_abn", "act=relu", "pre_activation"),
         ["pre_activation", "act=relu", "inplace_abn", "checkpoint"]),
    ],
)  # fmt: skip
def test_several_have_one_order_however_they_are_written(technique, names):
    assert checked_techniques(technique) == names
    if not isinstance(technique, str):
        assert all(checked_techniques(each) == names for each in itertools.permutations(technique))


@pytest.mark.parametrize(
    ("technique", "message"),
    [
        ("inplace_abm", "technique='inplace_abm': there are pre_activation, act=relu, .* Did you mean 'inplace_abn'"),
        ("act=mish_naiv", "Did you mean 'act=mish_naive'"),
        (["checkpoint", 3], "technique=3: there are"),
        (3, "technique=3: write a name, or several as a list"),
        (["abn", "inplace_abn"], "'abn' and 'inplace_abn' both set the normalization; keep one"),
        ("act=relu+act=relu", "'act=relu' and 'act=relu' both set the activations"),
        ("checkpoint+", "technique='': there are"),
    ],
)
def test_wrong_name_is_refused_at_the_call(technique, message):
    with pytest.raises(UsageError, match=message):
        build(net, device=CPU, technique=technique)


def test_techniques_show_in_the_case_before_what_is_done_to_any_model():
    model = build(
        net, device=CPU, technique=["checkpoint", "act=silu"], channels_last=True, image_size=8, test_module=__name__
    )
    assert model.case.id == "net-b1-8-fp32-act=silu+checkpoint+channels_last"


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_both_ways_of_making_a_module_get_the_techniques(device):
    model = build(net, device=torch.device(device), technique="act=silu", image_size=8)
    assert [type(part).__name__ for part in model.module] == [
        "Conv2d", "BatchNorm2d", "SiLU", "AdaptiveAvgPool2d", "Flatten"
    ]  # fmt: skip
    assert type(model.on_meta().module[2]) is nn.SiLU


def test_without_techniques_the_source_is_left_alone():
    source = object()
    assert with_techniques(source, []) is source


@pytest.mark.parametrize("name", [name for name in TECHNIQUES if name != "inplace_abn_ext"])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_technique_that_changes_nothing_is_refused(name, device):
    model = build(functools.partial(nn.Linear, 4, 2), device=torch.device(device), name="plain", technique=name)
    with pytest.raises(BuildError, match=f"plain.*{name}"):
        _ = model.module


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_is_described_and_loads(name):
    technique = TECHNIQUES[name]
    assert technique.name == name
    assert technique.description
    assert callable(technique.load())


def test_what_is_no_module_is_left_for_the_builder_to_refuse():
    with pytest.raises(BuildError, match=r"returns int, not a torch.nn.Module"):
        _ = build(lambda: 3, name="three", device=CPU, technique="checkpoint").module
