"""Short trainings: every number from the seed, every limit kept, everything put back."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pytest_modelbench.core.errors import MeasureError, UsageError
from pytest_modelbench.data.batches import InputFormat
from pytest_modelbench.data.datasets import ClassData
from pytest_modelbench.data.draws import Draws
from pytest_modelbench.models import fitting
from pytest_modelbench.models.fitting import (
    BUDGETS,
    Budget,
    Course,
    Fit,
    Lesson,
    budget_named,
    classification_lesson,
    classification_loss,
    fit,
    task_loss,
)

CPU = torch.device("cpu")


def bright_or_dark(count, shift=0):
    """Images of class 0 are dark, of class 1 bright; no two are alike."""
    labels = torch.arange(count) % 2
    images = labels[:, None, None, None] * 100 + torch.arange(count)[:, None, None, None] + shift
    return ClassData("tones", images.expand(-1, 3, 2, 2).to(torch.uint8), labels, 2, "0")


def classifier():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 2))


def lesson(count=22, batches=None):
    found = classification_lesson(bright_or_dark(count), bright_or_dark(10, 30), InputFormat((2, 2)), CPU)
    if batches is None:
        return found

    def batch(indices):
        batches.append(list(indices))
        return found.batch(indices)

    return Lesson(count, batch, found.loss, found.score)


def trained(seed=0, epochs=6, **more):
    return fit(classifier, lesson(), Course(epochs, batch_size=5, lr=0.05, seed=seed), CPU, **more)


class Clock:
    """Every reading is a second later."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 1
        return self.now


def test_it_learns():
    fitted = trained(epochs=30)
    assert fitted.scores[-1][1] == 1.0
    assert fitted.smoothed_loss(len(fitted.losses)) < 0.3 * fitted.smoothed_loss(5)
    assert not fitted.module.training


def test_the_seed_decides_every_number():
    one, other, third = trained(), trained(), trained(seed=1)
    assert (one.losses, one.scores) == (other.losses, other.scores)
    for name, tensor in one.module.state_dict().items():
        assert torch.equal(tensor, other.module.state_dict()[name])
    assert one.losses != third.losses


def test_random_state_and_switches_are_as_before():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    filled = torch.utils.deterministic.fill_uninitialized_memory
    trained(epochs=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory is filled


def test_switches_are_deterministic_inside_and_put_back_after_an_error():
    seen = []

    def failing(module, images, labels):
        seen.append(torch.are_deterministic_algorithms_enabled())
        raise ZeroDivisionError

    broken = Lesson(5, lesson().batch, failing)
    with pytest.raises(ZeroDivisionError):
        fit(classifier, broken, Course(1, batch_size=5), CPU)
    assert seen == [True]
    assert not torch.are_deterministic_algorithms_enabled()


def test_it_trains_in_the_middle_of_inference_mode():
    with torch.inference_mode():
        assert trained(epochs=1).losses == trained(epochs=1).losses


def test_every_epoch_sees_samples_once_in_an_order_of_its_own():
    batches = []
    fit(classifier, lesson(22, batches), Course(2, batch_size=5, seed=3), CPU)
    assert [len(batch) for batch in batches] == [5] * 8
    draws = Draws("fit 1/3")
    assert [index for batch in batches for index in batch] == draws.order(22)[:20] + draws.order(22)[:20]


def test_first_loss_is_that_of_the_untrained_module_on_the_first_batch():
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    found = lesson()
    images, labels = found.batch(Draws("fit 1/0").order(22)[:5])
    wanted = classification_loss(module, images, labels).item()
    fitted = fit(lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), found, Course(1, batch_size=5), CPU)
    assert fitted.losses[0] == wanted


