"""Mixed precision on meta tensors does as torch.autocast does on CUDA."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.nn import functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint

from pytest_modelbench.models.meta_autocast import (
    BANNED,
    FLOAT32,
    FLOAT32_RESULT,
    KEPT,
    LOWER,
    WIDEST,
    MetaAutocast,
)
from pytest_modelbench.models.precision import backward, forward_modes
from tests.unit.autocast_calls import CALLS

BF16, FP16, FP32 = torch.bfloat16, torch.float16, torch.float32
META = torch.device("meta")

#: Called on CUDA alone. `_cudnn_rnn` is how a GPU computes a whole recurrent layer, which is cast as one.
ON_CUDA_ALONE = {"_cudnn_rnn"}
#: Other kernels on CUDA than on meta, in any precision: only what comes out is the same.
OTHER_KERNELS = {"LSTMCell", "GRUCell", "rms_norm", "attention with dropout"}


def meta(*shape: int, dtype: torch.dtype = FP32) -> torch.Tensor:
    return torch.empty(shape, device="meta", dtype=dtype)


class Followed(TorchDispatchMode):
    """The operators that are run, with the types of what they return."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[torch.dtype, ...]]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = func._schema.name
        if name not in ("prim::device", "aten::detach", "aten::empty", "aten::uniform_"):
            self.calls.append((name, dtypes(result)))
        return result


def dtypes(values: object) -> tuple[torch.dtype, ...]:
    return tuple(leaf.dtype for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor))


@contextmanager
def autocast_of_pytorch(dtype: torch.dtype):
    """Autocast for CUDA, turned on by hand: torch.autocast asks for a GPU, which nothing that is followed needs."""
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    torch.set_autocast_enabled("cuda", True)
    torch.set_autocast_dtype("cuda", dtype)
    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        torch.autocast_decrement_nesting()
        torch.clear_autocast_cache()
        torch.set_autocast_enabled("cuda", before[0])
        torch.set_autocast_dtype("cuda", before[1])


def outcome(call, device, modes, autocast, dtype, requires_grad):
    with modes:
        tensors = [
            torch.empty(8, 8, device=device, dtype=one, requires_grad=requires_grad)
            for one in (dtype, dtype, FP32, FP32)
        ]
        with Followed() as log, autocast:
            result = call(*tensors, device)
    return dtypes(result), log.calls


@pytest.mark.skipif(
    torch.__version__.startswith("2.9.") and not torch.cuda.is_available(),
    reason="this PyTorch ends the process if its own kernels are asked where there is no driver",
)
@pytest.mark.parametrize("dtype", [FP16, BF16])
@pytest.mark.parametrize("name", CALLS)
def test_all_that_is_computed_has_the_types_of_autocast_on_cuda(name, dtype):
    """PyTorch's own kernels for it, on tensors that say that they are on CUDA, are asked in the same process."""
    for requires_grad in (True, False):
        try:
            expected = outcome(CALLS[name], "cuda", FakeTensorMode(), autocast_of_pytorch(dtype), dtype, requires_grad)
        except RuntimeError as error:
            # PyTorch 2.11 knows the result of a GRUCell by running it alone.
            if name != "GRUCell" or "no NVIDIA driver" not in str(error):
                raise
            pytest.skip("this PyTorch needs a GPU to say what comes out")
        found = outcome(CALLS[name], "meta", nullcontext(), MetaAutocast(dtype), dtype, requires_grad)
        assert found[0] == expected[0]
        if name not in OTHER_KERNELS:
            assert found[1] == expected[1]


def listed(policy: str) -> set[str]:
    """Operators by the list that PyTorch installs beside itself."""
    header = (Path(torch.__file__).parent / "include" / "ATen" / "autocast_mode.h").read_text()
    lines = re.search(rf"#define AT_FORALL_{policy}\(_\)(.*?)\n(?:\n|//|#|$)", header, re.DOTALL)
    assert lines is not None
    return set(re.findall(r"_\((?:ADD_NS\()?(\w+)", lines[1]))


