"""Memory plans: the peak is that of the metrics, its parts add up to it, and each is where it belongs."""

import json
import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pytest_modelbench.bench import planning
from pytest_modelbench.bench.peak import pass_peak, step_peak
from pytest_modelbench.bench.planning import fitting, followed_plan, largest, memory_plan, scaled_from
from pytest_modelbench.core.branches import Branch
from pytest_modelbench.core.cards import GIB, Memory
from pytest_modelbench.core.errors import BuildError
from pytest_modelbench.core.memory_plan import Fitting, Kind, MemoryPlan, Part, by_module
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.measure.caching_allocator import Step
from pytest_modelbench.measure.memory import AllocatedPeak
from pytest_modelbench.models.build import build
from pytest_modelbench.report.memory_plan import render_plan

CPU = torch.device("cpu")
KIB = 2**10


def built(model, **options):
    return build(model, device=CPU, **{"image_size": 32, "batch_size": 2, **options})


LONG = pytest.mark.long


@pytest.mark.parametrize(
    "options",
    [{}, pytest.param({"precision": "amp-bf16"}, marks=LONG), pytest.param({"technique": ["checkpoint"]}, marks=LONG)],
    ids=str,
)
@pytest.mark.parametrize("name", ["test_resnet", "test_vit", pytest.param("test_efficientnet", marks=LONG)])
def test_the_peak_is_that_of_the_metric_and_its_parts_add_up_to_it(name, options):
    size = {"test_vit": 160}.get(name, 32)
    forward = memory_plan(built(name, image_size=size, **options))
    assert forward.peak_bytes == pass_peak(built(name, image_size=size, **options), backward=False).live.peak_bytes
    training = TrainOptions(optimizer="adamw")
    step = memory_plan(built(name, image_size=size, **options), training)
    assert step.peak_bytes == step_peak(built(name, image_size=size, **options), training).live.peak_bytes
    for plan in (forward, step):
        assert sum(part.size_bytes for part in plan.parts) == plan.peak_bytes == plan.peak.live_bytes
        assert max(moment.live_bytes for moment in plan.timeline) >= plan.peak_bytes
        assert plan.peak_bytes <= plan.reserved_bytes
        assert MemoryPlan.of_json(json.loads(json.dumps(plan.as_json()))) == plan
    assert Kind.OPTIMIZER not in forward.of_kind()
    parameters = step.of_kind()[Kind.PARAMETERS]
    assert step.of_kind()[Kind.OPTIMIZER] >= 2 * parameters  # two moments, and a counter each


