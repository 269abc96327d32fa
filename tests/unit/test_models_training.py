"""A training step: what it computes, in which order, what it keeps alive, and that everything is put back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pytest_modelbench.core.case import Case
from pytest_modelbench.core.errors import BuildError, MeasureError, UsageError
from pytest_modelbench.core.train_options import LEARNING_RATE, TrainOptions
from pytest_modelbench.measure.memory import live_peak
from pytest_modelbench.models import losses
from pytest_modelbench.models.build import BuiltModel, build
from pytest_modelbench.models.sources import ModelSource
from pytest_modelbench.models.training import TrainStep

CPU = torch.device("cpu")
META = torch.device("meta")


class Classifier(nn.Module):
    """Linear over an image of 2 x 2, with a buffer that moves in training."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 5)
        self.dropout = nn.Dropout(0.0)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.seen += 1
        self.images = images
        return self.linear(self.dropout(images.flatten(1)))


def classifier(batch_size: int = 2, **options: object) -> BuiltModel:
    settings: dict[str, Any] = {"device": CPU, **options}
    return build(Classifier, batch_size=batch_size, image_size=2, **settings)


def values(model: BuiltModel) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in model.tensors()]


def equal(ones: list[Tensor], others: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(ones, others, strict=True))


def test_a_step_is_gradient_descent_on_the_cross_entropy_with_seeded_labels() -> None:
    model = classifier()
    weight, bias = (parameter.detach().clone().requires_grad_() for parameter in model.module.parameters())
    labels = torch.randint(5, (2,), generator=torch.Generator().manual_seed(0))
    with TrainStep(model, TrainOptions(lr=0.5, momentum=0.5)) as step:
        velocity = [torch.zeros_like(weight), torch.zeros_like(bias)]
        for number in (1, 2, 3):
            step()
            loss = nn.functional.cross_entropy(model.inputs[0].flatten(1) @ weight.T + bias, labels)
            assert step.steps == number
            assert step.check_loss() == pytest.approx(float(loss.detach()), rel=1e-6)
            gradients = torch.autograd.grad(loss, (weight, bias))
            velocity = [0.5 * v + g for v, g in zip(velocity, gradients, strict=True)]
            with torch.no_grad():
                for parameter, v in zip((weight, bias), velocity, strict=True):
                    parameter -= 0.5 * v
            assert torch.allclose(model.module.linear.weight, weight, atol=1e-6)
            assert torch.allclose(model.module.linear.bias, bias, atol=1e-6)


@pytest.mark.parametrize("input", ["noise", "ones"])
def test_everything_is_put_back(input: str) -> None:
    model = classifier()
    model.module.dropout.train()  # not as the rest: each part gets its own mode back
    before, output = values(model), model.forward().clone()
    with TrainStep(model, TrainOptions(lr=0.5, input=input)) as step:
        step()
        step()
        assert model.module.training
        assert model.module.seen == 2
        assert not equal(values(model)[:2], before[:2])
    assert equal(values(model), before)
    assert torch.equal(model.forward(), output)
    assert [parameter.grad for parameter in model.module.parameters()] == [None, None]
    assert (model.module.training, model.module.dropout.training) == (False, True)
    assert not model.inputs[0].requires_grad


def test_everything_is_put_back_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier()
    before = values(model)

    def broken(self: Classifier, images: Tensor) -> Tensor:
        with torch.no_grad():
            self.linear.weight += 1
        raise ValueError("no images today")

    monkeypatch.setattr(Classifier, "forward", broken)
    with (
        pytest.raises(BuildError, match=r"Classifier-b2-2-fp32-train cannot be trained on cpu: ValueError: no images"),
        TrainStep(model) as step,
    ):
        step()
    assert equal(values(model), before)
    assert not model.module.training


def test_a_buffer_that_the_module_replaces_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def replacing(self: Classifier, images: Tensor) -> Tensor:
        self.seen = self.seen + 1
        return self.linear(images.flatten(1))

    monkeypatch.setattr(Classifier, "forward", replacing)
    model = classifier()
    with TrainStep(model) as step:
        step()
        assert model.module.seen == 1
    assert model.module.seen == 0


