"""Changes planted in a model, one at a time: what exact figures say of each names the part, and the cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from pytest_modelbench.bench.counting import count, measurements
from pytest_modelbench.bench.following import followed
from pytest_modelbench.bench.numerics import output_measurement, output_of
from pytest_modelbench.bench.peak import growth_measurement, live_measurement, pass_peak
from pytest_modelbench.core.bands import parse_band
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.reasons import ItemsChanged
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.measure.cost import static_cost
from pytest_modelbench.models.build import build
from pytest_modelbench.report.items import item_lines
from pytest_modelbench.report.reasons import lines as lines_of
from tests.unit.simulated import ruling

CPU = torch.device("cpu")


class Block(nn.Module):
    """A depthwise convolution, an expansion by ``ratio``, and a shortcut. ``planted`` is what differs in it."""

    def __init__(self, width: int, planted: str = "", ratio: int = 2) -> None:
        super().__init__()
        self.planted = planted
        ratio = {"heavier block": 4, "changed default": 3}.get(planted, ratio)
        kernel = 5 if planted == "larger kernel" else 3
        self.spatial = nn.Conv2d(
            width, width, kernel, padding=kernel // 2, groups=1 if planted == "lost groups" else width
        )
        self.norm = nn.GroupNorm(1, width) if planted == "changed norm" else nn.BatchNorm2d(width)
        if planted == "epsilon":
            self.norm.eps = 1e-3
        self.expand = nn.Conv2d(width, ratio * width, 1)
        self.act = nn.GELU() if planted == "activation" else nn.ReLU(inplace=planted != "lost in-place")
        self.reduce = nn.Conv2d(ratio * width, width, 1)
        self.drop = nn.Dropout(0.1) if planted == "dropout" else nn.Identity()
        self.kept: list[torch.Tensor] = []
        self.calls = 0
        if planted == "hook that keeps":
            self.act.register_forward_hook(lambda module, inputs, output: self.kept.append(output))

    def inner(self, images: torch.Tensor) -> torch.Tensor:
        return self.reduce(self.act(self.expand(self.norm(self.spatial(images)))))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        inner = self.inner
        if self.planted == "contiguous":
            images = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2).contiguous()
        if self.planted == "item":
            images = images * float(images.abs().amax().item() >= 0)
        if self.planted == "numpy":
            images = torch.from_numpy(images.detach().cpu().numpy()).to(images.device)
        if self.planted == "island":
            return images + self.reduce(self.act(self.expand(self.norm(self.spatial(images))).float()))
        if self.planted == "loop over the batch":
            return images + torch.cat([inner(image[None]) for image in images])
        if self.planted == "called twice":
            return images + inner(inner(images))
        if self.planted == "cache that grows":
            self.kept.append(images * 1)
        if self.planted == "mask by booleans":
            images = images.clone()
            images[images < 0] *= 2
        if self.planted == "checkpointed" and self.training:
            return images + checkpoint(inner, images, use_reentrant=False)
        if self.planted == "graph break":
            torch._dynamo.graph_break()
        if self.planted == "table in forward":
            rows, columns = (torch.arange(size, device=images.device) for size in images.shape[2:])
            images = images + 0.01 * (rows[:, None] + columns)
        if self.planted == "left no_grad":
            with torch.no_grad():
                found = inner(images)
            return images + found
        if self.planted == "kept for a look":
            self.last = self.act(self.expand(self.norm(self.spatial(images))))
            return images + self.reduce(self.last)
        if self.planted == "step counter":
            self.calls += 1
            images = images * min(1.0, 0.1 + self.calls / 10)
        return images + self.drop(inner(images))


class Net(nn.Module):
    def __init__(self, planted: str = "") -> None:
        super().__init__()
        self.planted = planted
        self.stem = nn.Conv2d(3, 8, 4, stride=4, padding=2 if planted == "changed padding" else 0)
        inside = "" if planted in ("wider layer", "extra head", "attention", "unshared", "interpolation") else planted
        first, inside = (inside, "") if planted == "kept for a look" else ("", inside)
        width = 16
        self.stages = nn.ModuleList(
            [
                nn.Sequential(Block(8, first), Block(8)),
                nn.Sequential(nn.Conv2d(8, width, 2, stride=2), Block(width), Block(width, inside), Block(width)),
            ]
        )
        if planted == "more blocks":
            self.stages[1].append(Block(width))
        hidden = 24 if planted == "wider layer" else 16
        self.head = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        if planted != "unshared":
            self.key.weight = self.query.weight
        if planted == "extra head":
            self.extra = nn.Linear(width, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        mode = "bicubic" if self.planted == "interpolation" else "bilinear"
        images = functional.interpolate(images, scale_factor=2, mode=mode)
        features = self.stem(images)
        for stage in self.stages:
            features = stage(features)
        tokens = features.flatten(2).transpose(1, 2)
        query, key = self.query(tokens)[:, None], self.key(tokens)[:, None]
        if self.planted == "attention":
            found = (query @ key.transpose(-1, -2) / 4).softmax(-1) @ tokens[:, None]
        else:
            found = functional.scaled_dot_product_attention(query, key, tokens[:, None])
        if self.planted == "head before pooling":
            return self.head(found).mean((1, 2))
        pooled = self.head(found.mean((1, 2)))
        return torch.cat([pooled, self.extra(pooled)], 1) if self.planted == "extra head" else pooled


def exact(planted: str, **options: object) -> dict[str, Measurement]:
    """All exact figures of the model, by name."""
    options = {"image_size": 32, "batch_size": 2, "name": "net", **options}
    return {one.name: one for one in _exact(lambda: build(lambda: Net(planted), device=CPU, **options))}


def _exact(built) -> Iterator[Measurement]:
    model = built()
    for backward in (False, True):
        yield from measurements(count(model, backward=backward), model, "", backward=backward)
        found = pass_peak(built(), backward=backward)
        yield live_measurement(found, model.case, f"{'backward_' * backward}peak_live_memory")
        yield growth_measurement(found, model.case, f"{'backward_' * backward}memory_growth")
    cost, _ = followed(model, lambda bare: static_cost(bare.module, bare.forward))
    for metric in ("parameters", "parameter_bytes", "macs"):
        yield Measurement.of(metric, getattr(cost, metric), model.case, breakdown=cost.breakdowns[metric])


def told(then: dict[str, Measurement], now: dict[str, Measurement]) -> list[str]:
    """What each figure that changed says of it."""
    lines = []
    for name, one in now.items():
        if name not in then or (one.value, one.breakdown) == (then[name].value, then[name].breakdown):
            continue
        if one.breakdown is None or then[name].breakdown is None:
            lines.append(f"{name} {then[name].value} -> {one.value}")
            continue
        if not (changes := then[name].breakdown.changes(one.breakdown)):
            continue  # in another order
        lines += [f"{name}: {line}" for line in item_lines(ItemsChanged(one.metric.unit, changes))]
    return lines


BLOCK = "stages.1.2"
PLANTED = {
    # where it says that it is, and what
    "heavier block": (BLOCK, "macs: what      +131,072 aten::convolution in .expand ... .reduce"),
    "changed default": (BLOCK, "parameters: what "),
    "larger kernel": (f"{BLOCK}.spatial", "macs: what "),
    "lost groups": (f"{BLOCK}.spatial", "parameters: what "),
    "more blocks": ("stages.1.4", "operators: what "),
    "wider layer": ("head", "parameters: what "),
    "contiguous": (BLOCK, "aten::clone"),
    "item": (BLOCK, "synchronizations: what      +1 aten::_local_scalar_dense"),
    "numpy": (BLOCK, "Tensor.numpy"),
    "activation": (f"{BLOCK}.act", "+1 aten::gelu"),
    "lost in-place": (f"{BLOCK}.act", "+1 aten::relu"),
    "changed norm": (f"{BLOCK}.norm", "aten::native_group_norm"),
    "extra head": ("extra", "parameters: what      +160 weight"),
    "called twice": (BLOCK, "macs: what "),
    "loop over the batch": (BLOCK, "operators: what "),
    "interpolation": ("the model itself", "bicubic"),
    "cache that grows": ("", "memory_growth 0 -> "),
    "hook that keeps": ("", "memory_growth 0 -> "),
    "mask by booleans": (BLOCK, "synchronizations: what "),
    "changed padding": ("", "macs: "),
    "unshared": ("key", "parameters: what      +256 weight"),
    "attention": ("the model itself", "aten::_softmax"),
}


@pytest.fixture(scope="module")
def before() -> dict[str, Measurement]:
    return exact("")


def test_unchanged_nothing_is_told(before):
    assert told(before, exact("")) == []


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_change_is_told_with_its_part_and_its_cause(planted, before):
    where, what = PLANTED[planted]
    lines = told(before, exact(planted))
    assert any(what in line for line in lines), lines
    assert not where or any(f"where     {where}" in line for line in lines), lines


def test_what_is_lost_of_checkpointing_is_memory_in_the_part_that_had_it():
    lines = told(exact("checkpointed"), exact(""))
    assert any(f"backward_peak_live_memory: where     {BLOCK}" in line for line in lines), lines


def test_an_island_of_float32_is_told_by_its_casts():
    lines = told(exact("", precision="amp-bf16"), exact("island", precision="amp-bf16"))
    assert any("copied_bytes: where     stages.1.2" in line for line in lines), lines
    assert any("bfloat16 to float32" in line for line in lines), lines


def test_a_larger_image_costs_more_everywhere(before):
    lines = told(before, exact("", image_size=64))
    assert any("macs: where     stages" in line for line in lines), lines
    assert any("inputs" in line for line in lines), lines


def test_a_break_of_the_graph_is_told_with_its_line():
    compiled = {"compile": {"backend": "eager"}}
    lines = told(exact("", **compiled), exact("graph break", **compiled))
    # PyTorch 2.9 counts it, and does not say where it is.
    where = "left to Python: " if torch.__version__.startswith("2.9.") else "forward of test_planted.py"
    assert any("graph_breaks: what" in line and where in line for line in lines)


def test_training_mode_by_mistake_is_told_by_its_operators(before):
    class Mixed(Net):
        def train(self, mode: bool = True) -> Mixed:
            super().train(mode)
            self.stages[1][2].drop.training = True
            return self

    options = {"image_size": 32, "batch_size": 2, "name": "net"}
    then = {one.name: one for one in _exact(lambda: build(lambda: Net("dropout"), device=CPU, **options))}
    now = {one.name: one for one in _exact(lambda: build(lambda: Mixed("dropout"), device=CPU, **options))}
    lines = told(then, now)
    assert any(f"operators: where     {BLOCK}.drop" in line for line in lines), lines
    assert any("aten::native_dropout" in line or "aten::bernoulli_" in line for line in lines), lines


# Chosen by somebody who had not seen the results, nor how they are told: where and what were written down before.

CHOSEN = {
    # the figure that says it, where, and what
    "table in forward": ("operators", BLOCK, "aten::arange"),
    "left no_grad": ("backward_operators", BLOCK, "aten::convolution_backward"),
    "kept for a look": ("peak_live_memory", "stages.0.0", "expand"),  # the peak is in stages.0.1
    "head before pooling": ("macs", "head", "aten::addmm"),
}


@pytest.mark.parametrize("planted", CHOSEN)
def test_a_change_that_another_chose_is_told_by_its_figure_with_its_part_and_its_cause(planted, before):
    figure, where, what = CHOSEN[planted]
    every = told(before, exact(planted))
    lines = [line for line in every if line.startswith(f"{figure}: ")]
    assert any(line.startswith(f"{figure}: where     {where}") for line in lines), every
    assert any(what in line for line in lines), every


def test_without_gradients_nothing_is_said_of_forward_and_of_a_head_before_pooling_nothing_of_parameters(before):
    assert all(line.startswith("backward_") for line in told(before, exact("left no_grad")))
    assert not any(line.startswith("parameter") for line in told(before, exact("head before pooling")))


def told_of_a_counter_of_steps() -> list[str]:
    """What is said of passes that are traced anew."""
    compiled = {"compile": {"backend": "eager"}}
    every = told(exact("", **compiled), exact("step counter", **compiled))
    return [line for line in every if line.startswith("recompilations")]


def test_a_counter_of_steps_is_told_with_its_part_and_its_name():
    lines = told_of_a_counter_of_steps()
    assert f"recompilations: where     {BLOCK}, and nowhere else" in lines
    assert "recompilations: what      +2 another self.calls" in lines


def test_of_another_epsilon_no_count_says_anything(before):
    assert told(before, exact("epsilon")) == []


@pytest.mark.parametrize(("band", "verdict"), [("0.1%", Verdict.OK), ("0.001%", Verdict.REGRESSED)])
def test_another_epsilon_is_within_what_float32_tolerates_and_told_by_its_part_below(band, verdict):
    models = [build(lambda one=one: Net(one), name="net", device=CPU, image_size=32) for one in ("", "epsilon")]
    then, now = (output_measurement(model, output_of(model), None) for model in models)
    now = replace(now, metric=replace(now.metric, band=parse_band(band, "rms", "")))
    stored = BaselineView(
        then.case.id, "rms", Better.EQUAL, then.value, observations=then.observations, trail=then.trail
    )
    judgement = ruling([now], stored).judgement
    assert judgement.verdict is verdict
    told = any(f"where     {BLOCK}.norm is the first part to differ" in one for one in lines_of(judgement.reasons))
    assert told == (verdict is Verdict.REGRESSED)
