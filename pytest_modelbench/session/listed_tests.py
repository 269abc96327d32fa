"""What is measured of a model that nobody wrote a test for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_modelbench.session.listed_models import parametrize as pytest_generate_tests  # noqa: F401

if TYPE_CHECKING:
    from pytest_modelbench.bench.building import BuildModel
    from pytest_modelbench.bench.modelbench import ModelBench
    from pytest_modelbench.core.listed_models import ListedModel


def inference(listed: ListedModel, build_model: BuildModel, modelbench: ModelBench) -> None:
    """Latency, throughput, memory, cost and outputs."""
    model = build_model(listed.build_name, batch_size=listed.batch_size, precision=listed.precision)
    modelbench.latency(model)
    modelbench.throughput(model)
    modelbench.peak_memory(model)
    modelbench.cost(model)
    modelbench.numerics(model)
