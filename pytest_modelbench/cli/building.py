"""What commands that build a model are told of it, in one way."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def declare_model(parser: argparse.ArgumentParser) -> None:
    """Add the model, and what it is fed."""
    parser.add_argument("model", metavar="MODEL", help="a timm name, or package.module:callable")
    parser.add_argument("--batch-size", metavar="N", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--image-size", metavar="N", type=int, help="default: the model's own")
    parser.add_argument("--task", help="task that a timm model is the backbone for: detection, segmentation, ...")
    parser.add_argument(
        "--technique", metavar="NAME[,NAME]", help="techniques that change the model, such as checkpoint or inplace"
    )
    parser.add_argument("--channels-last", action="store_true", help="keep images and weights in channels_last format")


def building(arguments: argparse.Namespace) -> dict[str, Any]:
    """The part of a question that says what is to be built, in whose folder."""
    options: dict[str, Any] = {"batch_size": arguments.batch_size}
    if arguments.image_size is not None:
        options["image_size"] = arguments.image_size
    if arguments.task is not None:
        options["task"] = arguments.task
    if arguments.technique is not None:
        options["technique"] = arguments.technique.split(",")
    if arguments.channels_last:
        options["channels_last"] = True
    return {"model": arguments.model, "options": options, "folder": str(Path.cwd())}
