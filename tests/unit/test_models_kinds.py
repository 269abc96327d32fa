"""Modules that the meta device cannot run are followed on the CPU and say so; what cannot be measured says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pytest_modelbench.bench.following import followed
from pytest_modelbench.bench.peak import pass_peak, step_peak
from pytest_modelbench.core.errors import BuildError
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.measure.cost import Cost, static_cost
from pytest_modelbench.models.build import BuiltModel, build
from pytest_modelbench.models.training import TrainStep

pytestmark = pytest.mark.filterwarnings(
    "ignore:Sparse (CSR|CSC|BSR|BSC)", "ignore:torch.ao.quantization", "ignore:.*quantized", "ignore:.*torch.jit"
)

CPU = torch.device("cpu")
#: Two images of 3 x 8 x 8: so many numbers each.
NUMBERS = 192


class Head(nn.Module):
    """A linear layer over all numbers of an image; how they come to it is each one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(NUMBERS, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.taken(images))

    def taken(self, images: Tensor) -> Tensor:
        return images.flatten(1)


class Sparse(Head):
    """Takes what a sparse matrix makes of an image, on the one diagonal that it has."""

    layout = torch.sparse_coo

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.eye(NUMBERS).to_sparse(layout=self.layout))

    def taken(self, images: Tensor) -> Tensor:
        return (self.kept @ images.flatten(1).T).T


class Compressed(Sparse):
    layout = torch.sparse_csr


class Branch(Head):
    def taken(self, images: Tensor) -> Tensor:
        return images.flatten(1) if images.sum() > 0 else -images.flatten(1)


class ByItem(Head):
    def taken(self, images: Tensor) -> Tensor:
        return images.flatten(1) * int(images.abs().max().item())


class ByNumpy(Head):
    def taken(self, images: Tensor) -> Tensor:
        return torch.from_numpy(np.sort(images.detach().cpu().numpy().reshape(len(images), -1))).to(images)


class Selecting(Head):
    def taken(self, images: Tensor) -> Tensor:
        return images.flatten(1) + images[images > 0].numel()


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.LazyLinear(5)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(images.flatten(1))


def exported() -> nn.Module:
    return torch.export.export(Head().eval(), (torch.rand(2, 3, 8, 8),)).module()


def quantized() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(Head(), {nn.Linear}, dtype=torch.qint8)


def scripted() -> nn.Module:
    return torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(NUMBERS, 5)))


def traced() -> nn.Module:
    return torch.fx.symbolic_trace(Head())


def built(make: Any, **given: Any) -> BuiltModel:
    return build(make, device=CPU, batch_size=2, image_size=8, test_module=__name__, **given)


def cost_of(model: BuiltModel) -> tuple[Cost, str]:
    return followed(model, lambda bare: static_cost(bare.module, bare.forward))


IN_HEAD = NUMBERS * 5 + 5
PRODUCTS = 2 * NUMBERS * 5


@pytest.mark.parametrize(
    ("make", "macs", "where"),
    [
        (Head, PRODUCTS, "meta"),
        (Lazy, PRODUCTS, "meta"),
        (exported, PRODUCTS, "meta"),
        (scripted, PRODUCTS, "meta"),
        (traced, PRODUCTS, "meta"),
        (Sparse, PRODUCTS + 2 * NUMBERS, "cpu"),
        (Compressed, PRODUCTS + 2 * NUMBERS, "cpu"),
        (Branch, PRODUCTS, "cpu"),
        (ByItem, PRODUCTS, "cpu"),
        (ByNumpy, PRODUCTS, "cpu"),
        (Selecting, PRODUCTS, "cpu"),
        (quantized, PRODUCTS, "cpu"),
    ],
)
def test_every_kind_is_counted_and_says_where(make, macs, where):
    model = built(make)
    cost, found = cost_of(model)
    assert (cost.parameters, cost.macs, found) == (IN_HEAD, macs, where)
    assert pass_peak(model, backward=False).recipe == f"{where}, operators taken apart"
    model.forward()


@pytest.mark.parametrize("make", [Lazy, scripted, traced, Sparse, Compressed, Branch, ByItem, ByNumpy, Selecting])
def test_kinds_that_learn_are_trained(make):
    model = built(make)
    where = cost_of(model)[1]
    assert pass_peak(model, backward=True).recipe == f"{where}, gradients of weights alone"
    assert step_peak(model, TrainOptions()).recipe == where
    with TrainStep(model) as step:
        step()
        assert step.check_loss() is not None


def test_weights_that_are_packed_are_held_through_the_pass():
    weights, biases, images, codes = NUMBERS * 5, 5 * 4, 2 * NUMBERS * 4, 2 * 5 * 4
    blocks = [-(-size // 512) * 512 for size in (weights, biases, images, codes)]
    assert pass_peak(built(quantized), backward=False).live.peak_bytes == sum(blocks)


@pytest.mark.parametrize("use", [lambda model: model.forward_backward(), lambda model: TrainStep(model).__enter__()])
def test_what_was_exported_is_not_trained_and_says_why(use):
    with pytest.raises(BuildError, match=r"exported-b2-8-fp32.* cannot be trained: what torch\.export made is of the"):
        use(built(exported))


def test_what_has_nothing_to_learn_says_so():
    for use in (lambda model: pass_peak(model, backward=True), lambda model: step_peak(model, TrainOptions())):
        with pytest.raises(BuildError, match="has no parameters that take a gradient, so there is nothing to"):
            use(built(quantized))


@pytest.mark.long
def test_torchvisions_detectors_are_measured_and_trained_on_what_inputs_makes():
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large

    def detector() -> nn.Module:
        return ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)

    def batch(batch_size, generator):
        images = [torch.rand(3, 64, 64, generator=generator) for _ in range(batch_size)]
        return images, [{"boxes": torch.tensor([[5.0, 5.0, 60.0, 60.0]]), "labels": torch.tensor([1])}] * batch_size

    cost, where = cost_of(built(detector))
    assert (cost.parameters, where) == (sum(one.numel() for one in detector().parameters()), "cpu")
    with pytest.raises(BuildError, match=r"targets should not be none.*\(inputs= takes a function that makes them"):
        built(detector).forward_backward()
    model = build(detector, device=CPU, batch_size=2, inputs=batch, test_module=__name__)
    assert model.case.id == "detector-b2-3x64x64+boxes=1x4+labels=1-fp32"
    assert cost_of(model)[0].parameters == cost.parameters
    with TrainStep(model) as step:
        step()
        assert step.check_loss() is not None


@pytest.mark.parametrize(
    ("make", "hinted"),
    [
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 5)), True),
        (lambda: nn.Sequential(nn.Conv2d(4, 5, 3)), False),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(NUMBERS, 5), nn.Linear(4, 3)), False),
    ],
    ids=["another size", "other channels", "broken"],
)
def test_the_image_size_is_blamed_where_another_one_fits_and_nowhere_else(make, hinted):
    with pytest.raises(BuildError) as raised:
        built(make, name="net").forward()
    assert ("images of 8x8 do not fit it, those of 32x32 do: pass image_size=32" in str(raised.value)) == hinted
    assert ("image_size" in str(raised.value)) == hinted
