"""A built model: its module, inputs, passes, and how it says no."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from pytest_modelbench.core.errors import BuildError, UsageError, WeightsUnavailableError
from pytest_modelbench.models import hub
from pytest_modelbench.models.build import build

CPU = torch.device("cpu")


class Tiny(nn.Module):
    """Weights 1, 2, 3 over the mean of each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, images: Tensor) -> Tensor:
        self.seen = images
        self.was_training = self.training
        return self.norm(images).mean(dim=(2, 3)) * self.weight


class Broken(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        if images.shape[2] != 224:
            raise AssertionError(f"input height ({images.shape[2]}) does not match model (224)")
        return images


def refuse() -> nn.Module:
    raise ValueError("no such width")


def returning(output: object) -> nn.Module:
    class Fixed(nn.Module):
        def forward(self, images: Tensor) -> object:
            return output

    return Fixed()


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_weights_follow_the_seed_and_nothing_else():
    torch.manual_seed(1)
    first = build("test_resnet", device=CPU).module
    torch.manual_seed(2)
    assert same(first, build("test_resnet", device=CPU).module)
    assert not same(first, build("test_resnet", device=CPU, seed=1).module)


def test_random_state_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    model = build("test_resnet", device=CPU)
    model.forward()
    assert torch.equal(torch.rand(4), expected)


def test_inputs_are_seeded_noise_of_the_cases_shape():
    one = build(Tiny, device=CPU, batch_size=2, image_size=(4, 6)).inputs[0]
    two = build(Tiny, device=CPU, batch_size=2, image_size=(4, 6), precision="bf16", channels_last=True).inputs[0]
    assert one.shape == (2, 3, 4, 6)
    assert one.dtype == torch.float32
    assert two.dtype == torch.bfloat16
    assert two.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(one.bfloat16(), two)
    assert not torch.equal(one, build(Tiny, device=CPU, batch_size=2, image_size=(4, 6), seed=1).inputs[0])


def test_inputs_have_the_channels_that_the_model_takes():
    model = build("test_resnet", device=CPU, in_chans=1, image_size=32)
    assert model.inputs[0].shape == (1, 1, 32, 32)
    assert model.forward().shape == (1, 1000)


def test_model_made_for_one_size_is_built_for_the_one_asked_for():
    model = build("vit_tiny_patch16_224", device=torch.device("meta"), image_size=(96, 64))
    assert model.forward().shape == (1, 1000)


@pytest.mark.parametrize(
    ("precision", "stored", "computed"),
    [
        ("fp32", torch.float32, torch.float32),
        ("bf16", torch.bfloat16, torch.bfloat16),
        ("amp-bf16", torch.float32, torch.bfloat16),
    ],
)
def test_precision_is_that_of_weights_or_of_autocast(precision, stored, computed):
    model = build("test_resnet", device=CPU, precision=precision, image_size=32)
    assert {p.dtype for p in model.module.parameters()} == {stored}
    assert model.forward().dtype == computed
    assert model.on_meta().forward().dtype == computed


def test_channels_last_reaches_the_weights():
    weight = build("test_resnet", device=CPU, channels_last=True).module.layer1[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_compiling_is_left_to_torch_and_keeps_the_module(monkeypatch):
    calls = []
    monkeypatch.setattr(Tiny, "compile", lambda self, **options: calls.append(options))
    model = build(Tiny, device=CPU, compile={"mode": "max-autotune"})
    assert isinstance(model.module, Tiny)
    assert calls == [{"mode": "max-autotune"}]
    assert build(Tiny, device=CPU, compile=True).on_meta().module.weight.is_meta
    assert len(calls) == 1


def test_forward_runs_in_eval_mode_without_gradients():
    model = build(Tiny, device=CPU, image_size=4)
    assert not model.forward().requires_grad
    assert model.forward().is_inference()
    assert not model.module.was_training


def test_backward_trains_in_between_and_leaves_no_gradients(monkeypatch):
    gradients = {}
    model = build(Tiny, device=CPU, batch_size=2, image_size=4)
    model.module.weight.register_hook(lambda gradient: gradients.update(weight=gradient))
    model.module.norm.train()  # not as the rest: each part gets its own mode back
    model.forward_backward()
    assert model.module.was_training
    # Weights are trained, images are not: their gradient would count in the memory of a frozen model.
    assert not model.module.seen.requires_grad
    assert gradients["weight"].shape == (3,)
    assert model.module.weight.grad is None
    assert not model.inputs[0].requires_grad
    assert model.inputs[0].grad is None
    assert (model.module.training, model.module.norm.training) == (False, True)


def test_backward_works_when_module_and_inputs_were_first_used_in_inference_mode():
    model = build(Tiny, device=CPU, batch_size=2, image_size=4)
    with torch.inference_mode():
        _ = model.module, model.inputs
        model.forward_backward()


def test_training_mode_is_restored_after_a_failure():
    model = build(Broken, device=CPU, image_size=8)
    with pytest.raises(BuildError, match="cannot be trained on cpu: AssertionError"):
        model.forward_backward()
    assert not model.module.training


def test_loss_takes_every_floating_output():
    weight = nn.Parameter(torch.ones(2))

    class Many(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = weight

        def forward(self, images: Tensor) -> object:
            return {"a": [self.weight * 2, torch.tensor(3)], "b": (self.weight.half() * 5,)}

    gradients = []
    weight.register_hook(gradients.append)
    build(Many, device=CPU).forward_backward()
    assert [g.tolist() for g in gradients] == [[7.0, 7.0]]


def test_output_without_numbers_cannot_be_trained_on():
    with pytest.raises(BuildError, match="returns tuple without a floating point tensor"):
        build(lambda: returning((torch.tensor(1), "text")), device=CPU, name="ints").forward_backward()


def test_meta_model_has_shapes_and_no_weights(tmp_path):
    checkpoint = tmp_path / "weights.pth"
    torch.save(Tiny().state_dict(), checkpoint)
    model = build(Tiny, device=CPU, batch_size=2, image_size=4, checkpoint=checkpoint)
    meta = model.on_meta()
    assert (meta.device.type, meta.case) == ("meta", model.case)
    assert all(tensor.is_meta for tensor in meta.tensors())
    assert len(meta.tensors()) == 3 + 3 + 1  # parameters, running statistics, input
    output = meta.forward()
    assert (output.shape, output.device.type) == ((2, 3), "meta")
    meta.forward_backward()
    meta.check_output(output)


def test_meta_model_of_pretrained_fetches_nothing(monkeypatch):
    monkeypatch.setattr(hub, "_probe", lambda config: pytest.fail("asked the hub"))
    assert build("test_resnet", device=CPU, pretrained=True).on_meta().forward().shape == (1, 1000)


def test_constructor_that_reads_values_still_gets_onto_meta():
    def stepped() -> nn.Module:
        return nn.Conv2d(3, int(torch.linspace(1, 5, 3)[1].item()), 1)

    assert build(stepped, device=CPU, image_size=4).on_meta().forward().shape == (1, 3, 4, 4)


def test_builder_that_raises_is_named_with_its_cause():
    with pytest.raises(
        BuildError, match="refuse-b1-224-fp32 cannot be built on cpu: ValueError: no such width"
    ) as info:
        _ = build(refuse, device=CPU).module
    assert isinstance(info.value.__cause__, ValueError)
    with pytest.raises(BuildError, match="no such width"):
        _ = build(refuse, device=CPU).on_meta().module


def test_builder_that_returns_no_module_is_refused():
    with pytest.raises(BuildError, match=r"dict-b1-224-fp32: the builder returns dict, not a torch\.nn\.Module"):
        _ = build(dict, device=CPU).module


def test_refused_image_size_comes_with_a_hint():
    with pytest.raises(
        BuildError,
        match=r"Broken-b1-8-fp32 cannot be run on cpu: .*height \(8\).*; images of 8x8 do not fit it, "
        r"those of 224x224 do: pass image_size=224",
    ) as info:
        build(Broken, device=CPU, image_size=8).forward()
    assert isinstance(info.value.__cause__, AssertionError)


def test_out_of_memory_suggests_a_smaller_batch(monkeypatch):
    def exhausted(self: nn.Module, images: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Broken, "forward", exhausted)
    with pytest.raises(BuildError, match=r"pass a smaller batch_size \(it is 64\)"):
        build(Broken, device=CPU, batch_size=64, image_size=4).forward()


def test_values_that_are_not_finite_are_counted_where_they_are():
    model = build(Tiny, device=CPU, image_size=4)
    nan, inf = float("nan"), float("inf")
    model.check_output(OrderedDict(a=[torch.ones(2)], b=(None, "text", torch.ones(1, dtype=torch.int64))))
    bad = {"boxes": [torch.tensor([1.0, nan, inf, -inf])], "scores": (torch.ones(1), torch.tensor([nan]))}
    with pytest.raises(BuildError) as info:
        model.check_output(bad)
    assert str(info.value).startswith(
        f"{__name__}.Tiny-b1-4-fp32 on cpu returns values that are not finite: "
        "output['boxes'][0]: 3 of 4 values (1 NaN, 2 inf); output['scores'][1]: 1 of 1 values (1 NaN, 0 inf); "
    )


def test_values_that_are_not_finite_are_found_in_dataclasses_and_complex_tensors():
    @dataclass
    class Output:
        logits: Tensor
        states: list

    model = build(Tiny, device=CPU, image_size=4)
    nan = torch.tensor([float("nan")])
    model.check_output(Output(torch.ones(1), [torch.ones(2, dtype=torch.complex64)]))
    with pytest.raises(BuildError, match=r"output\.states\[0\]\['x'\]: 1 of 1 values"):
        model.check_output(Output(torch.ones(1), [{"x": nan}]))
    with pytest.raises(BuildError, match=r"output: 1 of 4 values \(1 NaN"):
        model.check_output(torch.complex(torch.ones(2), torch.tensor([0.0, float("nan")])))


def test_predict_takes_images_of_any_type_and_count():
    model = build("test_resnet", device=CPU, precision="bf16", channels_last=True, image_size=32)
    output = model.predict(torch.zeros(3, 3, 32, 32))
    assert (output.shape, output.dtype) == ((3, 1000), torch.bfloat16)


def test_number_of_classes_is_asked_of_the_module():
    assert build("test_resnet", device=CPU, num_classes=7).num_classes == 7
    with pytest.raises(UsageError, match="Tiny does not say how many classes it has"):
        _ = build(Tiny, device=CPU).num_classes


def http_error() -> Exception:
    """What huggingface_hub's HTTP library raises, whichever it is."""
    return hub._FETCH_ERRORS[1]("name not known")


@pytest.mark.parametrize("error", [http_error, lambda: ConnectionError("refused"), lambda: TimeoutError("timed out")])
def test_unreachable_hub_is_said_at_once_without_a_download(monkeypatch, error):
    def unreachable(*args: object, **kwargs: object) -> None:
        raise error()

    monkeypatch.setattr(hub.huggingface_hub, "try_to_load_from_cache", lambda *args: None)
    monkeypatch.setattr(hub.huggingface_hub, "get_hf_file_metadata", unreachable)
    monkeypatch.setattr("timm.create_model", lambda *args, **kwargs: pytest.fail("tried to download"))
    with pytest.raises(
        WeightsUnavailableError, match=r"test_resnet: the hub .* is unreachable .*checkpoint=PATH"
    ) as info:
        _ = build("test_resnet", device=CPU, pretrained=True).module
    assert "\n" not in str(info.value)


def test_cached_weights_need_no_hub(monkeypatch):
    monkeypatch.setattr(hub.huggingface_hub, "try_to_load_from_cache", lambda *args: "/cache/model.safetensors")
    monkeypatch.setattr(hub.huggingface_hub, "get_hf_file_metadata", lambda *args, **kwargs: pytest.fail("asked"))
    monkeypatch.setattr("timm.create_model", lambda name, pretrained: Tiny() if pretrained else None)
    assert isinstance(build("test_resnet", device=CPU, pretrained=True).module, Tiny)


def test_fault_of_ones_own_is_not_blamed_on_the_hub(monkeypatch):
    monkeypatch.setattr(hub, "_probe", lambda config: None)
    with pytest.raises(BuildError, match=r"TypeError.*nonsense") as info:
        _ = build("test_resnet", device=CPU, pretrained=True, nonsense=1).module
    assert not isinstance(info.value, WeightsUnavailableError)


def test_tensors_move_and_keep_their_values_and_their_ties():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.again = self.conv
            whole = torch.arange(8.0)
            self.register_buffer("left", whole[:4])
            self.register_buffer("right", whole[4:])
            self.encode, self.decode = nn.Linear(3, 5), nn.Linear(5, 3)
            self.decode.weight.data = self.encode.weight.data.t()

        def forward(self, x):
            return self.again(self.conv(x)[:, :3]).mean() + self.left.sum() * self.right.sum()

    model = build(Tied, device=torch.device("cpu"), image_size=16)
    before, output = {id(t): (t.data_ptr(), t.clone()) for t in model.tensors()}, model.forward()
    kept = list(model.tensors())
    model.renew()
    assert [id(tensor) for tensor in model.tensors()] == [id(tensor) for tensor in kept]
    moved = {tensor.data_ptr() != before[id(tensor)][0] for tensor in model.module.conv.parameters()}
    assert moved == {True}
    assert all(torch.equal(tensor, before[id(tensor)][1]) for tensor in kept)
    # Halves of one memory and views of one another stay so: what is written to the one is seen in the other.
    module = model.module
    assert module.right.data_ptr() == module.left.data_ptr() + 4 * module.left.element_size()
    with torch.no_grad():
        module.encode.weight[4, 1] = 7
    assert module.decode.weight[1, 4] == 7
    assert torch.equal(model.forward(), output)
    assert all(parameter.requires_grad for parameter in model.module.parameters())


def test_a_checkpointed_model_is_trained_on_meta_in_mixed_precision():
    """Its parts run forward again in the backward pass, in the precision of the first time."""
    model = build("test_resnet", device=torch.device("meta"), precision="amp-bf16", technique="checkpoint")
    model.forward_backward()
    assert all(parameter.grad is None for parameter in model.module.parameters())
