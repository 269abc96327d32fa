"""Global state of PyTorch and Python, put back after a test that changed it."""

from __future__ import annotations

import gc
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from pytest_modelbench.measure.arrival import when_imported

#: Which test runs, and in which phase: what pytest itself puts there and takes away.
_OF_PYTEST = "PYTEST_CURRENT_TEST"

_Switch = tuple[Callable[[], Any], Callable[[Any], object]]


@contextmanager
def preserved_state() -> Iterator[None]:
    """Puts back, also after an error, what benchmarks like to switch.

    Intra-op threads, float32 precision (TF32) in the legacy and the new switches, cuDNN's switches, deterministic
    algorithms, grad mode, autocast, anomaly detection, kernels of attention and of oneDNN, denormal numbers, default
    dtype and device, hooks on all modules, the garbage collector, environment variables, and the random state of
    torch, accelerator, random and numpy. If torch or numpy is imported inside, what it was right after that is put
    back. Filters of warnings are pytest's to put back.
    """
    with ExitStack() as stack:
        _keep(stack, _of_python)
        for module, switches in (("numpy", _of_numpy), ("torch", _of_torch)):
            stack.callback(when_imported(module, partial(_keep, stack, switches)))
        yield


def _keep(stack: ExitStack, switches: Callable[[], Iterator[_Switch]]) -> None:
    # Last in, first out: of what overlaps, the more special comes first here, and so is put back last.
    for get, put in switches():
        stack.callback(_put_back, get, put, _read(get))


def _put_back(get: Callable[[], Any], put: Callable[[Any], object], value: Any) -> None:
    # Only what changed: setting an inherited precision to the value it inherited would cut it off its parent.
    if value is None or _same(_read(get), value):
        return
    with warnings.catch_warnings():
        # The user chose the legacy switch, if it was used; torch's advice to use the new one is not for us.
        warnings.simplefilter("ignore")
        put(value)


def _read(get: Callable[[], Any]) -> Any:
    """The value, or None where torch refuses to tell because legacy and new switches contradict each other."""
    try:
        return get()
    except RuntimeError:
        return None


def _same(one: Any, other: Any) -> bool:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(one, torch.Tensor):
        return bool(torch.equal(one, other))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if hasattr(one, "tobytes"):  # an array in numpy's random state
        return bool(one.tobytes() == other.tobytes())
    return bool(one == other)


def _attribute(owner: Any, name: str) -> _Switch:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


def _set_gc(enabled: bool) -> None:
    if enabled:
        gc.enable()
    else:
        gc.disable()


def _contents(of: Any) -> _Switch:
    """What is in a mapping that is one and the same for everybody."""

    def put(value: Any) -> None:
        of.clear()
        of.update(value)

    return lambda: of.copy(), put


def _of_python() -> Iterator[_Switch]:
    yield random.getstate, random.setstate
    yield gc.isenabled, _set_gc
    yield _environment, _put_environment


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != _OF_PYTEST}


def _put_environment(value: dict[str, str]) -> None:
    for name in _environment().keys() - value.keys():
        del os.environ[name]
    os.environ.update(value)


def _of_numpy() -> Iterator[_Switch]:
    import numpy

    yield numpy.random.get_state, numpy.random.set_state


def _of_torch() -> Iterator[_Switch]:
    yield from _random_states()
    yield from _precisions()
    yield from _switches()


def _switches() -> Iterator[_Switch]:
    import torch

    yield torch.get_num_threads, torch.set_num_threads
    yield _attribute(torch.backends.cudnn, "enabled")
    yield _attribute(torch.backends.cudnn, "benchmark")
    yield _attribute(torch.backends.cudnn, "deterministic")
    yield (
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda value: torch.use_deterministic_algorithms(value[0], warn_only=value[1]),
    )
    yield torch.is_grad_enabled, torch.set_grad_enabled
    yield torch.is_anomaly_enabled, torch.set_anomaly_enabled
    yield torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled
    for kernel in ("flash", "mem_efficient", "math", "cudnn"):
        cuda: Any = torch.backends.cuda
        yield getattr(cuda, f"{kernel}_sdp_enabled"), getattr(cuda, f"enable_{kernel}_sdp")
    yield _attribute(torch.utils.deterministic, "fill_uninitialized_memory")
    yield torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled
    yield _flushes_denormal, torch.set_flush_denormal
    for device in ("cpu", "cuda"):
        yield partial(torch.is_autocast_enabled, device), partial(torch.set_autocast_enabled, device)
        yield partial(torch.get_autocast_dtype, device), partial(torch.set_autocast_dtype, device)
    yield torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled
    yield torch.get_default_device, _put_default_device
    for name, hooks in vars(torch.nn.modules.module).items():
        if name.startswith("_global_") and isinstance(hooks, dict):
            yield _contents(hooks)
    yield torch.get_default_dtype, torch.set_default_dtype


def _flushes_denormal() -> bool:
    """Whether numbers too small for all their digits become zero; torch does not tell, so one is tried."""
    import torch

    return not torch.tensor(1e-310, dtype=torch.float64).mul(1.0).item()


def _put_default_device(value: Any) -> None:
    import torch

    # The CPU is the default of a torch that was told nothing, which is another thing than one that was told so: then
    # each call is asked.
    torch.set_default_device(None if value.type == "cpu" else value)


def _precisions() -> Iterator[_Switch]:
    """The switches of float32 precision, in the order in which they have to be put back, backwards.

    One state, two interfaces: the legacy switches also set the new ones, so they go first; a backend's precision is
    inherited by its operators, so it goes before those.
    """
    import torch

    backends: Any = torch.backends  # its stubs lack the operators
    # Not `mkldnn.fp32_precision`: its setter in torch 2.15 sets the precision of all backends instead.
    owners = (
        backends, backends.cudnn, backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn,
        backends.mkldnn.matmul, backends.mkldnn.conv, backends.mkldnn.rnn,
    )  # fmt: skip
    for owner in reversed(owners):
        if hasattr(owner, "fp32_precision"):
            yield _attribute(owner, "fp32_precision")
    yield torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    yield _attribute(backends.cudnn, "allow_tf32")
    yield _attribute(backends.cuda.matmul, "allow_tf32")


def _random_states() -> Iterator[_Switch]:
    import torch

    yield torch.get_rng_state, torch.set_rng_state
    # Without an initialized device there is no state yet, and asking for one would create a CUDA context.
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        yield torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all
    if torch.xpu.is_initialized():  # type: ignore[no-untyped-call]
        yield torch.xpu.get_rng_state_all, torch.xpu.set_rng_state_all
    if torch.backends.mps.is_available():
        yield torch.mps.get_rng_state, torch.mps.set_rng_state
