"""Global state of PyTorch and Python, put back after a test that changed it."""

from __future__ import annotations

import gc
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

from pytest_modelbench.measure.arrival import when_imported

#: Which test runs, and in which phase: what pytest itself puts there and takes away.
_OF_PYTEST = "PYTEST_CURRENT_TEST"

#: What torch.compile writes there for its own child processes.
_OF_COMPILERS = ("TORCHINDUCTOR_", "TRITON_")


@dataclass(frozen=True, slots=True)
class _Switch:
    """Something global that can be read and set. Without a ``name``, nobody is told that it was changed."""

    name: str
    get: Callable[[], Any]
    put: Callable[[Any], object]
    #: What ``name`` became, given what it is and what it was.
    change: Callable[[Any, Any], str] = lambda now, before: f"is {_short(now)}, and was {_short(before)}"


@contextmanager
def preserved_state() -> Iterator[list[str]]:
    """Puts back, also after an error, what benchmarks like to switch, and afterwards lists what had to be.

    Intra-op threads, float32 precision (TF32) in the legacy and the new switches, cuDNN's switches, deterministic
    algorithms, grad mode, autocast, anomaly detection, kernels of attention and of oneDNN, denormal numbers, default
    dtype and device, hooks on all modules, the garbage collector, environment variables, and the random state of
    torch, accelerator, random and numpy. If torch or numpy is imported inside, what it was right after that is put
    back. Filters of warnings are pytest's to put back. Random states, which any test moves, are not listed.
    """
    changes: list[str] = []
    with ExitStack() as stack:
        _keep(stack, changes, _of_python)
        for module, switches in (("numpy", _of_numpy), ("torch", _of_torch)):
            stack.callback(when_imported(module, partial(_keep, stack, changes, switches)))
        yield changes


def _keep(stack: ExitStack, changes: list[str], switches: Callable[[], Iterator[_Switch]]) -> None:
    # Last in, first out: of what overlaps, the more special comes first here, and so is put back last.
    for switch in switches():
        stack.callback(_put_back, switch, _read(switch.get), changes)


def _put_back(switch: _Switch, value: Any, changes: list[str]) -> None:
    # Only what changed: setting an inherited precision to the value it inherited would cut it off its parent.
    if value is None or _same(now := _read(switch.get), value):
        return
    if switch.name and (change := switch.change(now, value)):
        changes.append(f"{switch.name} {change}")
    with warnings.catch_warnings():
        # The user chose the legacy switch, if it was used; torch's advice to use the new one is not for us.
        warnings.simplefilter("ignore")
        switch.put(value)


def _short(value: Any) -> str:
    if value is None:
        return "contradictory"
    return str(value) if len(str(value)) < 60 else type(value).__name__


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


def _attribute(owner: Any, owner_name: str, name: str) -> _Switch:
    return _Switch(f"{owner_name}.{name}", lambda: getattr(owner, name), lambda value: setattr(owner, name, value))


def _set_gc(enabled: bool) -> None:
    if enabled:
        gc.enable()
    else:
        gc.disable()


def _contents(name: str, of: Any) -> _Switch:
    """What is in a mapping that is one and the same for everybody."""

    def put(value: Any) -> None:
        of.clear()
        of.update(value)

    return _Switch(name, of.copy, put, lambda now, before: f"holds {len(now)}, and held {len(before)}")


def _of_python() -> Iterator[_Switch]:
    yield _Switch("", random.getstate, random.setstate)
    yield _Switch("gc.isenabled()", gc.isenabled, _set_gc)
    yield _Switch("os.environ", _environment, _put_environment, _environment_change)


def _environment_change(now: dict[str, str], before: dict[str, str]) -> str:
    keys = {key for key in now.keys() | before.keys() if now.get(key) != before.get(key)}
    names = sorted(key for key in keys if not key.startswith(_OF_COMPILERS))
    return f"has another {', '.join(names)}" if names else ""


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != _OF_PYTEST}


def _put_environment(value: dict[str, str]) -> None:
    for name in _environment().keys() - value.keys():
        del os.environ[name]
    os.environ.update(value)


def _of_numpy() -> Iterator[_Switch]:
    import numpy

    yield _Switch("", numpy.random.get_state, numpy.random.set_state)


def _of_torch() -> Iterator[_Switch]:
    yield from _random_states()
    yield from _precisions()
    yield from _switches()


