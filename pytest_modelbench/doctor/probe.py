"""The benchmark tests of the doctor's trial. Ordinary ones: what is true of them is true of anybody's.

A worker runs them; nothing imports this module.
"""

from __future__ import annotations

from typing import Any

from pytest_modelbench.doctor.cases import BATCH_ON_ACCELERATOR, CASES, ProbeCase


def pytest_generate_tests(metafunc: Any) -> None:
    """Parametrizes without importing pytest, which this layer does not know."""
    metafunc.parametrize("case", CASES, ids=[case.model for case in CASES])


def test_latency(case: ProbeCase, build_model: Any, modelbench: Any) -> None:
    """One record per case."""
    batch_size = 1 if modelbench.device.type == "cpu" else BATCH_ON_ACCELERATOR
    modelbench.latency(build_model(case.model, batch_size=batch_size, image_size=case.image_size))