def test_accumulated_gradients_are_those_of_one_large_batch() -> None:
    model, labels = classifier(), torch.randint(5, (2,), generator=torch.Generator().manual_seed(0))
    with TrainStep(model, TrainOptions(accumulate=3)) as step:
        step()
        step()  # from zero again: nothing is left over from the first
        accumulated = [parameter.grad.clone() for parameter in model.module.parameters()]
        assert (step.images, step.steps) == (6, 2)
    model.module.train()
    nn.functional.cross_entropy(model.module(model.inputs[0].repeat(3, 1, 1, 1)), labels.repeat(3)).backward()
    for gradient, parameter in zip(accumulated, model.module.parameters(), strict=True):
        assert torch.allclose(gradient, parameter.grad, atol=1e-6)


@pytest.mark.parametrize(("accumulate", "passes"), [(1, 1), (3, 3)])
def test_phases_are_marked_as_they_end(accumulate: int, passes: int) -> None:
    marked: list[str] = []
    with TrainStep(classifier(), TrainOptions(accumulate=accumulate)) as step:
        step(marked.append)
    assert marked == ["forward", "backward"] * passes + ["optimizer"]


def test_phases_taken_one_by_one_make_the_same_step() -> None:
    whole, single = classifier(), classifier()
    with TrainStep(whole, TrainOptions(lr=0.1)) as one, TrainStep(single, TrainOptions(lr=0.1)) as other:
        one()
        other.forward()
        assert single.module.linear.weight.grad is None
        other.backward()
        assert equal(values(single)[:2], values(classifier())[:2])
        other.optimize()
        assert equal(values(whole), values(single))


def test_ones_take_part_in_the_gradient_and_noise_does_not() -> None:
    model = classifier()
    with TrainStep(model) as step:
        step()  # on a copy, since a model may change what it is given
        step()
        assert model.module.images is model.inputs[0]
    with TrainStep(model, TrainOptions(input="ones")) as step:
        step()
        images = model.module.images
        assert torch.equal(images, torch.ones(2, 3, 2, 2))
        assert images.requires_grad
        assert images.grad is None
        # The same memory: a second tensor of images would count in the peak.
        assert images.data_ptr() == model.inputs[0].data_ptr()


def test_adamw_moves_every_weight_by_the_learning_rate_at_first() -> None:
    model = classifier()
    before = values(model)[1]
    with TrainStep(model, TrainOptions(optimizer="adamw", lr=0.25)) as step:
        step()
        moved = model.module.linear.bias.detach() - before * (1 - 0.25 * 0.01)  # its own default of weight decay
        assert torch.allclose(moved.abs(), torch.full((5,), 0.25), atol=1e-5)


