"""Counters of built models: what is recorded, exactly, and what torch.compile makes of them."""

import pytest
import torch
from torch import nn

from pytest_modelbench.bench.counting import count, measurements
from pytest_modelbench.core.measurement import Comparability
from pytest_modelbench.core.metrics import METRICS, Better
from pytest_modelbench.models.build import build

CPU = torch.device("cpu")
SIZES = {"test_vit": 160}


def built(model, **options):
    return build(model, device=CPU, **{"image_size": SIZES.get(model, 32), "batch_size": 2, **options})


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet", "test_convnext"])
def test_counters_are_the_same_each_time(name, backward):
    found, again = (count(built(name), backward=backward) for _ in range(2))
    assert found == again
    assert found.operators.total > 10
    assert found.followed_on == "meta"
    assert found.synchronizations.total == 0
    assert found.macs.total > 0


def test_a_pass_and_its_backward_pass_may_stand_in_one_test():
    model = built("test_resnet")
    found = [
        one
        for backward in (False, True)
        for one in measurements(count(model, backward=backward), model, "", backward=backward)
    ]
    names = {one.name: one for one in found}
    assert list(names) == [
        *("operators", "copied_bytes", "allocations", "synchronizations"),
        *("backward_operators", "backward_copied_bytes", "backward_allocations", "backward_synchronizations"),
        "backward_macs",
    ]
    assert all(one.breakdown.total == one.value for one in found)
    assert names["backward_operators"].case.mode == "backward"
    # The first convolution's input needs no gradient.
    forward = count(model).macs.total
    assert 2 * forward < names["backward_macs"].value < 3 * forward
    assert next(measurements(count(model), model, "mine", backward=False)).name == "mine_operators"


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1, bias=False)
        self.body = nn.Conv2d(8, 16, 3, groups=4, padding=1, bias=False)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2, groups=2, bias=False)

    def forward(self, images):
        return self.up(self.body(self.stem(images)))


def test_gradients_of_grouped_convolutions_take_the_products_of_the_convolution_once_more_each():
    model = built(Grouped, batch_size=1, image_size=8)
    found = {(item.module, item.what): item.amount for item in count(model, backward=True).macs.items}
    stem, body, up = 3 * 8 * 64, 16 * 2 * 9 * 64, 16 * 64 * 4 * 4
    assert found == {
        ("stem", "aten::convolution"): stem,
        ("body", "aten::convolution"): body,
        ("up", "aten::convolution"): up,
        ("up", "aten::convolution_backward"): 2 * up,
        ("body", "aten::convolution_backward"): 2 * body,
        ("stem", "aten::convolution_backward"): stem,
    }


class Waits(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 1)

    def forward(self, images):
        images = self.body(images)
        return images * images.mean().item()


def test_a_model_that_waits_is_counted_on_the_cpu_and_only_its_waits_can_be_compared():
    model = built(Waits)
    found = count(model)
    assert found.followed_on == "cpu"
    assert found.synchronizations.by_kind() == {"aten::_local_scalar_dense": 1}
    ways = {one.name: one.comparability for one in measurements(found, model, "", backward=False)}
    assert ways["operators"] == Comparability(recipe="cpu")
    assert ways["synchronizations"] == Comparability()


class Broken(nn.Module):
    """Two breaks, and a number that differs in each call."""

    def __init__(self, counts=False):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 1)
        self.calls = 0
        self.counts = counts

    def forward(self, images):
        images = self.body(images)
        torch._dynamo.graph_break()
        images = images + 1
        torch._dynamo.graph_break()
        if self.counts:
            self.calls += 1
            images = images * self.calls
        return images * 2


def test_of_a_compiled_model_graphs_and_breaks_are_counted_with_their_places():
    whole = count(built("test_resnet", compile={"backend": "eager"})).graphs
    assert (whole.graphs, whole.breaks.total, whole.recompilations.total) == (1, 0, 0)
    model = built(Broken, compile={"backend": "eager"})
    broken = count(model).graphs
    assert (broken.graphs, broken.breaks.total, broken.recompilations.total) == (3, 2, 0)
    assert all("in forward of test_bench_counting.py" in item.what for item in broken.breaks.items)
    both = [*measurements(count(model), model, "", backward=False)]
    both += measurements(count(model, backward=True), model, "", backward=True)
    assert len({one.name for one in both}) == len(both)
    assert [one.name for one in measurements(count(model), model, "", backward=False)][-3:] == [
        *("graphs", "graph_breaks", "recompilations")
    ]
    assert count(built(Broken)).graphs is None


def test_what_is_compiled_again_for_the_same_inputs_is_counted_with_its_reason():
    found = count(built(lambda: Broken(counts=True), name="counts", compile={"backend": "eager"}))
    assert {item.what for item in found.graphs.recompilations.items} == {"another self.calls"}


class Given(nn.Module):
    """torch.compile leaves all of it to Python."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 1)

    @torch._dynamo.disable
    def forward(self, images):
        return self.body(images)


class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 1)

    def forward(self, images):
        for _ in range(2):
            torch._dynamo.graph_break()
        return self.body(images)


@pytest.mark.parametrize("net", [Given, Loop])
def test_a_model_that_is_left_to_python_is_a_break_and_never_a_gain(net):
    found = count(built(net, compile={"backend": "eager"})).graphs
    assert found.breaks.total >= 1
    assert METRICS["graphs"].better is Better.EQUAL


class Keeps(nn.Module):
    """Makes a table in its first pass, and writes to its input, so that it is given a copy of it."""

    def __init__(self):
        super().__init__()
        self.table = None

    def forward(self, images):
        if self.table is None:
            self.table = torch.arange(3.0, device=images.device).cos()
        return images.mul_(2).sum() + self.table.sum()


def test_what_is_made_once_and_copies_of_inputs_are_no_part_of_a_pass():
    found = count(built(Keeps))
    assert found.operators.by_kind() == {"aten::mul_": 1, "aten::sum": 2, "aten::add": 1}
    assert found.copied_bytes.total == 0


def test_scripted_models_are_counted():
    scripted = torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()).eval())
    assert count(built(lambda: scripted, name="scripted")).operators.total == 2
