"""Which parameters a pass reaches, however they are used."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pytest_modelbench.measure.reach import Reach, Watch


def reach_of(module: nn.Module, *inputs: Tensor, run: Callable[..., object] | None = None) -> Reach:
    with torch.no_grad(), Watch(module) as watch:
        (run or module)(*inputs)
    found = watch.reach()
    assert found is not None
    return found


class Uses(nn.Module):
    """Its parameters, and one that nothing uses; ``how`` says what is done with the others."""

    def __init__(self, how: Callable[[Uses, Tensor], Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 4))
        self.bias = nn.Parameter(torch.zeros(3))
        self.spare = nn.Parameter(torch.zeros(5))
        self.view = self.weight.detach().T
        self.how = how

    def forward(self, images: Tensor) -> Tensor:
        return self.how(self, images)


WAYS: dict[str, Callable[[Uses, Tensor], Tensor]] = {
    "a functional call": lambda net, x: F.linear(x, net.weight, net.bias),
    "views": lambda net, x: x @ net.weight.T.contiguous() + net.bias[None].expand(2, 3),
    "in a list": lambda net, x: torch.cat([net.weight, x]) if net.bias.sum() == 0 else x,
    "its data": lambda net, x: F.linear(x, net.weight.data, net.bias.data),
    "a view made earlier": lambda net, x: x @ net.view + net.bias,
    "casts": lambda net, x: F.linear(x.half(), net.weight.half(), net.bias.half()),
    "a keyword": lambda net, x: torch.addmm(input=net.bias, mat1=x, mat2=net.weight.T),
}


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_what_an_operator_takes_is_reached(how: Callable[[Uses, Tensor], Tensor]) -> None:
    found = reach_of(Uses(how), torch.ones(2, 4))
    assert found.taken == {"weight", "bias"}
    assert (found.parameters, found.idle_parameters, found.share) == (20, 5, 0.75)
    assert found.idle_parts() == {"spare": 5}


def test_weights_that_autocast_casts_are_reached() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert reach_of(net, torch.ones(1, 4)).share == 1.0


def test_tied_weights_count_once() -> None:
    net = nn.ModuleDict({"embed": nn.Embedding(7, 4), "head": nn.Linear(4, 7, bias=False), "idle": nn.Linear(4, 1)})
    net["head"].weight = net["embed"].weight
    found = reach_of(net, torch.ones(1, 4), run=net["head"])
    assert found.sizes == {"embed.weight": 28, "idle.weight": 4, "idle.bias": 1}
    assert found.taken == {"embed.weight"}


def test_weights_that_share_memory_are_all_reached() -> None:
    net = nn.ModuleDict({"one": nn.Linear(4, 4, bias=False), "other": nn.Linear(4, 4, bias=False)})
    net["other"].weight.data = net["one"].weight.data
    assert reach_of(net, torch.ones(1, 4), run=net["one"]).share == 1.0


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:FutureWarning")
@pytest.mark.parametrize(
    ("make", "inputs"),
    [
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 3, 8)),  # one fused operator in evaluation
        (lambda: nn.LSTM(8, 4), (2, 3, 8)),
        (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(8, 4)), (2, 8)),
        (lambda: torch.jit.trace(nn.Linear(8, 4), torch.ones(1, 8)), (2, 8)),
    ],
    ids=["fused attention", "recurrent", "parametrized", "traced"],
)
def test_every_kind_of_layer_is_seen(make: Callable[[], nn.Module], inputs: tuple[int, ...]) -> None:
    assert reach_of(make().eval(), torch.ones(inputs)).share == 1.0


def test_sparse_weights_are_known_by_themselves() -> None:
    net = nn.Module()
    net.weight = nn.Parameter(torch.eye(3).to_sparse())
    net.spare = nn.Parameter(torch.eye(3).to_sparse())
    assert reach_of(net, run=lambda: torch.sparse.mm(net.weight, torch.ones(3, 2))).taken == {"weight"}


def test_idle_parts_are_the_outermost_ones_by_their_size() -> None:
    towers = {"image": nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 9)), "text": nn.Sequential(nn.Linear(4, 5))}
    net = nn.ModuleDict(towers)
    net.register_parameter("scale", nn.Parameter(torch.ones(())))
    found = reach_of(net, torch.ones(1, 4), run=net["image"][0])
    assert found.idle_parts() == {"image.1": 27, "text": 25, "scale": 1}
    text = reach_of(net, torch.ones(1, 4), run=net["text"])
    assert found.beside(text).idle_parts() == {"image.1": 27, "scale": 1}


def test_a_name_that_begins_as_another_is_another_part() -> None:
    assert Reach({"head.weight": 2, "head_aux.weight": 3}, frozenset({"head.weight"})).idle_parts() == {"head_aux": 3}


def test_nothing_is_said_of_what_cannot_be_seen() -> None:
    net = nn.Linear(4, 4)
    with Watch(net) as watch:
        torch.ones(2) + 1
    assert watch.reach() is None


def test_what_follows_the_pass_is_not_noted() -> None:
    net = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    with Watch(net) as watch:
        net[0](torch.ones(1, 4))
        watch.stop()
        net[1](torch.ones(1, 4))
    found = watch.reach()
    assert found is not None
    assert found.idle_parts() == {"1": 20}