class Detector(nn.Module):
    """Losses in train mode, in a mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, images: Tensor, targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        self.targets = targets
        return {"boxes": self.scale * 3, "labels": self.scale * targets[0]["labels"].sum()}


def test_targets_are_handed_over_and_their_losses_added() -> None:
    model = build(Detector, device=CPU, image_size=4)
    targets = [{"labels": torch.tensor([1, 4])}]
    source = ModelSource("Detector", 3, (4, 4), Detector, Detector, targets=lambda batch, size, seed: targets)
    object.__setattr__(model._recipe, "source", source)
    with TrainStep(model) as step:
        step()
        assert step.check_loss() == 2 * 3 + 2 * 5
        assert model.module.scale.grad == 3 + 5
        assert any(tensor is model.targets[0]["labels"] for tensor in step.tensors())


def test_outputs_without_labels_are_averaged() -> None:
    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(2.0))

        def forward(self, images: Tensor) -> object:
            return {"map": self.weight * torch.ones(1, 8, 4, 4), "pair": (self.weight * 3, torch.tensor(7))}

    with TrainStep(build(Dense, device=CPU, image_size=4)) as step:
        step()
        assert step.check_loss() == 2 + 6


def test_output_without_numbers_and_model_without_weights_cannot_be_trained() -> None:
    class Fixed(nn.Module):
        def forward(self, images: Tensor) -> object:
            return ("text",)

    class Words(Fixed):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

    with (
        pytest.raises(BuildError, match="returns tuple without a floating point tensor in it"),
        TrainStep(build(Words, device=CPU)) as step,
    ):
        step()
    with pytest.raises(BuildError, match="no parameters that take a gradient"), TrainStep(build(Fixed, device=CPU)):
        pass


def test_batch_normalization_over_one_value_names_the_way_out() -> None:
    with (
        pytest.raises(BuildError, match=r"more than 1 value per channel.*a batch_size of 2 for batch normalization"),
        TrainStep(build("test_resnet", device=CPU, image_size=16)) as step,
    ):
        step()


def test_exhausted_memory_suggests_accumulating(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(self: nn.Module, images: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Classifier, "forward", exhausted)
    with (
        pytest.raises(BuildError, match=r"smaller batch_size \(it is 64\), and accumulate="),
        TrainStep(classifier(64)) as step,
    ):
        step()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_loss_that_is_not_finite_is_an_error_that_names_the_step(monkeypatch: pytest.MonkeyPatch, bad: float) -> None:
    with TrainStep(classifier()) as step:
        assert step.check_loss() is None
        step()
        assert step.check_loss() is not None
        monkeypatch.setattr(losses.F, "cross_entropy", lambda output, labels: output.sum() * bad)
        step()
        with pytest.raises(MeasureError, match=r"Classifier-b2-2-fp32-train: the loss is -?(nan|inf) in train step 2"):
            step.check_loss()


class FakeScaler:
    """Scales by two; ``scale_now`` is what it has come down to."""

    def __init__(self, scale_now: float) -> None:
        self.scale_now = scale_now
        self.log: list[str] = []

    def is_enabled(self) -> bool:
        return True

    def get_scale(self) -> float:
        return self.scale_now

    def scale(self, loss: Tensor) -> Tensor:
        return loss * 2

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        self.log.append("step")

    def update(self) -> None:
        self.log.append("update")


def test_scaler_has_the_last_word_on_gradients_and_one_that_skips_all_steps_is_an_error() -> None:
    model = classifier()
    with TrainStep(model) as step:
        step()
        plain = model.module.linear.weight.grad.clone()
    with TrainStep(model) as step:
        step._scaler = FakeScaler(1024.0)  # type: ignore[assignment]
        step()
        assert torch.allclose(model.module.linear.weight.grad, 2 * plain)
        assert step._scaler.log == ["step", "update"]  # type: ignore[attr-defined]
        assert step.check_loss() is not None
        step._scaler = FakeScaler(0.5)  # type: ignore[assignment]
        with pytest.raises(MeasureError, match=r"the gradients are not finite up to train step 1"):
            step.check_loss()


@pytest.mark.parametrize(
    ("precision", "device", "enabled"), [("fp32", CPU, False), ("amp-fp16", CPU, False), ("amp-bf16", CPU, False)]
)
def test_scaler_is_for_half_precision_on_cuda(precision: str, device: torch.device, enabled: bool) -> None:
    assert TrainStep(classifier(precision=precision, device=device))._scaler.is_enabled() is enabled


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"optimizer": "lion"}, "optimizer='lion' is none of sgd, adamw"),
        ({"input": "zeros"}, "input='zeros' is none of noise, ones"),
        ({"gradients": "kept"}, "gradients='kept' is none of dropped, zeroed"),
        ({"accumulate": 0}, "accumulate=0: write a whole number of batches, 1 or more"),
        ({"accumulate": 1.5}, "accumulate=1.5: write a whole number"),
        ({"momentum": 1.0}, r"momentum=1\.0 is not from 0 up to 1"),
        ({"lr": 0.0}, r"lr=0\.0 is not a positive number"),
        ({"lr": math.nan}, "lr=nan is not a positive number"),
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "technique"),
    [
        ({}, "abn"),
        ({"accumulate": 4, "input": "ones"}, "abn+input=ones+accumulate=4"),
        ({"optimizer": "adamw", "momentum": 0.5}, "abn+adamw"),
        ({"momentum": 0.0}, "abn+momentum=0"),
        ({"gradients": "dropped"}, "abn"),
        ({"gradients": "zeroed"}, "abn+gradients=zeroed"),
        ({"gradients": "dropped", "input": "ones"}, "abn+input=ones+gradients=dropped"),
        ({"lr": 0.1}, "abn"),  # costs the same
    ],
)
def test_what_decides_the_cost_shows_in_the_case(options: dict[str, float | str], technique: str) -> None:
    case = Case("resnet50", 64, (224, 224), technique="abn")
    expected = Case("resnet50", 64, (224, 224), technique=technique, mode="train")
    assert TrainOptions(**options).case(case) == expected  # type: ignore[arg-type]


def test_steps_outside_the_with_statement_and_out_of_order_are_refused() -> None:
    step = TrainStep(classifier())
    for method in (step, step.forward, step.backward, step.optimize, step.tensors):
        with pytest.raises(UsageError, match="is taken inside its with statement"):
            method()
    with step:
        with pytest.raises(UsageError, match="no loss to go backward from"):
            step.backward()
        with pytest.raises(UsageError, match="is entered already"), step:
            pass
        step()
    with pytest.raises(UsageError, match="is taken inside its with statement"):
        step()


def test_inference_mode_around_it_does_not_keep_it_from_training() -> None:
    with torch.inference_mode(), TrainStep(classifier()) as step:
        step()
        assert step.steps == 1


class Chain(nn.Module):
    """Two layers of 4 KiB of weights, without bias: 1 KiB in, between, and out of each for a batch of 8."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(32, 32, bias=False)
        self.last = nn.Linear(32, 32, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.first(images[:, 0, :1].flatten(1)).sin())