def _switches() -> Iterator[_Switch]:
    import torch

    yield _Switch("torch.get_num_threads()", torch.get_num_threads, torch.set_num_threads)
    for name in ("enabled", "benchmark", "deterministic"):
        yield _attribute(torch.backends.cudnn, "torch.backends.cudnn", name)
    yield _Switch(
        "torch.use_deterministic_algorithms(mode, warn_only)",
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda value: torch.use_deterministic_algorithms(value[0], warn_only=value[1]),
    )
    yield _Switch("torch.is_grad_enabled()", torch.is_grad_enabled, torch.set_grad_enabled)
    yield _Switch("torch.is_anomaly_enabled()", torch.is_anomaly_enabled, torch.set_anomaly_enabled)
    mha = torch.backends.mha
    yield _Switch("torch.backends.mha.get_fastpath_enabled()", mha.get_fastpath_enabled, mha.set_fastpath_enabled)
    for kernel in ("flash", "mem_efficient", "math", "cudnn"):
        cuda: Any = torch.backends.cuda
        name = f"{kernel}_sdp_enabled"
        yield _Switch(f"torch.backends.cuda.{name}()", getattr(cuda, name), getattr(cuda, f"enable_{kernel}_sdp"))
    yield _attribute(torch.utils.deterministic, "torch.utils.deterministic", "fill_uninitialized_memory")
    yield _Switch("torch.backends.mkldnn.flags(enabled)", torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled)
    yield _Switch("torch.set_flush_denormal(mode)", _flushes_denormal, torch.set_flush_denormal)
    for device in ("cpu", "cuda"):
        asked = partial(torch.is_autocast_enabled, device), partial(torch.set_autocast_enabled, device)
        yield _Switch(f"torch.is_autocast_enabled({device!r})", *asked)
        asked_dtype = partial(torch.get_autocast_dtype, device), partial(torch.set_autocast_dtype, device)
        yield _Switch(f"torch.get_autocast_dtype({device!r})", *asked_dtype)
    cached = torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled
    yield _Switch("torch.is_autocast_cache_enabled()", *cached)
    yield _Switch("torch.get_default_device()", torch.get_default_device, _put_default_device)
    for name, hooks in vars(torch.nn.modules.module).items():
        if name.startswith("_global_") and isinstance(hooks, dict):
            yield _contents(f"torch.nn.modules.module.{name}", hooks)
    yield _Switch("torch.get_default_dtype()", torch.get_default_dtype, torch.set_default_dtype)


def _flushes_denormal() -> bool:
    """Whether numbers too small for all their digits become zero; torch does not tell, so one is tried."""
    import torch

    return not torch.tensor(1e-310, dtype=torch.float64).mul(1.0).item()


def _put_default_device(value: Any) -> None:
    import torch

    # The CPU is the default of a torch that was told nothing, which is another thing than one that was told so: then
    # each call is asked.
    torch.set_default_device(None if value.type == "cpu" else value)
    # torch 2.9 then has none that it could tell.
    context: Any = getattr(torch, "_GLOBAL_DEVICE_CONTEXT", None)
    if context is not None and getattr(context, "device_context", context) is None:
        del context.device_context


def _precisions() -> Iterator[_Switch]:
    """The switches of float32 precision, in the order in which they have to be put back, backwards.

    One state, two interfaces: the legacy switches also set the new ones, so they go first; a backend's precision is
    inherited by its operators, so it goes before those.
    """
    import torch

    backends: Any = torch.backends  # its stubs lack the operators
    # Not `mkldnn.fp32_precision`: its setter in torch 2.15 sets the precision of all backends instead.
    owners = (
        "", ".cudnn", ".cuda.matmul", ".cudnn.conv", ".cudnn.rnn", ".mkldnn.matmul", ".mkldnn.conv", ".mkldnn.rnn",
    )  # fmt: skip
    for name in reversed(owners):
        owner = reduce(getattr, name.split(".")[1:], backends)
        if hasattr(owner, "fp32_precision"):
            yield _attribute(owner, f"torch.backends{name}", "fp32_precision")
    precision = torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    yield _Switch("torch.get_float32_matmul_precision()", *precision)
    yield _attribute(backends.cudnn, "torch.backends.cudnn", "allow_tf32")
    yield _attribute(backends.cuda.matmul, "torch.backends.cuda.matmul", "allow_tf32")


def _random_states() -> Iterator[_Switch]:
    import torch

    yield _Switch("", torch.get_rng_state, torch.set_rng_state)
    # Without an initialized device there is no state yet, and asking for one would create a CUDA context.
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        yield _Switch("", torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all)
    if torch.xpu.is_initialized():  # type: ignore[no-untyped-call]
        yield _Switch("", torch.xpu.get_rng_state_all, torch.xpu.set_rng_state_all)
    if torch.backends.mps.is_available():
        yield _Switch("", torch.mps.get_rng_state, torch.mps.set_rng_state)
