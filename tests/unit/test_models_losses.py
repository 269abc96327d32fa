"""What a training step goes backward from, where it is the test's own or the module's own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pytest_modelbench.bench.following import followed
from pytest_modelbench.bench.peak import step_peak
from pytest_modelbench.core.errors import BuildError, MeasureError, UsageError
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.models.build import BuiltModel, build
from pytest_modelbench.models.training import TrainStep

CPU = torch.device("cpu")


class Lightning(nn.Module):
    """As a LightningModule is: what it is trained by takes a batch, and its forward pass images alone."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(12, 5)
        self.calls: list[str] = []

    def forward(self, images: Tensor) -> Tensor:
        self.calls.append("forward")
        logits: Tensor = self.backbone(images.flatten(1))
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor | dict[str, Tensor]:
        images, labels = batch
        self.calls.append(f"step {batch_idx}")
        return F.cross_entropy(self(images), labels)


class Views(nn.Module):
    """As SimCLR is trained: two views of each image, which are to be alike, and unlike those of others."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(12, 4)

    def forward(self, images: Tensor) -> Tensor:
        encoded: Tensor = self.encoder(images.flatten(1))
        return encoded


def contrastive(module: nn.Module, left: Tensor, right: Tensor) -> Tensor:
    one, other = (F.normalize(module(view), dim=1) for view in (left, right))
    return F.cross_entropy(one @ other.T / 0.1, torch.arange(len(one), device=one.device))


@dataclass
class Output:
    """As transformers' models return it."""

    loss: Tensor | None
    logits: Tensor


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 6), nn.Linear(6, 3)

    def forward(self, ids: Tensor, labels: Tensor | None = None) -> Output:
        logits = self.head(self.embed(ids).mean(1))
        return Output(None if labels is None else F.cross_entropy(logits, labels), logits)


def labelled(batch_size: int, generator: torch.Generator) -> Any:
    return (torch.randn(batch_size, 3, 2, 2, generator=generator), torch.arange(batch_size) % 5)


