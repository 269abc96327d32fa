"""Chooses what the sweep runs over: of each family of timm its smallest member, by parameters, and other kinds.

    python tests/trials/sweep_choose.py        counts every model of timm on the meta device: some minutes

Writes `results/sweep_choice.json`: each name with its family, its parameters and the image size it is run at, which is
the smallest of a few at which PyTorch, asked without the tool, runs it forward and backward in batches of two. Names
beside the smallest are in `sweep_models.OTHERS`.
"""

from __future__ import annotations

import json
import sys

import timm
import torch
from machine import RESULTS
from sweep_models import OTHERS, build_options, family_of, loss_of

CHOICE = RESULTS / "sweep_choice.json"
#: Pixels; the size that a model was made for comes last.
SIZES = (64, 96, 128, 160, 192, 224, 256)


def parameters_of(name: str) -> int:
    """How many the model has, counted on the meta device; on the CPU where a constructor reads values."""
    try:
        with torch.device("meta"):
            module = timm.create_model(name)
    except Exception:
        module = timm.create_model(name)
    return sum(parameter.numel() for parameter in module.parameters())


def smallest() -> dict[str, tuple[str, int]]:
    """Of each family, the name and parameters of its smallest member; of equal ones the first by name."""
    found: dict[str, tuple[str, int]] = {}
    for name in sorted(timm.list_models()):
        family = family_of(name)
        count = parameters_of(name)
        if family not in found or count < found[family][1]:
            found[family] = name, count
        print(f"{family:28} {name:50} {count:13,}", file=sys.stderr, flush=True)
    return found


def runs(name: str, size: int) -> str:
    """Why the model cannot be trained on two images of ``size``; nothing if it can."""
    try:
        module = timm.create_model(name, **build_options(name, size)).train()
        channels = timm.get_pretrained_cfg(name).input_size[0]
        output = module(torch.randn(2, channels, size, size))
        loss_of(output).backward()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def smallest_size(name: str) -> int:
    """The smallest image side that the model runs at; raises RuntimeError if there is none."""
    own = timm.get_pretrained_cfg(name).input_size[-1]
    tried = [*(size for size in SIZES if size < own), own]
    for size in tried:
        if not (refusal := runs(name, size)):
            return size
    raise RuntimeError(f"{name} runs at none of {tried}: {refusal}")


def main() -> None:
    torch.set_num_threads(1)
    names = dict(smallest().values())
    names |= {name: parameters_of(name) for name in OTHERS}
    chosen = {}
    for name, count in sorted(names.items(), key=lambda one: (family_of(one[0]), one[1])):
        chosen[name] = {"family": family_of(name), "parameters": count, "size": smallest_size(name)}
        print(name, chosen[name], file=sys.stderr, flush=True)
        CHOICE.write_text(json.dumps({"timm": timm.__version__, "chosen": chosen}, indent=1) + "\n")


if __name__ == "__main__":
    main()