KIB = 1024
WEIGHTS = 2 * 4 * KIB
IMAGES = 8 * 3 * 32 * 32 * 4
LABELS = 512


def chain_peak(**options: object) -> int:
    model = build(Chain, device=META, batch_size=8, image_size=32)
    with TrainStep(model, TrainOptions(**options)) as step:  # type: ignore[arg-type]
        step()
        return live_peak(step, step.tensors()).peak_bytes


def test_memory_of_the_second_step_holds_gradients_and_momentum() -> None:
    held = IMAGES + LABELS + WEIGHTS * 3  # weights, gradients, momentum
    # Alive at most at the end of the forward pass, when the old gradients are: the first layer's output and its sine,
    # the logits and their logarithm of softmax, the loss and its sum of weights.
    forward = 4 * KIB + 2 * 512
    assert chain_peak() == held + forward
    assert chain_peak(momentum=0.0) == held + forward - WEIGHTS
    # AdamW has two moments, and a count of 512 bytes for each weight. It needs most in its own step, when activations
    # are gone: for a root of every second moment, beside the gradients and the loss.
    assert chain_peak(optimizer="adamw") == held + WEIGHTS + 2 * 512 + WEIGHTS + 512


def test_gradients_zeroed_in_place_are_alive_beside_the_new_ones() -> None:
    held = IMAGES + LABELS + WEIGHTS * 3
    # The last layer's new gradient is made while there are input and output of the sine and the gradients of its output
    # and of the logits, the loss and the loss's own gradient.
    assert chain_peak(gradients="zeroed") == held + 4 * KIB + 4 * KIB + 2 * 512


def test_ones_zero_gradients_in_place_and_leave_no_gradient_of_the_images() -> None:
    assert not TrainOptions(input="ones").drops_gradients
    assert TrainOptions(input="ones", gradients="dropped").drops_gradients
    model = build(Chain, device=META, batch_size=8, image_size=32)
    with TrainStep(model, TrainOptions(input="ones")) as step:
        step()
        after = live_peak(lambda: None, step.tensors()).held_bytes
    assert after == IMAGES + LABELS + WEIGHTS * 3 + 512  # the last loss


