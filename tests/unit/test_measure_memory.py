"""Live storages in cases small enough to count by hand, and the order of questions to CUDA's allocator."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from pytest_modelbench.core.errors import MeasureError, UsageError
from pytest_modelbench.measure.memory import AllocatedPeak, LiveGrowth, LivePeak, allocated_peak, live_growth, live_peak

KB = 1024


def kilobytes(count: int, device: str = "meta") -> Tensor:
    """A tensor of ``count`` KiB."""
    return torch.ones(count * KB // 4, device=device)


@pytest.mark.parametrize("device", ["meta", "cpu"])
class TestOnDevice:
    def test_peak_is_what_was_alive_together(self, device: str) -> None:
        def run() -> None:
            a = kilobytes(8, device)
            b = a + 1  # 16
            del a
            c = b * 2  # 16
            del b, c
            kilobytes(4, device)

        assert live_peak(run) == LivePeak(peak_bytes=16 * KB, held_bytes=0, end_bytes=0)

    def test_views_and_in_place_operators_count_once(self, device: str) -> None:
        def run() -> None:
            a = kilobytes(8, device)
            b = a.view(2, -1)[0]
            b.add_(1)
            a.reshape(4, -1).t().mul_(2)
            torch._foreach_add_([a], 1.0)

        assert live_peak(run).peak_bytes == 8 * KB

    def test_view_keeps_the_whole_storage_alive(self, device: str) -> None:
        kept: list[Tensor] = []
        assert live_peak(lambda: kept.append(kilobytes(8, device)[:1])).end_bytes == 8 * KB

    def test_held_tensors_count_and_shared_ones_once(self, device: str) -> None:
        weight = kilobytes(4, device)
        peak = live_peak(lambda: weight + 1, [weight, weight.view(2, -1), weight.detach()])
        assert peak == LivePeak(peak_bytes=8 * KB, held_bytes=4 * KB, end_bytes=4 * KB)

    def test_tensor_that_nobody_declared_does_not_count_nor_do_its_views(self, device: str) -> None:
        other = kilobytes(64, device)

        def run() -> None:
            view = other.view(2, -1)
            view.add_(1)
            kilobytes(1, device)

        assert live_peak(run).peak_bytes == 1 * KB

    def test_held_tensor_released_during_the_run_stops_counting(self, device: str) -> None:
        box = [kilobytes(8, device)]

        def run() -> None:
            box.clear()
            kilobytes(4, device)

        assert live_peak(run, (tensor for tensor in box[:])).end_bytes == 0

    def test_sizes_are_rounded_up_to_512_bytes_and_empty_ones_are_nothing(self, device: str) -> None:
        kept: list[Tensor] = []

        def run() -> None:
            kept.extend(torch.zeros(n, device=device) for n in (0, 1, 128, 129))

        assert live_peak(run).end_bytes == 0 + 512 + 512 + 1024

    def test_resized_storage_counts_at_its_new_size(self, device: str) -> None:
        kept: list[Tensor] = []

        def run() -> None:
            kept.append(kilobytes(1, device))
            kept[0].resize_(16 * KB // 4)

        assert live_peak(run).end_bytes == 16 * KB

    def test_result_is_dropped_before_the_end_is_counted(self, device: str) -> None:
        assert live_peak(lambda: kilobytes(2, device)) == LivePeak(2 * KB, 0, 0)

    def test_linear_training_step_by_hand(self, device: str) -> None:
        layer = nn.Linear(256, 512, bias=False, device=device)
        batch = torch.ones(64, 256, device=device)

        def step() -> None:
            layer(batch).sum().backward()

        # Weight 512 KiB, batch 64, output 128, its gradient expanded from one number, weight's gradient 512.
        peak = live_peak(step, [layer.weight, batch])
        assert peak.held_bytes == (512 + 64) * KB
        assert peak.end_bytes == (512 + 64 + 512) * KB
        # The output is free before backward; then: loss and gradient of it, 512 bytes each.
        assert peak.peak_bytes == (512 + 64 + 512) * KB + 512 + 512

    def test_a_second_gradient_is_added_to_the_first_where_that_is(self, device: str) -> None:
        weight = kilobytes(1024, device).requires_grad_()

        def run() -> None:
            features = weight * 2
            torch.stack([(features * share).sum() for share in range(3, 7)]).sum().backward()

        # The weight, what is made of it, the sum of gradients so far, and one more: as a sum of its own were five.
        assert round(live_peak(run, [weight]).peak_bytes / weight.nbytes, 1) == 4.0

    def test_a_sum_that_a_hook_makes_of_gradients_is_new(self, device: str) -> None:
        weight = kilobytes(1024, device).requires_grad_()
        weight.register_hook(lambda grad: grad * 2 + 1)

        peak = live_peak(lambda: weight.sum().backward(), [weight])
        assert round(peak.peak_bytes / weight.nbytes, 1) == 3.0  # the weight, the product and the sum

    def test_a_linear_layer_adds_its_bias_to_its_product_and_a_sum_by_hand_is_new(self, device: str) -> None:
        layer = nn.Linear(256, 256, device=device)
        tokens = torch.ones(4, 256, 256, device=device).transpose(1, 2)
        held = [tokens, layer.weight, layer.bias]
        size = tokens.nbytes

        peak = live_peak(lambda: layer(tokens), held)
        assert peak.peak_bytes - peak.held_bytes == 2 * size  # a copy that lies one after the other, and the product
        peak = live_peak(lambda: functional.linear(tokens, layer.weight) + layer.bias, held)
        assert peak.peak_bytes - peak.held_bytes == 3 * size
        peak = live_peak(lambda: tokens @ layer.weight.t() + layer.bias, held)
        assert peak.peak_bytes - peak.held_bytes == 3 * size

    def test_same_figures_every_time(self, device: str) -> None:
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(1568, 10))
        model.to(device)
        images = torch.ones(2, 3, 16, 16, device=device)

        def step() -> None:
            model(images).sum().backward()
            model.zero_grad()

        assert len({live_peak(step, [*model.parameters(), *model.buffers(), images]) for _ in range(3)}) == 1


@pytest.mark.parametrize("device", ["meta", "cpu"])
class TestGrowth:
    def test_what_each_further_call_keeps(self, device: str) -> None:
        kept: list[Tensor] = []

        def run() -> None:
            kept.append(kilobytes(8, device) * 2)

        assert live_growth(run) == LiveGrowth(LivePeak(16 * KB, 0, 8 * KB), per_call_bytes=8 * KB, calls=12)

    def test_what_is_made_once_is_none(self, device: str) -> None:
        made: dict[str, Tensor] = {}
        grown = live_growth(lambda: made.setdefault("table", kilobytes(8, device)))
        assert grown == LiveGrowth(LivePeak(8 * KB, 0, 8 * KB), per_call_bytes=0, calls=2)

    def test_a_queue_of_the_last_results_fills_up(self, device: str) -> None:
        queue: deque[Tensor] = deque(maxlen=5)
        grown = live_growth(lambda: queue.append(kilobytes(1, device)))
        assert (grown.per_call_bytes, grown.calls) == (0, 6)

    def test_growth_in_steps_is_a_mean(self, device: str) -> None:
        blocks: list[Tensor] = [kilobytes(1, device)]
        calls = iter(range(100))

        def run() -> None:  # from the second call on, two blocks, one, two, one
            blocks.extend(kilobytes(1, device) for _ in range(1 + next(calls) % 2))

        assert live_growth(run).per_call_bytes == 1.5 * KB

    def test_reference_cycles_are_not_growth(self, device: str) -> None:
        def run() -> None:
            cycle: list[object] = [kilobytes(8, device)]
            cycle.append(cycle)

        assert live_growth(run) == LiveGrowth(LivePeak(8 * KB, 0, 8 * KB), per_call_bytes=0, calls=2)


def test_looking_for_growth_leaves_the_garbage_collector_as_it_was() -> None:
    before = (gc.isenabled(), gc.get_freeze_count())
    live_growth(lambda: kilobytes(1))
    assert (gc.isenabled(), gc.get_freeze_count()) == before
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        live_growth(lambda: kilobytes(1))
        assert gc.get_freeze_count() == frozen > 0
    finally:
        gc.unfreeze()


def test_checkpointing_trades_memory_and_the_peak_shows_it() -> None:
    layers = nn.Sequential(*(nn.Sequential(nn.Tanh(), nn.Tanh(), nn.Tanh()) for _ in range(3)))
    data = kilobytes(8).requires_grad_()

    def forward(run: Callable[[nn.Module, Tensor], Tensor]) -> Callable[[], Tensor]:
        def call() -> Tensor:
            out = data
            for layer in layers:
                out = run(layer, out)
            return out

        return call

    # Nine tanh save their outputs; checkpointed, only three inputs of three (one is `data`), two more inside a part.
    assert live_peak(forward(lambda layer, x: layer(x))).peak_bytes == 9 * 8 * KB
    saved = live_peak(forward(lambda layer, x: checkpoint(layer, x, use_reentrant=False))).peak_bytes
    assert saved == (2 + 2) * 8 * KB


def _forked(weight: Tensor) -> Tensor:
    features = weight * 2
    return torch.stack([(features * share).sum() for share in range(3, 7)]).sum()


def _recurrent(weight: Tensor) -> Tensor:
    # The first gradient of the weight is kept by what transposes it, too: the second cannot be added to it in place.
    state = torch.ones(2, 512)
    for _ in range(3):
        state = functional.linear(state, weight.view(512, 512))
    return state.sum()


@pytest.mark.parametrize("loss", [_forked, _recurrent])
def test_a_backward_pass_takes_what_the_profiler_sees(loss: Callable[[Tensor], Tensor]) -> None:
    weight = kilobytes(1024, "cpu").requires_grad_()
    tracked = live_peak(lambda: loss(weight).backward(), [weight]).peak_bytes
    weight.grad = None
    with torch.profiler.profile(profile_memory=True) as profile:
        loss(weight).backward()
    allocated = most = weight.nbytes
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            allocated += event.nbytes()
            most = max(most, allocated)
    assert tracked == pytest.approx(most, rel=0.01)


def test_new_tensors_made_from_python_values_count() -> None:
    kept: list[Tensor] = []
    assert live_peak(lambda: kept.append(torch.tensor([1.0] * 256))).end_bytes == 1 * KB


def test_sparse_tensor_counts_its_indices_and_values() -> None:
    kept: list[Tensor] = []

    def run() -> None:
        kept.append(torch.eye(256).to_sparse())

    assert live_peak(run).end_bytes == 2 * 256 * 8 + 256 * 4


@pytest.mark.filterwarnings("ignore:Sparse (CSR|CSC|BSR|BSC)")
@pytest.mark.parametrize("make", [torch.sparse_csr_tensor, torch.sparse_csc_tensor])
def test_compressed_tensor_counts_its_two_kinds_of_indices_and_values(make: Callable[..., Tensor]) -> None:
    held = make(torch.arange(257), torch.arange(256), torch.ones(256))
    ends = -(-257 * 8 // 512) * 512  # where each row begins, and the last one ends
    assert live_peak(lambda: None, [held]).held_bytes == ends + 256 * 8 + 256 * 4


def test_layout_that_cannot_be_followed_is_an_error_not_a_gap() -> None:
    with pytest.raises(MeasureError, match=r"layout torch\._mkldnn cannot be followed; measure this on a CUDA"):
        live_peak(lambda: torch.eye(4).to_mkldnn())


def test_reference_cycles_count_until_the_end_because_the_collector_is_off() -> None:
    seen = set()

    def run() -> None:
        for _ in range(3):
            cycle: list[object] = [kilobytes(1)]
            cycle.append(cycle)
            seen.add(gc.isenabled())

    assert live_peak(run).peak_bytes == 3 * KB
    assert seen == {False}
    assert gc.isenabled()


def test_error_in_the_run_is_passed_on_and_the_collector_is_on_again() -> None:
    with pytest.raises(ZeroDivisionError):
        live_peak(lambda: 1 / 0)
    assert gc.isenabled()


@given(st.lists(st.integers(1, 64), min_size=1, max_size=12))
def test_peak_of_a_chain_is_its_largest_pair_of_neighbours(sizes: list[int]) -> None:
    def run() -> None:
        links = {0: kilobytes(sizes[0])}
        for size in sizes[1:]:
            links[0] = kilobytes(size)  # the old one is alive until the new one is there

    pairs = [sum(pair) for pair in pairwise(sizes)]
    assert live_peak(run).peak_bytes == max(pairs, default=sizes[0]) * KB


class FakeCuda:
    """An allocator with an upper mark, which cuts blocks of 64 bytes; what a run asks for depends on the runs before.

    The first ``settling`` runs take 700 more, and the first leaves 7 behind. cuBLAS keeps 300.
    """

    def __init__(self, settling: int = 1) -> None:
        self.log: list[str] = []
        self.requested, self.peak, self.cached, self.workspace = 100, 5000, 9000, 0
        self._settling = settling

    def run(self) -> None:
        self.log.append("run")
        self.workspace = 300
        more = 700 if self.log.count("run") <= self._settling else 0
        self.peak = max(self.peak, self.requested + self.workspace + 40 + more)
        self.requested += 7 if self.log.count("run") == 1 else 0

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def note(name: str, value: Callable[[], object] = lambda: None) -> Callable[..., object]:
            def call(*_: object) -> object:
                self.log.append(name)
                return value()

            return call

        def in_blocks(size: int) -> int:
            return -(-size // 64) * 64

        for name, value in {
            "synchronize": lambda: None,
            "memory_allocated": lambda: self.requested + self.workspace,
            "memory_stats": lambda: {
                "requested_bytes.all.peak": self.peak,
                "requested_bytes.all.current": self.requested + self.workspace,
                "allocated_bytes.all.peak": in_blocks(self.peak),
            },
            "max_memory_reserved": lambda: self.cached,
            "mem_get_info": lambda: (600, 10_000),
            "reset_peak_memory_stats": lambda: setattr(self, "peak", self.requested + self.workspace),
            "empty_cache": lambda: setattr(self, "cached", 500),
        }.items():
            monkeypatch.setattr(torch.cuda, name, note(name, value))
        monkeypatch.setattr(gc, "collect", lambda: 0)  # a heap with torch in it costs 0.3 s each time
        for library in ("cublas", "cublaslt"):
            monkeypatch.delattr(torch.backends.cuda, f"{library}_workspace_size", raising=False)
        clear = note("clear workspaces", lambda: setattr(self, "workspace", 0))
        monkeypatch.setattr(torch._C, "_cuda_clearCublasWorkspaces", clear, raising=False)


@pytest.mark.slow
@pytest.mark.parametrize(("settling", "runs"), [(1, 3), (2, 4)])
def test_allocated_peak_is_of_a_run_like_the_one_before(
    monkeypatch: pytest.MonkeyPatch, settling: int, runs: int
) -> None:
    cuda = FakeCuda(settling)
    cuda.patch(monkeypatch)
    peak = allocated_peak(cuda.run, torch.device("cuda", 0))
    assert peak == AllocatedPeak(
        allocated_bytes=448, reserved_bytes=500, device_bytes=9_400, before_bytes=100, requested_bytes=100 + 7 + 40,
        workspace_bytes=300,
    )  # fmt: skip
    assert peak.rounding_bytes == 1
    assert cuda.log.count("run") == runs
    assert cuda.log[:7] == [
        "clear workspaces", "memory_allocated", "run", "synchronize", "empty_cache", "reset_peak_memory_stats", "run",
    ]  # fmt: skip


def test_where_each_product_asks_for_its_workspace_a_run_without_any_tells_what_is_the_models(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = FakeCuda()
    cuda.patch(monkeypatch)
    sizes = {"cublas": 32, "cublaslt": 32}

    def sized(library: str) -> Callable[..., int]:
        def setting(size: int | None = None) -> int:
            sizes[library] = sizes[library] if size is None else size
            return sizes[library]

        return setting

    for library in sizes:
        monkeypatch.setattr(torch.backends.cuda, f"{library}_workspace_size", sized(library), raising=False)

    def run() -> None:
        cuda.log.append("run")
        cuda.peak = max(cuda.peak, cuda.requested + 40 + max(sizes.values()))

    peak = allocated_peak(run, torch.device("cuda", 0))
    assert (peak.requested_bytes, peak.workspace_bytes) == (140, 32)
    assert sizes == {"cublas": 32, "cublaslt": 32}


def test_of_a_graph_that_is_replayed_the_run_that_recorded_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda(settling=0)
    cuda.patch(monkeypatch)
    asked = iter([40, 900, 10, 10, 10])

    def run() -> None:
        cuda.peak = max(cuda.peak, cuda.requested + next(asked))

    assert allocated_peak(run, torch.device("cuda", 0), replayed=True).requested_bytes == 1000


def test_what_never_settles_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda()
    cuda.patch(monkeypatch)

    def run() -> None:
        cuda.run()
        cuda.peak += cuda.log.count("run")

    allocated_peak(run, torch.device("cuda", 0))
    assert cuda.log.count("run") == 6


def test_allocated_peak_needs_cuda() -> None:
    with pytest.raises(UsageError, match="cpu has none; use live_peak, or --device=cuda"):
        allocated_peak(int, torch.device("cpu"))
