"""Global state of PyTorch and Python, put back after a test that changed it."""

from __future__ import annotations

import gc
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

_Switch = tuple[Callable[[], Any], Callable[[Any], object]]


@contextmanager
def preserved_state() -> Iterator[None]:
    """Puts back, also after an error, what benchmarks like to switch.

    Intra-op threads, float32 precision (TF32) in the legacy and the new switches, cuDNN's switches, deterministic
    algorithms, grad mode, default dtype, the garbage collector, and the random state of torch, accelerator, random and
    numpy.
    """
    with ExitStack() as stack:
        # Last in, first out: of what overlaps, the more special comes first here, and so is put back last.
        for get, put in (*_random_states(), *_precisions(), *_SWITCHES):
            stack.callback(_put_back, get, put, _read(get))
        yield


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
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if hasattr(one, "tobytes"):  # an array in numpy's random state
        return bool(one.tobytes() == other.tobytes())
    return bool(one == other)


def _attribute(owner: Any, name: str) -> _Switch:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


def _set_deterministic(value: tuple[bool, bool]) -> None:
    enabled, warn_only = value
    torch.use_deterministic_algorithms(enabled, warn_only=warn_only)


def _set_gc(enabled: bool) -> None:
    if enabled:
        gc.enable()
    else:
        gc.disable()


_SWITCHES: tuple[_Switch, ...] = (
    (torch.get_num_threads, torch.set_num_threads),
    _attribute(torch.backends.cudnn, "enabled"),
    _attribute(torch.backends.cudnn, "benchmark"),
    _attribute(torch.backends.cudnn, "deterministic"),
    (
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        _set_deterministic,
    ),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_default_dtype, torch.set_default_dtype),
    (gc.isenabled, _set_gc),
)


def _precisions() -> Iterator[_Switch]:
    """The switches of float32 precision, in the order in which they have to be put back, backwards.

    One state, two interfaces: the legacy switches also set the new ones, so they go first; a backend's precision is
    inherited by its operators, so it goes before those.
    """
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
    yield random.getstate, random.setstate
    yield torch.get_rng_state, torch.set_rng_state
    # Without an initialized device there is no state yet, and asking for one would create a CUDA context.
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        yield torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all
    if torch.xpu.is_initialized():  # type: ignore[no-untyped-call]
        yield torch.xpu.get_rng_state_all, torch.xpu.set_rng_state_all
    if torch.backends.mps.is_available():
        yield torch.mps.get_rng_state, torch.mps.set_rng_state
    if numpy := sys.modules.get("numpy"):
        yield numpy.random.get_state, numpy.random.set_state