def test_one_step_is_adamw_at_the_first_share_of_the_rate():
    start = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    copy = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    copy.load_state_dict(start.state_dict())
    found = lesson(5)
    fit(lambda: start, found, Course(20, batch_size=5, lr=0.1, weight_decay=0.3), CPU)
    draws = Draws("fit 1/0")
    rates = [0.05, 0.1, *(0.05 * (1 + math.cos(math.pi * step / 18)) for step in range(18))]
    optimizer = torch.optim.AdamW(copy.parameters(), lr=0.1, weight_decay=0.3)
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        classification_loss(copy, *found.batch(draws.order(5))).backward()
        optimizer.step()
    for one, other in zip(start.parameters(), copy.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


@given(st.integers(1, 500))
def test_rate_rises_for_a_tenth_and_falls_from_there(total):
    shares = [fitting._share_of_rate(step, total) for step in range(total)]
    rise = max(1, total // 10)
    assert all(0 < share <= 1 for share in shares)
    assert shares[rise - 1] == 1
    assert shares[:rise] == sorted(shares[:rise])
    assert shares[rise:] == sorted(shares[rise:], reverse=True)


def scoring(*values):
    remaining = iter(values)
    found = lesson(5)
    return Lesson(5, found.batch, found.loss, lambda module: next(remaining))


def test_target_is_reached_where_a_score_first_is(monkeypatch):
    monkeypatch.setattr(fitting, "time", Clock())
    fitted = fit(classifier, scoring(0.2, 0.6, 0.5, 0.9), Course(4, batch_size=5), CPU, target=0.6)
    assert fitted.scores == ((1, 0.2), (2, 0.6), (3, 0.5), (4, 0.9))
    assert fitted.steps_to_target == 2
    # An epoch reads the clock at its start, after its one step and at its end: two seconds each.
    assert (fitted.seconds_to_target, fitted.seconds) == (4.0, 8.0)
    assert fitted.scores[-1][1] == 0.9


def test_target_that_is_not_reached_is_none():
    fitted = fit(classifier, scoring(0.2, 0.6), Course(2, batch_size=5), CPU, target=0.7)
    assert (fitted.steps_to_target, fitted.seconds_to_target) == (None, None)


def test_time_that_is_over_stops_it(monkeypatch):
    monkeypatch.setattr(fitting, "time", Clock())
    with pytest.raises(MeasureError, match=r"training is not over after 5 s: 4 of 9 steps are done; give it a larger"):
        fit(classifier, scoring(*[0.1] * 9), Course(9, batch_size=5, limit_s=5.0), CPU)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_loss_that_is_not_finite_names_the_step(value):
    found, calls = lesson(), []

    def loss(module, images, labels):
        calls.append(None)
        return classification_loss(module, images, labels) * (value if len(calls) == 3 else 1)

    with pytest.raises(MeasureError, match=rf"the loss of step 3 is {value}; try a lower lr \(it is 0.05\)"):
        fit(classifier, Lesson(22, found.batch, loss), Course(2, batch_size=5, lr=0.05), CPU)


def test_heads_beside_the_last_one_are_trained_and_the_first_is_scored():
    """As GoogLeNet, Inception and distilled DeiT have them in train mode, some in eval mode, too."""

    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = classifier(), classifier()

        def forward(self, images):
            return {"logits": self.one(images), "aux": [self.other(images)]}

    fitted = fit(Heads, lesson(), Course(20, batch_size=5, lr=0.05), CPU)
    assert fitted.losses[-1] < fitted.losses[0]
    assert fitted.scores[-1][1] == 1.0


def test_a_classifier_without_logits_is_refused():
    with pytest.raises(MeasureError, match=r"logits of shape \(N, classes\), and this one returns Tensor"):
        classification_loss(nn.Identity(), torch.ones(2, 3, 4, 4), torch.zeros(2, dtype=torch.int64))


def test_losses_of_a_task_are_summed():
    class Task(nn.Module):
        def forward(self, images, targets):
            return {"one": images.sum(), "two": targets.sum().bfloat16()}

    assert task_loss(Task(), torch.ones(2), torch.ones(3)).item() == 5.0


def test_smoothed_loss_is_the_mean_of_a_tenth():
    fitted = Fit(nn.Identity(), tuple(map(float, range(40))), (), 0.0)
    assert fitted.smoothed_loss(40) == (36 + 37 + 38 + 39) / 4
    assert fitted.smoothed_loss(2) == 0.5


def test_amp_trains_as_well():
    fitted = fit(classifier, lesson(), Course(1, batch_size=5, precision="amp-bf16"), CPU)
    assert all(map(math.isfinite, fitted.losses))
    assert fitted.losses != fit(classifier, lesson(), Course(1, batch_size=5), CPU).losses


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"epochs": 1, "batch_size": 0}, "batch_size=0"),
        ({"epochs": 1, "lr": -1.0}, "lr=-1.0"),
        ({"epochs": 1, "lr": math.nan}, "lr=nan"),
        ({"epochs": 1, "precision": "bf16"}, "precision='bf16': weights of so few digits do not learn"),
    ],
)
def test_course_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        Course(**options)


def test_fewer_samples_than_a_batch_are_refused():
    with pytest.raises(UsageError, match="batch_size=23 with 22 samples to learn from"):
        fit(classifier, lesson(), Course(1, batch_size=23), CPU)


def test_budgets_have_names():
    assert budget_named("1h") == BUDGETS["1h"] == Budget(50, 3600.0)
    assert budget_named(Budget(1, 2.0)) == Budget(1, 2.0)
    with pytest.raises(
        UsageError, match=r"budget='sampl': there are sample, 1h, 4h, 12h, 12h\+. Did you mean 'sample'\?"
    ):
        budget_named("sampl")