class Wide(nn.Module):
    """16 KiB of input, 64 KiB out of each of two convolutions, of which the second keeps the first's."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(4, 16, 1, bias=False)
        self.body = nn.Sequential(nn.Conv2d(16, 16, 1, bias=False), nn.Flatten())

    def forward(self, images):
        return self.body(self.stem(images)).sum(1)


class Four(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide = Wide()

    def forward(self, images):
        return self.wide(torch.cat([images, images[:, :1]], 1))


def sizes(plan):
    return {(part.kind, part.module): part.size_bytes for part in plan.parts}


def test_each_part_is_where_it_belongs():
    plan = memory_plan(built(Four, batch_size=1))
    found = sizes(plan)
    assert found[Kind.INPUTS, ""] == 12 * KIB
    assert found[Kind.PARAMETERS, "wide.stem"] == 512  # 256 bytes, in a block
    assert found[Kind.PARAMETERS, "wide.body.0"] == KIB
    assert found[Kind.ACTIVATIONS, "wide.stem"] == found[Kind.ACTIVATIONS, "wide.body.0"] == 64 * KIB
    assert (plan.peak.phase, plan.peak.module, plan.operator) == ("forward", "wide.body.0", "aten::convolution")


def test_what_the_backward_pass_makes_is_of_the_part_whose_gradient_it_is():
    plan = memory_plan(built(Four, batch_size=1), TrainOptions(momentum=0.0))
    found = sizes(plan)
    assert plan.peak.phase == "backward"
    assert found[Kind.TEMPORARY, "wide.body.0"] >= 64 * KIB
    assert found[Kind.ACTIVATIONS, "wide.stem"] == 64 * KIB  # kept for the gradient of the next one's weights


def test_a_tree_adds_up_from_below():
    parts = [Part(Kind.ACTIVATIONS, "a.b", 3), Part(Kind.TEMPORARY, "a", 2), Part(Kind.ACTIVATIONS, "c", 7)]
    parts += [Part(Kind.PARAMETERS, "a.b", 100), Part(Kind.ACTIVATIONS, "", 1)]
    made = by_module(tuple(parts), frozenset({Kind.ACTIVATIONS, Kind.TEMPORARY}))
    below = Branch("a", 5, 2, (Branch("a.b", 3, 3),))
    assert made == Branch("", 13, 1, (Branch("c", 7, 7), below))


@given(st.integers(0, 3000), st.floats(0, 1e6), st.floats(1.0, 50.0))
def test_the_largest_batch_is_found_to_one_whatever_the_line(limit, fixed, jitter):
    looked_at = []

    def needs(batch):
        return fixed + 100 * batch + 30 * (batch % 7 == 0) * jitter

    def fits(batch):
        looked_at.append(batch)
        return batch <= limit

    assert largest(fits, needs, fixed + 100 * limit) == limit
    assert len(looked_at) <= 40


@given(st.integers(0, 3000), st.integers(-3, 3000))
def test_a_guess_is_looked_at_first_and_never_believed(limit, guess):
    looked_at = []

    def fits(batch):
        looked_at.append(batch)
        return batch <= limit

    assert largest(fits, lambda batch: 100.0 * batch, 100.0 * limit, max(guess, 0)) == limit
    if guess == limit > 0:
        assert looked_at == [limit, limit + 1]


@pytest.mark.parametrize("training", [None, TrainOptions()])
def test_what_any_batch_asks_for_is_worked_out_from_two(training):
    followed = {batch: followed_plan(built("test_resnet", batch_size=batch), training) for batch in (2, 64, 200)}
    scaled = scaled_from(lambda batch: followed[batch].steps)
    for batch, found in followed.items():
        assert scaled(batch).allocated_bytes == pytest.approx(found.plan.allocated_bytes, rel=0.01)
        assert scaled(batch).reserved_bytes == pytest.approx(found.plan.reserved_bytes, rel=0.05)


def test_what_grows_with_the_square_of_the_batch_is_worked_out_for_one_sample_all_the_same():
    scaled = scaled_from(lambda batch: [Step(0, 4 * batch**2), Step(1, 100 - batch), Step(0), Step(1)])
    for batch in (1, 2, 64, 1000):
        assert scaled(batch).allocated_bytes > 0


@pytest.mark.parametrize("other", [[Step(0, 9)], [Step(0, 9), Step(0)], [Step(0, 9), Step(2, 9)]], ids=str)
def test_of_a_model_that_asks_for_other_things_with_another_batch_nothing_is_worked_out(other):
    one = [Step(0, 4), Step(1, 4)]
    assert scaled_from(lambda batch: one) is not None
    assert scaled_from(lambda batch: one if batch == 2 else other) is None


def test_a_batch_fits_to_one_and_is_perhaps_possible_beyond():
    plan = memory_plan(built("test_resnet", batch_size=1))

    def plan_of(batch):
        return replace(plan, allocated_bytes=batch * 2**20, reserved_bytes=batch * 2**20 + 2**28)

    found = fitting(Memory("2GiB", 2 * GIB), plan_of)
    assert found == Fitting("2GiB", 2 * GIB, fits=921, perhaps=1740)
    assert fitting(Memory("256MiB", GIB / 4), plan_of).perhaps == 0


def test_a_plan_reads_well(capsys):
    text = render_plan(memory_plan(built("test_resnet"), TrainOptions()))
    assert max(map(len, text.splitlines())) <= 90
    for word in ("parameters", "gradients", "optimizer state", "activations", "reached in the "):
        assert word in text


@pytest.mark.parametrize("training", [None, TrainOptions()])
def test_what_it_took_on_a_device_stands_beside_the_plan(monkeypatch, training):
    """On an allocator that takes what was planned, a tenth more in blocks, and 32 MiB for libraries."""
    plan = memory_plan(built("test_resnet"), training)

    def allocated(run, device, replayed=False):
        run()
        requested, own = plan.peak_bytes, 32 * 2**20
        return AllocatedPeak(plan.allocated_bytes + own, plan.reserved_bytes + own, 0, 0, requested * 11 // 10, own)

    monkeypatch.setattr(planning, "allocated_peak", allocated)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    ran = planning.verify(built("test_resnet"), training)
    told = replace(plan, verified=ran)
    assert MemoryPlan.of_json(json.loads(json.dumps(told.as_json()))) == told
    lines = render_plan(told).splitlines()
    at = lines.index("  on a card it took")
    assert [line.split()[-1] for line in lines[at + 1 : at + 4]] == ["+10.0%", "+0.0%", "+0.0%"]
    assert lines[at + 4].split() == ["and", "libraries", "32.0", "MiB"]


def test_a_plan_stands_where_what_it_is_verified_by_does_not_fit(monkeypatch, capsys, tmp_path):
    def too_large(model, training):
        raise BuildError(f"{model.case.id} does not fit: out of memory")

    monkeypatch.setattr(planning, "verify", too_large)
    monkeypatch.setattr(planning, "resolve_device", lambda _: "cpu")
    asked = {"model": "test_resnet", "options": {"batch_size": 1, "image_size": 32}, "training": None, "fit": ""}
    monkeypatch.setattr(sys, "argv", ["", json.dumps({**asked, "verify": True, "folder": str(tmp_path)})])
    planning.main()
    plan = MemoryPlan.of_json(json.loads(capsys.readouterr().out)["plan"])
    assert plan.unverified == "test_resnet-b1-32-fp32 does not fit: out of memory"
    assert "  NOT VERIFIED: test_resnet-b1-32-fp32 does not fit" in render_plan(plan)
