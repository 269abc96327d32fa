"""``plan``: what a model's peak memory consists of, and what fits in a device, without one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from pytest_modelbench.cli.building import building, declare_model
from pytest_modelbench.cli.command import FINE, REFUSED, Command, Outcome
from pytest_modelbench.core.cards import memories


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the model, what it is fed, and how it is trained."""
    declare_model(parser)
    parser.add_argument("--precision", default="fp32", help="fp32, bf16, fp16, amp-bf16, amp-fp16, amp")
    parser.add_argument("--train", action="store_true", help="plan the second training step, not a forward pass")
    parser.add_argument("--optimizer", default="sgd", help="sgd or adamw; with --train")
    parser.add_argument(
        "--accumulate", metavar="N", type=int, default=1, help="batches in a training step; with --train"
    )
    parser.add_argument(
        "--fit",
        metavar="MEMORY[,MEMORY]",
        default="",
        help="tell the largest batch that fits in each memory: a size as 16GiB, or a card as t4, v100-16, rtx3070",
    )
    parser.add_argument(
        "--verify", action="store_true", help="also run it on this machine's CUDA device, and compare with the plan"
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="write the plan as a page to FILE, with the memory over the course of the step",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> Outcome:
    """The plan."""
    from pytest_modelbench.core.memory_plan import MemoryPlan
    from pytest_modelbench.report.memory_plan import render_plan
    from pytest_modelbench.workers.asking import ask

    if arguments.fit:
        memories(arguments.fit)  # what cannot be meant is told before torch is imported
    told = ask("pytest_modelbench.bench.planning", question(arguments))["plan"]
    plan = MemoryPlan.of_json(told)
    if arguments.html is not None:
        from pytest_modelbench.report.page import plan as page
        from pytest_modelbench.store.atomic import write_atomically

        write_atomically(arguments.html, page.render(plan))
    return json.dumps(told, indent=2) if arguments.json else render_plan(plan), REFUSED if plan.unverified else FINE


def question(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `bench.planning` is asked."""
    training = {"optimizer": arguments.optimizer, "accumulate": arguments.accumulate} if arguments.train else None
    asked = building(arguments)
    asked["options"]["precision"] = arguments.precision
    return {**asked, "training": training, "fit": arguments.fit, "verify": arguments.verify}


COMMAND = Command("plan", "tell what a model's peak memory consists of, and what fits in a device", declare, run)