def test_operators_are_those_of_pytorchs_lists():
    """With what PyTorch adds for CUDA alone, in no list of its own."""
    assert listed("LOWER_PRECISION_FP") | {"cudnn_convolution", "cudnn_convolution_transpose"} == LOWER
    assert listed("FP32_SET_OPT_DTYPE") | listed("DIFFERENT_REDISPATCH_SIGNATURE") == FLOAT32_RESULT
    # PyTorch 2.9 has no list with rms_norm in it yet.
    assert listed("FP32") | FLOAT32_RESULT | {"linalg_matrix_sqrth", "rms_norm"} == FLOAT32
    assert listed("PROMOTE") == WIDEST


def test_every_operator_that_torch_casts_is_known():
    registered = {
        name.removeprefix("aten::").split(".")[0]
        for name in torch._C._dispatch_get_all_op_names()
        if name.startswith("aten::") and torch._C._dispatch_has_kernel_for_dispatch_key(name, "AutocastCUDA")
    }
    assert registered - LOWER - FLOAT32 - WIDEST - BANNED == ON_CUDA_ALONE
    torchvisions = {
        name.removeprefix("torchvision::")
        for name in torch._C._dispatch_get_registrations_for_dispatch_key("AutocastCUDA")
        if name.startswith("torchvision::")
    }
    assert torchvisions - KEPT == {"nms"}  # which has no result without values


def test_an_operator_that_is_not_known_is_refused():
    with torch.library._scoped_library("modelbench_unknown", "FRAGMENT") as library:
        library.define("twice(Tensor x) -> Tensor")
        library.impl("twice", lambda x: x * 2, "CompositeImplicitAutograd")
        library.impl("twice", lambda x: x, "AutocastCUDA")
        with MetaAutocast(BF16), pytest.raises(NotImplementedError, match="modelbench_unknown::twice"):
            torch.ops.modelbench_unknown.twice(meta(2))
        with MetaAutocast():
            assert torch.ops.modelbench_unknown.twice(meta(2)).dtype == FP32


def test_what_autocast_refuses_is_refused():
    with MetaAutocast(FP16), pytest.raises(RuntimeError, match="binary_cross_entropy is unsafe to autocast"):
        F.binary_cross_entropy(meta(4), meta(4))
    with MetaAutocast(BF16), pytest.raises(RuntimeError, match="takes no mix"):
        torch.dot(meta(4, dtype=FP16), meta(4, dtype=FP16))


def test_tensors_on_other_devices_stay():
    with MetaAutocast(BF16):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == FP32
        assert F.binary_cross_entropy(torch.ones(2), torch.ones(2)) == 0
    with FakeTensorMode(), MetaAutocast(BF16):
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == FP32


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}])
def test_recurrent_layers_compute_in_half_precision_as_cudnn_does(kind, options):
    """In fp16, whatever autocast was asked for: aten/src/ATen/cudnn/AutocastRNN.cpp has it fixed."""
    layer = kind(8, 4, device="meta", **options)
    with Followed() as log, MetaAutocast(BF16):
        output, state = layer(meta(5, 2, 8))
        halves = layer(meta(5, 2, 8, dtype=BF16))
    assert {FP16} == {*dtypes((output, state)), *dtypes(halves)}
    created = Counter(dtype for name, found in log.calls if name != "aten::zeros" for dtype in found)
    assert set(created) == {FP16}
    output.sum().backward()
    assert {parameter.grad.dtype for parameter in layer.parameters()} == {FP32}


def test_packed_sequences_and_projections_are_followed():
    layer = nn.LSTM(8, 4, proj_size=2, device="meta")
    with MetaAutocast(FP16):
        output, _ = layer(meta(5, 2, 8))
        packed = nn.utils.rnn.PackedSequence(meta(5, 8), torch.tensor([2, 2, 1]))
        data = nn.GRU(8, 4, device="meta")(packed)[0].data
    assert (output.shape, output.dtype, data.shape, data.dtype) == ((5, 2, 2), FP16, (5, 4), FP16)


