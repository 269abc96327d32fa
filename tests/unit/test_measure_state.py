"""Everything a test may switch is put back. Each switch is changed inside and must be found as before."""

from __future__ import annotations

import gc
import os
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from pytest_modelbench.measure.state import preserved_state

BACKENDS: Any = torch.backends


def readings() -> dict[str, Any]:
    """All switches, of the legacy and the new interface."""
    return {
        "threads": torch.get_num_threads(),
        "cudnn": (BACKENDS.cudnn.enabled, BACKENDS.cudnn.benchmark, BACKENDS.cudnn.deterministic),
        "deterministic": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        "grad": torch.is_grad_enabled(),
        "anomaly": torch.is_anomaly_enabled(),
        "kernels": (
            BACKENDS.mha.get_fastpath_enabled(), BACKENDS.cuda.flash_sdp_enabled(), BACKENDS.cuda.math_sdp_enabled(),
            torch._C._get_mkldnn_enabled(),
        ),
        "uninitialized": torch.utils.deterministic.fill_uninitialized_memory,
        "denormal": (torch.tensor(1e-310, dtype=torch.float64) * 1.0).item() > 0,
        "autocast": (
            torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu"), torch.is_autocast_cache_enabled(),
        ),
        "device": torch.get_default_device(),
        "hooks": len(torch.nn.modules.module._global_forward_hooks),
        "environment": dict(os.environ),
        "dtype": torch.get_default_dtype(),
        "gc": gc.isenabled(),
        "matmul precision": torch.get_float32_matmul_precision(),
        "tf32": (BACKENDS.cuda.matmul.allow_tf32, BACKENDS.cudnn.allow_tf32),
        "precisions": [
            owner.fp32_precision
            for owner in (
                BACKENDS, BACKENDS.cudnn, BACKENDS.cuda.matmul, BACKENDS.cudnn.conv, BACKENDS.cudnn.rnn,
                BACKENDS.mkldnn, BACKENDS.mkldnn.matmul, BACKENDS.mkldnn.conv, BACKENDS.mkldnn.rnn,
            )
        ],
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tobytes(),  # type: ignore[index]
        "torch": torch.get_rng_state().tolist(),
    }  # fmt: skip


def setter(owner: Any, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(owner, name, value)


CHANGES: dict[str, Callable[[], object]] = {
    "threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "cudnn benchmark": setter(BACKENDS.cudnn, "benchmark", True),
    "cudnn deterministic": setter(BACKENDS.cudnn, "deterministic", True),
    "cudnn enabled": setter(BACKENDS.cudnn, "enabled", False),
    "deterministic": lambda: torch.use_deterministic_algorithms(True),
    "deterministic, warn only": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "grad": lambda: torch.set_grad_enabled(False),
    "dtype": lambda: torch.set_default_dtype(torch.float64),
    "anomaly": lambda: torch.autograd.set_detect_anomaly(True),
    "fast path": lambda: torch.backends.mha.set_fastpath_enabled(False),
    "flash attention": lambda: BACKENDS.cuda.enable_flash_sdp(False),
    "plain attention": lambda: BACKENDS.cuda.enable_math_sdp(False),
    "oneDNN": lambda: torch._C._set_mkldnn_enabled(False),
    "uninitialized": setter(torch.utils.deterministic, "fill_uninitialized_memory", False),
    "denormal": lambda: torch.set_flush_denormal(True),
    "autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "autocast's type": lambda: torch.set_autocast_dtype("cpu", torch.float16),
    "autocast's cache": lambda: torch.set_autocast_cache_enabled(False),
    "device": lambda: torch.set_default_device("meta"),
    "hooks": lambda: torch.nn.modules.module.register_module_forward_hook(lambda *_: None),
    "environment": lambda: os.environ.update(OMP_NUM_THREADS="7", MODELBENCH_NEW="1"),
    "gc": gc.disable,
    "matmul precision": lambda: torch.set_float32_matmul_precision("medium"),
    "legacy matmul tf32": setter(BACKENDS.cuda.matmul, "allow_tf32", True),
    "legacy cudnn tf32": setter(BACKENDS.cudnn, "allow_tf32", False),
    "new tf32 everywhere": setter(BACKENDS, "fp32_precision", "tf32"),
    "new tf32 of cuda": setter(BACKENDS.cudnn, "fp32_precision", "tf32"),
    "new tf32 of matmul, against the legacy switch": setter(BACKENDS.cuda.matmul, "fp32_precision", "tf32"),
    "new precision of convolutions": setter(BACKENDS.cudnn.conv, "fp32_precision", "ieee"),
    "new precision of the CPU": setter(BACKENDS.mkldnn.matmul, "fp32_precision", "bf16"),
    "random": random.random,
    "numpy": lambda: np.random.rand(),
    "torch": lambda: torch.rand(1),
}


@pytest.fixture(autouse=True)
def as_new() -> Iterator[None]:
    """A failing test here must not disturb others."""
    yield
    gc.enable()
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("change", CHANGES)
def test_put_back(change: str) -> None:
    before = readings()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with preserved_state():
            CHANGES[change]()
        assert readings() == before


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_one_that_would_be_noticed(change: str) -> None:
    before = readings()
    with preserved_state():
        CHANGES[change]()
        try:
            changed = readings() != before
        except RuntimeError:  # torch refuses to answer: legacy and new switches contradict each other
            changed = True
        assert changed


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_told_unless_it_is_of_random_numbers(change: str) -> None:
    with preserved_state() as told:
        CHANGES[change]()
    assert bool(told) == (change not in ("random", "numpy", "torch"))


def test_change_is_told_by_name_with_what_it_is_and_was() -> None:
    threads = torch.get_num_threads()
    with preserved_state() as told:
        torch.set_num_threads(threads + 1)
        torch.backends.cudnn.benchmark = True
        os.environ["MODELBENCH_NEW"] = "secret"
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = "where torch.compile puts what it makes"
    assert told == [
        "torch.backends.cudnn.benchmark is True, and was False",
        f"torch.get_num_threads() is {threads + 1}, and was {threads}",
        "os.environ has another MODELBENCH_NEW",
    ]
    with preserved_state() as told:
        torch.rand(1)
    assert told == []


def test_everything_at_once_is_put_back_after_an_error() -> None:
    before = readings()

    def switch_all_and_fail() -> None:
        with preserved_state():
            for change in CHANGES.values():
                change()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        switch_all_and_fail()
    assert readings() == before


def test_precision_chosen_before_is_kept() -> None:
    with preserved_state():
        torch.set_float32_matmul_precision("medium")
        before = readings()
        with preserved_state():
            torch.set_float32_matmul_precision("highest")
            BACKENDS.cudnn.allow_tf32 = False
        assert readings() == before


def test_inherited_precision_goes_on_following_its_parent() -> None:
    with preserved_state():
        BACKENDS.cudnn.fp32_precision = "tf32"
        with preserved_state():
            BACKENDS.cudnn.fp32_precision = "ieee"
        assert BACKENDS.cuda.matmul.fp32_precision == "tf32"
        BACKENDS.cudnn.fp32_precision = "ieee"
        assert BACKENDS.cuda.matmul.fp32_precision == "ieee"
    assert BACKENDS.cuda.matmul.fp32_precision != "tf32"
