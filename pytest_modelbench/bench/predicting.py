"""Time on paper of a model's forward pass on devices that need not be here."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch

from pytest_modelbench.bench.following import followed, why_not_on_meta
from pytest_modelbench.core.device_rates import paper_devices
from pytest_modelbench.core.errors import ModelbenchError, UsageError, hide_own_frames
from pytest_modelbench.core.measurement import Comparability, Measurement
from pytest_modelbench.core.prediction import Predicted, predicted
from pytest_modelbench.core.roofline import Work
from pytest_modelbench.measure.ceilings import ceilings
from pytest_modelbench.measure.cost import products_one_by_one
from pytest_modelbench.measure.devices import resolve_device
from pytest_modelbench.measure.places import Places
from pytest_modelbench.measure.timer import DeviceTimer
from pytest_modelbench.measure.work import WorkRecorder
from pytest_modelbench.models.build import build
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.precision import product_dtype

__tracebackhide__ = hide_own_frames


def work_of(model: BuiltModel) -> tuple[tuple[Work, ...], str]:
    """What a forward pass of ``model`` has a device do, and where that was followed: ``meta`` or ``cpu``."""
    with products_one_by_one():
        return followed(model, _work)


def _work(bare: BuiltModel) -> tuple[Work, ...]:
    bare.forward()  # what a first pass makes and keeps is no part of the others
    with Places(bare.module) as places, WorkRecorder(places) as recorder:
        bare.forward()
    return tuple(recorder.work())


def predicted_latency(model: BuiltModel, device: str) -> Predicted:
    """Seconds of a forward pass of ``model`` on ``device``, one of `core.device_rates`, by its rates."""
    found = paper_devices(device, channels_last=model.channels_last)
    if len(found) > 1:
        raise UsageError(f"predicted_latency takes one device, and {device!r} are {len(found)}: call it for each")
    (paper,) = found
    if model.case.precision != paper.precision:
        raise UsageError(
            f"{model.case.id}: what is known of {paper.name} is known in {paper.precision}; build the model with "
            f"precision={paper.precision!r} for it"
        )
    return predicted(work_of(model)[0], paper, model.case.batch_size)


def prediction_measurement(found: Predicted, model: BuiltModel, name: str) -> Measurement:
    """``found`` as the metric ``predicted_latency``, called by its device where it has no name."""
    figures = {"device": found.device, "held_up_by": found.held_up_by}
    return Measurement.of(
        "predicted_latency", found.seconds, model.case, name or f"predicted_latency_{found.device}", figures=figures,
        comparability=Comparability(recipe=found.device),
    )  # fmt: skip


def here(model: BuiltModel) -> dict[str, Any]:
    """Seconds of a forward pass of ``model`` on its device, and those that the device cannot be below for it."""
    work, _ = work_of(model)
    with model.as_found():
        model.check_output(model.forward())
        with model.inference() as run:
            measured_s = DeviceTimer(model.device)(run).median_s
    floor_s = ceilings(model.device, product_dtype(model.case.precision)).floor_s(work)
    return {
        "device": str(model.device), "precision": model.case.precision, "measured_s": measured_s, "floor_s": floor_s,
    }  # fmt: skip


def _case(model: BuiltModel) -> str:
    """The case's id without its precision: each device has its own."""
    before, _, after = model.case.id.rpartition(f"-{model.case.precision}")
    return before + after


def main() -> None:
    """Print, as one line of JSON, the work of what the first argument asks for, which is JSON as well; or why not."""
    asked = json.loads(sys.argv[1])
    sys.path.insert(0, asked["folder"])
    try:
        told: dict[str, Any] = {"passes": {}, "why_not_on_meta": ""}
        for precision in asked["precisions"]:
            model = build(asked["model"], device=torch.device("cpu"), precision=precision, **asked["options"])
            told["passes"][precision] = [one.as_json() for one in work_of(model)[0]]
            told["why_not_on_meta"] = why_not_on_meta(model)
            told["case"] = _case(model)
        if asked["threads"] is not None:
            torch.set_num_threads(asked["threads"])
            device = torch.device(resolve_device("auto"))
            model = build(asked["model"], device=device, precision=asked["precision"], **asked["options"])
            told |= {"here": here(model), "case": _case(model)}
    except ModelbenchError as error:
        told = {"error": str(error)}
    print(json.dumps(told))