def test_weights_are_cast_once_a_context_and_get_gradients_of_their_own_type():
    layer = nn.Linear(4, 4, device="meta")
    casts = []
    for _ in range(2):
        with Followed() as log, MetaAutocast(FP16):
            loss = layer(layer(meta(2, 4))).sum()
        loss.backward()
        casts.append(Counter(log.calls)["aten::_to_copy", (FP16,)])
    # Of the images, the weight and the bias.
    assert casts == [3, 3]
    assert (layer.weight.grad.dtype, layer.bias.grad.dtype) == (FP32, FP32)


def test_the_cache_can_be_turned_off():
    layer = nn.Linear(4, 4, bias=False, device="meta")
    with Followed() as log, MetaAutocast(FP16), torch.autocast("cuda", cache_enabled=False):
        layer(layer(meta(2, 4)))
    assert Counter(log.calls)["aten::_to_copy", (FP16,)] == 3


@pytest.mark.parametrize("dtype", [FP16, BF16])
def test_a_backward_pass_is_not_cast(dtype):
    """As after torch.autocast: the gradient of a bias is summed in the type of the output."""
    layer = nn.Linear(4, 4, device="meta")
    precision = "amp-fp16" if dtype == FP16 else "amp-bf16"
    with forward_modes(precision, META):
        loss = layer(meta(2, 4)).float().sum()
    with Followed() as log:
        backward(loss, precision, META)
    assert [found for name, found in log.calls if name == "aten::sum"] == [(dtype,)]
    assert layer.bias.grad.dtype == FP32


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_checkpointing_computes_again_is_cast_again(reentrant):
    layers = [nn.Sequential(nn.Linear(4, 4, device="meta"), nn.Softmax(-1)) for _ in range(3)]
    tensor = meta(2, 4).requires_grad_()
    with Followed() as log, forward_modes("amp-bf16", META):
        for layer in layers:
            tensor = checkpoint(layer, tensor, use_reentrant=reentrant)
        loss = tensor.sum()
    products = [found for name, found in log.calls if name == "aten::addmm"]
    with Followed() as log:
        backward(loss, "amp-bf16", META)
    again = [found for name, found in log.calls if name == "aten::addmm"]
    assert products == again == [(BF16,)] * 3
    assert Counter(found for name, found in log.calls if name == "aten::_softmax") == {(FP32,): 3}


def test_a_part_that_turns_autocast_off_or_to_another_type_is_followed():
    with MetaAutocast(BF16):
        with torch.autocast("cuda", enabled=False):
            assert (meta(2, 2) @ meta(2, 2)).dtype == FP32
        with torch.autocast("cuda", dtype=FP16):
            assert (meta(2, 2) @ meta(2, 2)).dtype == FP16
        assert (meta(2, 2) @ meta(2, 2)).dtype == BF16


@pytest.mark.parametrize("dtype", [FP16, BF16])
def test_a_model_that_turns_autocast_on_by_itself_is_followed(dtype, recwarn):
    with forward_modes("fp32", META):
        assert (meta(2, 2) @ meta(2, 2)).dtype == FP32
        with torch.autocast("cuda", dtype=dtype):
            assert torch.is_autocast_enabled()
            assert (meta(2, 2) @ meta(2, 2)).dtype == dtype
        assert (meta(2, 2) @ meta(2, 2)).dtype == FP32
    assert not recwarn


def test_nothing_is_left_behind():
    def state():
        key = torch._C.DispatchKey.AutocastIPU
        return (
            torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda"), torch.clear_autocast_cache,
            torch.cuda.is_bf16_supported, torch.cuda.amp.common.amp_definitely_not_available,
            torch._C._dispatch_tls_is_dispatch_key_included(key), torch._C._dispatch_tls_is_dispatch_key_excluded(key),
        )  # fmt: skip

    off, available = torch.cuda.amp.common.amp_definitely_not_available, torch.cuda.is_bf16_supported
    before = state()
    assert before == (False, FP16, torch.clear_autocast_cache, available, off, False, True)
    for options in ({}, {"backward": True}):
        with suppress(ZeroDivisionError), MetaAutocast(BF16, **options):
            assert state() != before
            raise ZeroDivisionError
        assert state() == before
