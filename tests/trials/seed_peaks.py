"""Predicted peaks of the speed and memory comparison's training steps beside the published ones, on the meta device.

Every line of the comparison: its model and technique at its own batch size, without a GPU. Two lines need the extra
`lukemelas`.
"""

import time

import torch
from machine import describe, write

from pytest_modelbench.catalog.tables import tables
from pytest_modelbench.core.errors import ModelbenchError
from pytest_modelbench.fixtures.train_step import second_step_peak
from pytest_modelbench.models.build import build

#: The distance from the published figure that is to be reached.
WITHIN = 0.015
_WORKSPACES = "probably cuDNN's workspaces of that time, which are no tensors: 0.3 to 0.7 GB, whatever the activation"
#: What may keep a line from it, by the beginning of its id. None of it could be tried: the harness is not published.
REASONS = {
    "vgg16-abn/inplace": "not known: activations of 6.5 GiB need not be kept in place, and published are 5.7 GiB less",
    "vgg16-postact/checkpoint": "how many segments the model was cut into is not said",
    "vgg16-preact/checkpoint": "how many segments the model was cut into is not said",
    "efficientnet-b1-activations": "not known: 0.1 to 0.2 GB, perhaps workspaces",
    "efficientnet-lukemelas": "not known: what that package kept in its version of the time",
    "resnet50-baseline": _WORKSPACES,
    "resnet34-activations/mish_naive": f"softplus kept its output as well then, 0.9 GB; the rest: {_WORKSPACES}",
    "resnet34-activations": _WORKSPACES,
}


def rows():
    """Row and its published peak with the case behind it, line by line."""
    for table in tables():
        if table.document == "speed":
            for row in table.rows:
                if (figure := row.figure("memory")) and figure.case:
                    yield row, figure


def main() -> None:
    machine = describe()
    figures = {}
    for row, figure in rows():
        began = time.perf_counter()
        line = {"label": row.label, "batch_size": figure.case.batch_size, "published_bytes": figure.value}
        try:
            model = build(device=torch.device("meta"), **figure.case.build_arguments())
            peak = second_step_peak(model, **figure.case.train_arguments())
            line |= {
                "predicted_bytes": peak.peak_bytes,
                "share": round(peak.peak_bytes / figure.value, 4),
                "within": abs(peak.peak_bytes / figure.value - 1) <= WITHIN,
            }
            if not line["within"]:
                line["reason"] = next((why for start, why in REASONS.items() if row.id.startswith(start)), "not known")
        except ModelbenchError as error:
            line["error"] = f"{type(error).__name__}: {error}"
        figures[row.id] = line
        shown = line.get("share", line.get("error"))
        print(f"{row.label:40} {figure.printed:>12} {shown} {time.perf_counter() - began:.1f} s", flush=True)
    write("seed_peaks", machine, figures)


if __name__ == "__main__":
    main()