def test_nothing_is_kept_between_steps() -> None:
    model = build(Chain, device=META, batch_size=8, image_size=32)
    with TrainStep(model) as step:
        step()
        peak = live_peak(lambda: [step() for _ in range(3)], step.tensors())
    assert peak.end_bytes == peak.held_bytes
    assert peak.peak_bytes == chain_peak()


class Keeping(Chain):
    """Makes a table in its first pass and keeps it, with what it returned last."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Tensor] = []
        self.logits: Tensor | None = None

    def forward(self, images: Tensor) -> Tensor:
        if not self.tables:
            self.tables.append(torch.zeros(8, KIB, device=images.device))
        self.logits = super().forward(images) + self.tables[0].sum()
        return self.logits


@pytest.mark.parametrize("device", [CPU, META], ids=str)
def test_what_a_model_keeps_as_attributes_is_held_until_it_is_replaced(device: torch.device) -> None:
    model = build(Keeping, device=device, batch_size=8, image_size=32)
    with TrainStep(model) as step:
        step()
        peak = live_peak(lambda: [step() for _ in range(3)], step.tensors())
        assert model.module.logits is not None
        # Weights, gradients and momentum, the table, the logits, the loss.
        assert peak.held_bytes == IMAGES + LABELS + WEIGHTS * 3 + 8 * KIB * 4 + model.module.logits.nbytes + 512
        assert peak.end_bytes == peak.held_bytes
    assert (model.module.tables, model.module.logits) == ([], None)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16", "amp-bf16"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_real_model_takes_steps_in_every_precision_on_cpu_and_meta(precision: str, accumulate: int) -> None:
    model = build("test_resnet", device=CPU, batch_size=2, image_size=32, precision=precision, num_classes=10)
    with TrainStep(model, TrainOptions(accumulate=accumulate)) as step:
        step()
        step()
        assert step.check_loss() == pytest.approx(math.log(10), rel=0.8)
        real = live_peak(step, step.tensors()).held_bytes
    with TrainStep(model.on_meta(), TrainOptions(accumulate=accumulate)) as step:
        step()
        step()
        assert step.check_loss() is None
        assert live_peak(step, step.tensors()).held_bytes == real


@pytest.mark.slow
def test_the_learning_rate_leaves_the_weights_where_they_are() -> None:
    model = build("test_resnet", device=CPU, batch_size=2, image_size=32)
    before = values(model)[: len(list(model.module.parameters()))]
    with TrainStep(model) as step:
        for _ in range(30):
            step()
        moved = max(
            float((now.detach() - then).abs().max())
            for now, then in zip(model.module.parameters(), before, strict=True)
        )
    assert 0 < moved < 30 * 10 * LEARNING_RATE * 10


@pytest.mark.slow
def test_checkpointed_models_are_trained_on_meta_in_mixed_precision() -> None:
    def checkpointed() -> nn.Module:
        import timm

        model: nn.Module = timm.create_model("test_resnet")
        model.set_grad_checkpointing()  # type: ignore[operator]
        return model

    def peak(builder: str | Callable[[], nn.Module]) -> int:
        model = build(builder, device=META, batch_size=64, image_size=64, precision="amp-bf16")
        with TrainStep(model) as step:
            step()
            return live_peak(step, step.tensors()).peak_bytes

    assert peak(checkpointed) < peak("test_resnet")


@pytest.mark.slow
def test_resnet18_is_trained_on_cpu() -> None:
    model = build("resnet18", device=CPU, batch_size=2, image_size=64)
    before = values(model)
    with TrainStep(model) as step:
        step()
        first = step.check_loss()
        step()
        assert first == pytest.approx(math.log(1000), rel=0.2)
        assert step.check_loss() == pytest.approx(first, rel=1e-2)
    assert equal(values(model), before)
