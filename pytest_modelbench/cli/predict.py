"""``predict``: how long a forward pass takes on devices that are not here, and how near this one is to its floor."""

from __future__ import annotations

import argparse
import json

from pytest_modelbench.cli.building import building, declare_model
from pytest_modelbench.cli.command import FINE, Command, Outcome

#: Stands among devices for the one of this machine.
_HERE = "here"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the model, what it is fed, and the devices."""
    declare_model(parser)
    parser.add_argument(
        "--device",
        metavar="NAME[,NAME]",
        default="rtx4090",
        help="devices to predict for, such as rtx4090,v100,t4; here: also run it on this machine, and compare with the "
        "least time that it needs (default: %(default)s)",
    )
    parser.add_argument("--precision", default="fp32", help="precision on this machine; other devices have their own")
    parser.add_argument("--threads", metavar="N", type=int, default=1, help="CPU threads on this machine (default: 1)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> Outcome:
    """What is foretold."""
    from pytest_modelbench.core.device_rates import paper_devices
    from pytest_modelbench.core.prediction import Here, prediction
    from pytest_modelbench.core.roofline import Work
    from pytest_modelbench.report.prediction import render_prediction
    from pytest_modelbench.workers.asking import ask

    names = [name.strip().lower() for name in arguments.device.split(",")]
    elsewhere = [name for name in names if name != _HERE]
    devices = paper_devices(",".join(elsewhere), channels_last=arguments.channels_last) if elsewhere else []
    is_here = len(elsewhere) < len(names)
    told = ask(
        "pytest_modelbench.bench.predicting",
        {
            **building(arguments),
            "precisions": sorted({device.precision for device in devices}),
            "precision": arguments.precision,
            "threads": max(1, arguments.threads) if is_here else None,
        },
    )
    passes = {precision: [Work.of_json(one) for one in work] for precision, work in told["passes"].items()}
    here = Here(**told["here"]) if is_here else None
    found = prediction(told["case"], arguments.batch_size, passes, devices, here, told["why_not_on_meta"])
    return json.dumps(found.as_json(), indent=2) if arguments.json else render_prediction(found), FINE


COMMAND = Command("predict", "predict how long a forward pass takes on devices that are not here", declare, run)
