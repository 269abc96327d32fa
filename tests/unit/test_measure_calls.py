"""What a run asks of PyTorch's dispatcher, counted by part of the model; the same on meta as on the CPU."""

import numpy as np
import pytest
import torch
from torch import nn

from pytest_modelbench.measure.calls import Calls
from pytest_modelbench.measure.places import Places


class Net(nn.Module):
    def __init__(self, run):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True))
        self.run = run

    def forward(self, images):
        return self.run(self.body(images))


def counted(run, device="cpu"):
    net, images = Net(run).to(device), torch.ones(2, 3, 8, 8, device=device)
    with torch.no_grad(), Places(net) as places, Calls(places) as calls:
        net(images)
    return calls


BODY = {("body.0", "aten::convolution"): 1, ("body.1", "aten::relu_"): 1}
#: Bytes of what the convolution returns.
SIZE = 2 * 4 * 8 * 8 * 4


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize(
    ("run", "operators", "copied", "allocated"),
    [
        (lambda x: x.flatten(1).unsqueeze(0)[:, 1:].detach(), {}, {}, {}),
        (lambda x: x.add_(1), {"aten::add_": 1}, {}, {}),
        (lambda x: x + 1, {"aten::add": 1}, {}, {"aten::add": 1}),
        (lambda x: x.contiguous(), {}, {}, {}),
        (lambda x: x.permute(0, 2, 3, 1).contiguous(), {"aten::clone": 1}, {"aten::clone": SIZE}, {"aten::clone": 1}),
        (
            lambda x: x.half().half(),
            {"aten::_to_copy": 1},
            {"aten::_to_copy float32 to float16": SIZE // 2},
            {"aten::_to_copy": 1},
        ),
        (
            lambda x: torch.empty(x.shape, dtype=torch.float64, device=x.device).copy_(x),
            {"aten::copy_": 1},
            {"aten::copy_ float32 to float64": 2 * SIZE},
            {"aten::empty": 1},
        ),
        (lambda x: torch.topk(x, 2), {"aten::topk": 1}, {}, {"aten::topk": 2}),
    ],
    ids=["views", "in place", "new", "nothing to do", "layout", "cast", "copy", "two outputs"],
)
def test_views_are_nothing_and_copies_are_told_in_bytes(device, run, operators, copied, allocated):
    calls = counted(run, device)
    assert calls.operators == {**BODY, **{("", name): count for name, count in operators.items()}}
    assert calls.copied_bytes == {("", name): size for name, size in copied.items()}
    assert calls.allocations == {
        ("body.0", "aten::convolution"): 1,
        **{("", name): count for name, count in allocated.items()},
    }
    assert not calls.synchronizations


@pytest.mark.parametrize(
    ("run", "waits"),
    [
        (lambda x: x * x.sum().item(), {"aten::_local_scalar_dense": 1}),
        (lambda x: x if x.sum() > 0 else -x, {"aten::_local_scalar_dense": 1}),
        (lambda x: x[x > 0], {"aten::index": 1}),
        (lambda x: x[torch.tensor([0, 1])], {}),
        (lambda x: x.nonzero(), {"aten::nonzero": 1}),
        (lambda x: torch.where(x > 0, x, 0), {}),
        (lambda x: x.masked_fill(x > 0, 0), {}),
        (lambda x: torch.unique(x), {"aten::_unique2": 1}),
        (lambda x: x.cpu(), {"Tensor.cpu": 1}),
        (lambda x: x.to("cpu"), {"Tensor.to": 1}),
        (lambda x: x.to(x.device), {}),
        (lambda x: torch.from_numpy(x.cpu().numpy()), {"Tensor.cpu": 1, "Tensor.numpy": 1}),
        (lambda x: np.asarray(x), {"Tensor.__array__": 1}),
        (lambda x: x.sum((1, 2, 3)).tolist(), {"Tensor.tolist": 1}),
        (lambda x: torch.repeat_interleave(torch.tensor([1, 2])), {"aten::repeat_interleave": 1}),
    ],
)
def test_the_host_waits_for_whatever_has_a_value_for_it(run, waits):
    assert counted(run).synchronizations == {("", name): count for name, count in waits.items()}


def test_what_the_backward_pass_does_is_of_the_part_that_it_is_the_gradient_of():
    net = Net(lambda x: x.mean())
    with Places(net) as places, Calls(places) as calls:
        net(torch.ones(2, 3, 8, 8)).backward()
    assert calls.operators["body.0", "aten::convolution_backward"] == 1
    assert calls.operators["body.1", "aten::threshold_backward"] == 1


def test_what_is_done_around_the_model_is_not_its_own():
    net, images = Net(lambda x: x), torch.ones(2, 3, 8, 8)
    with torch.no_grad(), Places(net) as places, Calls(places) as calls:
        net(images.clone()).sum().item()
    assert (calls.operators, calls.copied_bytes, calls.synchronizations) == (BODY, {}, {})


def test_an_operator_that_calls_others_is_one_and_a_number_that_becomes_a_tensor_is_no_copy():
    halves = counted(lambda x: torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x * 2, (x,)))
    assert halves.operators["", "cond"] == 1
    assert counted(lambda x: torch.vmap(lambda row: row.sum() * 2)(x)).operators["", "aten::mul"] == 1


def test_nothing_is_left_behind():
    counted(lambda x: x.cpu())
    calls = counted(lambda x: x + 1)
    torch.ones(2).cpu()
    assert not calls.synchronizations