def tokens(batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
    return {
        "ids": torch.randint(20, (batch_size, 7), generator=generator),
        "labels": torch.randint(3, (batch_size,), generator=generator),
    }


def net(make: Callable[[], nn.Module], **options: Any) -> BuiltModel:
    return build(make, device=CPU, test_module=__name__, **{"batch_size": 4, **options})


def lightning(**options: Any) -> BuiltModel:
    return net(Lightning, inputs=labelled, **options)


def training_step(module: Lightning, images: Tensor, labels: Tensor) -> Any:
    return module.training_step((images, labels), 0)


def loss_of(model: BuiltModel, **options: Any) -> float:
    with TrainStep(model, TrainOptions(**options)) as step:
        step()
        loss = step.check_loss()
    assert loss is not None
    return loss


def test_a_step_of_ones_own_is_trained_by_and_its_module_put_back() -> None:
    model = lightning()
    images, labels = model.inputs
    weight, bias = (parameter.detach().clone().requires_grad_() for parameter in model.module.parameters())
    expected = F.cross_entropy(images.flatten(1) @ weight.T + bias, labels)
    gradient = torch.autograd.grad(expected, weight)[0]
    with TrainStep(model, TrainOptions(step=training_step, lr=0.5, momentum=0.0)) as step:
        step()
        assert step.check_loss() == pytest.approx(float(expected.detach()))
        assert torch.allclose(model.module.backbone.weight, weight - 0.5 * gradient, atol=1e-6)
        assert model.module.calls == ["step 0", "forward"]
    assert model.module.calls == []
    assert torch.equal(model.module.backbone.weight, weight)
    assert step.case.id == "Lightning-b4-3x2x2+1-fp32-momentum=0+step=training_step-train"
    assert step.recipe == "step=test_models_losses.training_step"


def test_a_step_may_return_the_loss_with_other_things() -> None:
    def with_more(module: Lightning, *batch: Tensor) -> dict[str, Tensor]:
        return {"loss": training_step(module, *batch), "accuracy": torch.ones(4)}

    assert loss_of(lightning(), step=with_more) == loss_of(lightning(), step=training_step)


def test_phases_and_accumulation_are_those_of_the_fixed_recipe() -> None:
    ended: list[str] = []
    model = lightning()
    with TrainStep(model, TrainOptions(step=training_step, accumulate=2)) as step:
        step(ended.append)
        twice = model.module.backbone.weight.grad.clone()
    assert ended == ["forward", "backward", "forward", "backward", "optimizer"]
    with TrainStep(model, TrainOptions(step=training_step)) as step:
        step()
        assert torch.allclose(model.module.backbone.weight.grad, twice, atol=1e-6)


@pytest.mark.parametrize("precision", ["amp-bf16", "bf16"])
def test_a_step_runs_in_the_precision_of_the_model(precision: str) -> None:
    seen: list[torch.dtype] = []

    def noting(module: Lightning, images: Tensor, labels: Tensor) -> Tensor:
        logits = module(images)
        seen.append(logits.dtype)
        return F.cross_entropy(logits.float(), labels)

    loss_of(lightning(precision=precision), step=noting)
    assert seen == [torch.bfloat16]


def test_inputs_are_what_they_were_for_every_step_though_one_changes_them() -> None:
    seen: list[float] = []

    def changing(module: Lightning, images: Tensor, labels: Tensor) -> Tensor:
        seen.append(float(images.sum()))
        images += 1
        return F.cross_entropy(module(images), labels)

    with TrainStep(lightning(), TrainOptions(step=changing, lr=1e-9)) as step:
        step()
        step()
    assert seen[0] == seen[1]


def test_two_views_are_trained_by_what_compares_them() -> None:
    model = net(Views, inputs=[(3, 2, 2), (3, 2, 2)])
    left, right = model.inputs
    expected = float(contrastive(model.module, left, right).detach())
    assert loss_of(model, step=contrastive) == pytest.approx(expected)


def test_the_loss_that_an_output_has_is_taken() -> None:
    model = net(Transformer, inputs=tokens)
    expected = float(model.module(**model.arguments.keywords).loss.detach())
    with TrainStep(model) as step:
        step()
        assert step.check_loss() == pytest.approx(expected)
    assert (step.recipe, step.case.id) == ("loss=output.loss", "Transformer-b4-ids=7+labels=1-fp32-train")


@pytest.mark.parametrize(
    "output",
    [
        lambda logits: {"loss": None, "logits": logits},
        lambda logits: {"loss": logits.mean(1), "logits": logits},  # of each sample
        lambda logits: {"loss": logits.mean().detach(), "logits": logits},
    ],
)
def test_what_is_no_loss_is_not_taken_for_one(output: Callable[[Tensor], Any]) -> None:
    class Odd(Lightning):
        def forward(self, images: Tensor) -> Any:
            return output(super().forward(images))

    with TrainStep(net(Odd, image_size=2)) as step:
        step()
    assert step.recipe == ""


def smooth(output: Tensor) -> Tensor:
    return output.square().mean()


def test_a_loss_of_the_output_alone() -> None:
    model = net(Lightning, image_size=2)
    with torch.no_grad():
        expected = float(model.module(model.inputs[0]).square().mean())
    assert loss_of(model, loss=smooth) == pytest.approx(expected)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(label_smoothing=0.1),
        lambda output, targets: F.cross_entropy(output, targets, label_smoothing=0.1),
        lambda *given: F.cross_entropy(*given, label_smoothing=0.1),
    ],
    ids=["a module", "a function", "any arguments"],
)
def test_a_loss_of_two_arguments_gets_seeded_labels(loss: Callable[..., Tensor]) -> None:
    model = net(Lightning, image_size=2)
    labels = torch.randint(5, (4,), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = F.cross_entropy(model.module(model.inputs[0]), labels, label_smoothing=0.1)
    assert loss_of(model, loss=loss) == pytest.approx(float(expected))


def masks(batch_size: int, generator: torch.Generator) -> Tensor:
    return torch.randint(2, (batch_size, 2, 2), generator=generator)


@pytest.mark.parametrize("loss", [F.cross_entropy, lambda output, masks=None: F.cross_entropy(output, masks)])
def test_targets_are_made_by_the_test(loss: Callable[..., Tensor]) -> None:
    model = net(lambda: nn.Conv2d(3, 2, 1), name="net", image_size=2)
    targets = masks(4, torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = F.cross_entropy(model.module(model.inputs[0]), targets)
    assert loss_of(model, loss=loss, targets=masks) == pytest.approx(float(expected))


def test_targets_count_among_what_is_alive() -> None:
    model = net(lambda: nn.Conv2d(3, 2, 1), name="net", image_size=2)
    with TrainStep(model, TrainOptions(loss=F.cross_entropy, targets=masks)) as step:
        assert [tensor.shape for tensor in step.tensors() if tensor.dtype == torch.int64] == [(4, 2, 2)]


@pytest.mark.parametrize(
    ("make", "options", "recipe"),
    [
        (lightning, {"step": training_step}, "meta, step=test_models_losses.training_step"),
        (lambda: net(Transformer, inputs=tokens), {}, "meta, loss=output.loss"),
        (lambda: net(Lightning, image_size=2), {"loss": smooth}, "meta, loss=test_models_losses.smooth"),
        (
            lambda: net(lambda: nn.Conv2d(3, 2, 1), name="net", image_size=2),
            {"loss": F.cross_entropy, "targets": masks},
            "meta, loss=functional.cross_entropy targets=test_models_losses.masks",
        ),
        (lambda: net(Lightning, image_size=2), {}, "meta"),
    ],
    ids=["a step", "the output's", "a loss", "targets", "fixed"],
)
def test_the_peak_says_whose_loss_it_is_of(
    make: Callable[[], BuiltModel], options: dict[str, Any], recipe: str
) -> None:
    found = step_peak(make(), TrainOptions(**options))
    assert found.recipe == recipe
    assert found.live.peak_bytes > 0


def test_a_step_that_needs_values_is_followed_on_the_cpu_and_nothing_but_it_is_called() -> None:
    def reading(module: Lightning, images: Tensor, labels: Tensor) -> Tensor:
        loss = training_step(module, images, labels)
        return loss if loss.item() > -1 else -loss

    with_values, on_meta = (step_peak(lightning(), TrainOptions(step=one)) for one in (reading, training_step))
    assert with_values.recipe.startswith("cpu, step=")
    assert abs(with_values.live.peak_bytes - on_meta.live.peak_bytes) <= 2 * 512


def returning(what: Any) -> Callable[..., Any]:
    def own(module: nn.Module, images: Tensor, labels: Tensor) -> Any:
        return what(training_step(module, images, labels)) if callable(what) else what  # type: ignore[arg-type]

    return own


WRONG = [
    (
        lambda loss: loss.item,
        r"step=own returns builtin_function_or_method; let it return the loss, a tensor of one nu",
    ),
    (None, "step=own returns NoneType; let it return the loss"),
    (lambda loss: (loss, loss), "step=own returns tuple; let it"),
    (lambda loss: loss.expand(2, 3), r"returns a tensor of shape \(2, 3\); let it return one number, such as its mean"),
    (
        lambda loss: loss.detach(),
        r"returns a loss without a gradient; let it compute .* without detach\(\), item\(\) or",
    ),
    (
        lambda loss: nn.Linear(1, 1)(torch.ones(1)).sum(),
        "depends on none of the module's parameters; compute it from what the mo",
    ),
]


def stepped(model: BuiltModel, options: TrainOptions) -> None:
    with TrainStep(model, options) as step:
        step()
        step.check_loss()


@pytest.mark.parametrize(("what", "message"), WRONG)
@pytest.mark.parametrize("where", ["on the device", "followed"])
def test_what_is_no_loss_is_told_in_one_line(what: Any, message: str, where: str) -> None:
    options = TrainOptions(step=returning(what))
    take = step_peak if where == "followed" else stepped
    with pytest.raises(UsageError, match=message) as caught:
        take(lightning(), options)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("Lightning-b4-3x2x2+1-fp32-step=own-train: ")


def test_a_loss_that_is_no_number_names_what_it_comes_from() -> None:
    message = "the loss is nan in train step 1; .*, or look at step=test_models_losses.own"
    with pytest.raises(MeasureError, match=message):
        stepped(lightning(), TrainOptions(step=returning(lambda loss: loss * float("nan"))))


def wrong(**options: Any) -> AbstractContextManager[Any]:
    return TrainStep(net(lambda: nn.Conv2d(3, 2, 1), name="net", image_size=2), TrainOptions(**options))


def test_a_loss_that_takes_targets_where_there_are_none_says_how_to_give_them() -> None:
    message = r"net-b4-2-fp32-loss=cross_entropy-train: loss=cross_entropy takes targets, and there are none for an out"
    with pytest.raises(UsageError, match=message), wrong(loss=F.cross_entropy) as step:
        step()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": lambda output: output.nothing}, r"AttributeError: .*; loss= is called with the output alone$"),
        (
            {"loss": F.cross_entropy, "targets": lambda n, g: torch.zeros(3)},
            "; loss= is called with the output and the t",
        ),
        ({"step": lambda module: 0}, "TypeError: .*; step= is called with the module and what inputs= makes$"),
    ],
)
def test_what_fails_in_it_is_told_with_what_it_was_called_with(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BuildError, match=message), wrong(**options) as step:
        step()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "cross_entropy"}, "train step: loss='cross_entropy' is not a function"),
        ({"step": smooth, "loss": smooth}, "step= returns the loss itself, so that loss= and targets= have no place"),
        ({"step": smooth, "targets": masks}, "step= returns the loss itself"),
        ({"targets": masks}, "targets= are for loss=, which takes them second"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainOptions(**options)


def test_an_option_that_there_is_not_is_told_with_those_that_are_near() -> None:
    with pytest.raises(
        UsageError, match=r"train step: there is no option 'los'\. Did you mean 'loss'\? There are optim"
    ):
        TrainOptions.of({"lr": 1e-3, "los": smooth})


def test_targets_that_cannot_be_made_are_told() -> None:
    with (
        pytest.raises(BuildError, match="the function given as targets= fails when it is called with batch_size=4 and"),
        wrong(loss=F.cross_entropy, targets=lambda: None),
    ):
        pass


def test_lambdas_are_told_apart_by_their_text() -> None:
    one, other = TrainOptions(loss=lambda output: output.mean()), TrainOptions(loss=lambda output: output.sum())
    assert (one.recipe, other.recipe) == ("loss=lambda output: output.mean()", "loss=lambda output: output.sum()")
    assert one.case(net(Views).case).id.endswith("-loss=lambda-train")


def test_followed_runs_the_module_first_where_nothing_else_is_said() -> None:
    class Reading(Lightning):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) if images.max() < 1e6 else images

    calls, where = followed(net(Reading, image_size=2), lambda bare: list(bare.module.calls))
    assert (calls, where) == ([], "meta")  # nothing ran there
