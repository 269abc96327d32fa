"""What a module is, before and after it was used."""

import weakref
from collections import OrderedDict, defaultdict, deque

import numpy
import pytest
import torch
from torch import nn

from pytest_modelbench.models.state import state_kept


class Everything(nn.Module):
    """State of every kind that is put back."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.tied = self.layer
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("wide", torch.zeros(1, 3).expand(5, 3), persistent=False)
        self.window = self.mean[1:]
        self.count, self.name, self.cache = 0, "x", None
        self.seen, self.index, self.kinds = [torch.ones(2)], {"a": [1, 2]}, {1}
        self.recent = deque([1, 2], maxlen=2)
        self.ordered, self.counts = OrderedDict(b=1), defaultdict(int, c=2)
        self.pair = (torch.ones(1), "kept")
        self.odd = torch.eye(2).to_sparse()
        self.circle = []
        self.circle.append(self.circle)
        self.again = self.seen
        self.own = torch.Generator().manual_seed(5)

    def forward(self, x):
        y = self.layer(x)
        self.mean += 1
        self.mean = self.mean * 2
        self.wide[0, 0].fill_(3)
        self.count += 1
        self.name = "y"
        self.cache = y
        self.seen.append(y)
        self.seen[0].zero_()
        self.index["a"].append(3)
        self.index["b"] = y
        self.kinds.add(2)
        self.recent.append(3)
        self.ordered.move_to_end("b")
        self.ordered["d"] = 2
        self.counts["e"] += 1
        self.pair = (self.pair[0].mul_(7), "changed")
        self.odd = self.odd * 2
        self.layer.weight = nn.Parameter(self.layer.weight * 2)
        with torch.no_grad():
            self.layer.bias.fill_(9)
        self.layer.bias.data = torch.zeros(6)[:3]
        self.extra = nn.Linear(1, 1)
        self.made = y
        return y + torch.rand(1, generator=self.own)


def described(module):
    """All that `state_kept` promises to put back, as text."""
    parts = [{name: value for name, value in vars(part).items() if "hooks" not in name} for part in module.modules()]
    return f"{parts} {dict(module.state_dict())} {module.own.get_state().sum()}"


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_all_state_is_put_back(mode):
    module = Everything()
    before, seen = described(module), module.seen
    for _ in range(2):
        with state_kept(module), mode():
            module(torch.ones(1, 4))
            assert described(module) != before
        assert described(module) == before
    assert module.again is module.seen is seen
    assert module.tied is module.layer
    assert module.window.data_ptr() == module.mean[1:].data_ptr()
    assert isinstance(module.layer.weight, nn.Parameter)
    assert module.layer.weight.requires_grad


class HooksItself(nn.Module):
    """As transformers do to capture hidden states: in the first pass, once, as an attribute notes."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(2, 2)

    def forward(self, x):
        if not hasattr(self, "hooked"):
            self.hooked = True
            self.body.register_forward_hook(lambda part, given, output: self.seen.append(output))
            self.body.register_forward_pre_hook(lambda part, given, more: self.seen.append(1), with_kwargs=True)
        self.seen = []
        self.body(x)
        return self.seen


def test_hooks_of_a_first_pass_go_with_the_note_of_them_and_those_from_before_stay():
    module, calls = HooksItself(), []
    handle = module.body.register_forward_hook(lambda part, given, output: calls.append(1))
    for _ in range(3):
        with state_kept(module):
            assert len(module(torch.ones(1, 2))) == 2
            assert len(module(torch.ones(1, 2))) == 2
    assert len(calls) == 6
    handle.remove()
    assert len(module(torch.ones(1, 2))) == 2
    assert len(calls) == 6


def test_what_lives_on_is_the_same_object():
    module = nn.BatchNorm1d(3)
    held = [*module.parameters(), *module.buffers()]
    with state_kept(module):
        module(torch.rand(4, 3))
        assert module.num_batches_tracked == 1
    assert all(now is then for now, then in zip([*module.parameters(), *module.buffers()], held, strict=True))
    assert module.num_batches_tracked == 0


def test_nothing_is_held_on_to_that_a_pass_replaces():
    module = nn.Module()
    module.register_buffer("mean", torch.zeros(3))
    gone = []
    with state_kept(module):
        weakref.finalize(module.mean, gone.append, True)
        module.mean = torch.ones(3)
        assert gone
    assert module.mean.tolist() == [0, 0, 0]


def test_memory_that_may_not_be_written_is_left_alone_where_it_did_not_change(tmp_path):
    numpy.save(tmp_path / "weights.npy", numpy.ones(5, dtype=numpy.float32))
    module = nn.Module()
    with pytest.warns(UserWarning, match="not writable"):
        module.table = torch.from_numpy(numpy.load(tmp_path / "weights.npy", mmap_mode="r"))
    with state_kept(module):
        assert module.table.sum() == 5
    assert module.table.tolist() == [1] * 5


def test_tensors_beside_the_module_and_without_values():
    beside, module = torch.zeros(3), nn.Linear(2, 2, device="meta")
    with state_kept(module, [beside]):
        beside += 1
        module.made = 1
    assert beside.tolist() == [0, 0, 0]
    assert not hasattr(module, "made")


def test_of_a_compiled_module_values_alone():
    module = Everything()
    module.compile(backend="eager")
    with state_kept(module):
        module.count, module.made = 5, 1
        with torch.no_grad():
            module.mean += 1
    assert (module.count, module.made, module.mean.tolist()) == (5, 1, [0, 0, 0])


def test_of_a_scripted_module_values_alone():
    module = torch.jit.script(nn.Sequential(nn.BatchNorm1d(3)))
    with state_kept(module):
        module(torch.rand(4, 3))
        assert module.state_dict()["0.num_batches_tracked"] == 1
    assert module.state_dict()["0.num_batches_tracked"] == 0


def test_put_back_after_an_error():
    module = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match="more than 1 value"), state_kept(module):
        module(torch.rand(4, 3)), module(torch.rand(1, 3))
    assert module.num_batches_tracked == 0
