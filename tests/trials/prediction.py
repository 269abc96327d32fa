"""Calibrates `core.roofline` by timm's published timings, and measures its error on models it has not seen.

    python tests/trials/prediction.py FOLDER [--rates]
    python tests/trials/prediction.py table

FOLDER is what `prediction_work.py` made. For each published file: rates fitted to four fifths of the models, the error
on the other fifth, five times; fifths of models at random, and fifths of families (a file of timm's), so that nothing
of a kind was seen. Beside them the same with three sums alone (multiply-accumulates, bytes written, operators). Then
what a card's rates foretell of another card, scaled by what the vendors say of both. Figures go to
``results/prediction.json``; with ``--rates`` the rates fitted to all models go into the package.
"""

import csv
import json
import math
import random
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from machine import RESULTS, describe, write
from prediction_work import SETUPS
from scipy.optimize import nnls
from scipy.stats import spearmanr
from sweep_models import family_of

from pytest_modelbench.core.device_rates import PATH, SPECIFICATIONS
from pytest_modelbench.core.roofline import OperatorKind, Work

FILES = {
    "rtx3090-nchw": "amp", "rtx4090-nchw": "amp", "rtx4090-nhwc": "amp-nhwc", "rtx5090-nchw": "amp",
    "pro6000maxq-nchw": "amp", "i9_10940x-dynamo": "fp32", "i7_12700h-dynamo": "fp32",
}  # fmt: skip
#: From whose rates, to which file, of one generation or not.
TRANSFERS = [
    ("rtx5090-nchw", "pro6000maxq-nchw"), ("pro6000maxq-nchw", "rtx5090-nchw"), ("rtx4090-nchw", "rtx5090-nchw"),
    ("rtx5090-nchw", "rtx4090-nchw"), ("rtx3090-nchw", "rtx4090-nchw"), ("rtx4090-nchw", "rtx3090-nchw"),
]  # fmt: skip
#: Images of a pass that `prediction_work.py` followed.
BATCHES = {name: setup["batch_size"] for name, setup in SETUPS.items()}
KINDS = list(OperatorKind)
FOLDS = 5
STEPS = 400
#: Beyond this error a model pulls no harder: what is another model than the published one must not bend the rest.
DELTA = 0.05
#: Models that somebody might time on a card of their own, to set two numbers by.
FEW = 20
PARAMETERS = ("s_per_mac", "s_per_byte", "half_depth", "half_width", "read_share")


@dataclass
class Table:
    """Operators of all models in columns, each row per image."""

    models: list[tuple[str, int]]
    columns: dict[str, torch.Tensor]
    seconds: torch.Tensor  #: published, per image

    @classmethod
    def of(cls, work, published):
        models = [key for key in published if key in work and not key[0].startswith("test_")]
        rows = [(index, *row, calls) for index, key in enumerate(models) for row, calls in work[key].items()]
        data = torch.tensor(rows, dtype=torch.float64).T
        names = ("model", "kind", "macs", "depth", "width", "read", "written", "bias", "calls")
        columns = dict(zip(names, data, strict=True))
        columns |= {name: columns[name].long() for name in ("model", "kind")}
        return cls(models, columns, torch.tensor([published[key] for key in models], dtype=torch.float64))

    def sum(self, values):
        return torch.zeros(len(self.models), dtype=torch.float64).index_add(0, self.columns["model"], values)


def predicted(table, logs, device_of_calls):
    """Seconds per image, as `core.roofline` computes them; of all models at once, and with gradients."""
    column, kind = table.columns, table.columns["kind"]
    of = {name: torch.exp(logs[name])[kind] for name in PARAMETERS}
    compute = column["macs"] * of["s_per_mac"]
    compute = compute * (1 + of["half_depth"] / column["depth"]) * (1 + of["half_width"] / column["width"])
    memory = (column["read"] * of["read_share"] + column["written"]) * of["s_per_byte"]
    memory = memory + column["bias"] * torch.exp(logs["bias"])
    power = 1 + torch.exp(logs["sharpness"])
    least = 1e-15  # far below any operator's seconds, so that nothing divides by nothing
    longer = ((compute + least) ** power + (memory + least) ** power) ** (1 / power)
    # What a call takes besides is hidden by a batch of hundreds, on a device that is asked ahead of time.
    return table.sum(column["calls"] * (longer + (torch.exp(logs["call"]) if device_of_calls else 0.0)))


def fitted(table, chosen, single_images):
    """Logarithms of all rates, by the models in ``chosen``."""
    macs, written = table.sum(table.columns["macs"] * table.columns["calls"]), table.sum(table.columns["written"])
    start = {"s_per_mac": math.log(float((table.seconds / macs).median()) / 2),
             "s_per_byte": math.log(float((table.seconds / written).median()) / 4),
             "half_depth": 2.0, "half_width": 2.0, "read_share": 0.0}  # fmt: skip
    logs = {name: torch.full((len(KINDS),), value, dtype=torch.float64) for name, value in start.items()}
    logs |= {"bias": torch.tensor(start["s_per_byte"] + 0.7), "sharpness": torch.tensor(0.0),
             "call": torch.tensor(math.log(1e-6))}  # fmt: skip
    logs = {name: value.double() for name, value in logs.items()}
    first = {name: value.clone() for name, value in logs.items()}
    for value in logs.values():
        value.requires_grad_()
    descent = torch.optim.Adam(logs.values(), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(descent, STEPS)
    target = torch.log(table.seconds)
    for _ in range(STEPS):
        descent.zero_grad()
        error = (torch.log(predicted(table, logs, single_images)) - target)[chosen]
        loss = torch.nn.functional.huber_loss(error, torch.zeros_like(error), delta=DELTA) / DELTA
        # Kinds that few models have stay near where they began.
        loss = loss + 1e-4 * sum(((value - first[name]) ** 2).sum() for name, value in logs.items())
        loss.backward()
        descent.step()
        schedule.step()
    return {name: value.detach() for name, value in logs.items()}


def folds(table, group):
    """A fold for each model; those of one group share one. Of even sizes, and the same each time."""
    groups = [group(name) for name, _ in table.models]
    sizes, load, of = Counter(groups), [0] * FOLDS, {}
    names = sorted(sizes)
    random.Random(0).shuffle(names)
    for name in sorted(names, key=lambda name: -sizes[name]):
        of[name] = load.index(min(load))
        load[of[name]] += sizes[name]
    return torch.tensor([of[name] for name in groups])


def unseen(table, group, predict):
    """Of each model what was foretold by the others."""
    of, found = folds(table, group), torch.zeros_like(table.seconds)
    for fold in range(FOLDS):
        found[of == fold] = predict(of != fold)[of == fold]
    return found


def plain(table):
    """What three sums foretell by themselves."""
    column = table.columns
    sums = [table.sum(column["macs"] * column["calls"]), table.sum(column["written"] * column["calls"]),
            table.sum(column["calls"])]  # fmt: skip
    features = torch.stack([*sums, torch.ones_like(sums[0])], 1)
    scaled = (features / features.mean(0)).numpy()

    def predict(chosen):
        seconds = table.seconds.numpy()
        relative = scaled[chosen.numpy()] / seconds[chosen.numpy()][:, None]
        found, _ = nnls(relative, np.ones(len(relative)))
        return torch.tensor(scaled @ found)

    return predict


def figures(table, found, left_out=None):
    of = torch.ones(len(table.models), dtype=torch.bool) if left_out is None else ~left_out
    error = (found / table.seconds - 1).abs()
    worst = sorted(zip(error.tolist(), table.models, strict=True), reverse=True)[:10]
    error = error[of]
    return {
        "models": len(error), "median": error.median().item(), "within_75": error.quantile(0.75).item(),
        "within_90": error.quantile(0.9).item(), "rank": float(spearmanr(found[of], table.seconds[of]).statistic),
        "worst": [{"model": name, "image_size": size, "error": round(off, 3)} for off, (name, size) in worst],
    }  # fmt: skip


def as_rates(logs, single_images):
    """What the package keeps."""
    values = {name: torch.exp(value) for name, value in logs.items()}
    return {
        "by_kind": {
            kind.value: {name: float(f"{values[name][index]:.4g}") for name in PARAMETERS}
            for index, kind in enumerate(KINDS)
        },
        "bias_s_per_byte": float(f"{values['bias']:.4g}"),
        "sharpness": round(1 + float(values["sharpness"]), 3),
        "call_s": float(f"{values['call']:.3g}") if single_images else 0.0,
    }


def transferred(logs, source, target):
    """Rates of ``source``'s card for ``target``'s, by what the vendors say of both."""
    one, other = (SPECIFICATIONS[name.partition("-")[0]] for name in (source, target))
    compute, memory = math.log(other.flops / one.flops), math.log(other.bytes_per_s / one.bytes_per_s)
    return {**logs, "s_per_mac": logs["s_per_mac"] - compute, "s_per_byte": logs["s_per_byte"] - memory,
            "bias": logs["bias"] - memory}  # fmt: skip


def alike(work, batch):
    """How often each operator is called, whichever part of the model it is of; sizes per image."""
    calls = Counter()
    for one in work:
        sizes = (one.read_bytes / batch, one.written_bytes / batch, one.bias_bytes / batch)
        calls[(KINDS.index(one.kind), one.macs / batch, one.depth, one.width, *sizes)] += one.calls
    return calls


def rescaled(table, logs):
    """What rates foretell once their two ceilings are set by a few models of the card, and which models those are."""
    chosen = torch.zeros(len(table.models), dtype=torch.bool)
    chosen[torch.tensor(random.Random(0).sample(range(len(table.models)), FEW))] = True
    factors = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    descent = torch.optim.Adam([factors], lr=0.03)

    def told():
        compute, memory = factors
        moved = {"s_per_mac": logs["s_per_mac"] + compute, "s_per_byte": logs["s_per_byte"] + memory,
                 "bias": logs["bias"] + memory}  # fmt: skip
        return predicted(table, {**logs, **moved}, False)

    for _ in range(150):
        descent.zero_grad()
        torch.log(told() / table.seconds)[chosen].abs().mean().backward()
        descent.step()
    with torch.no_grad():
        return told(), chosen


def read_work(folder, setup):
    found = {}
    for path in sorted(folder.glob(f"{setup}-[0-9]*.jsonl")):
        for line in map(json.loads, path.open()):
            if "work" in line:
                found[line["model"], line["size"]] = alike(map(Work.of_json, line["work"]), BATCHES[setup])
    return found


def read_published(name):
    """Seconds per image by model and size; a row that stands there twice counts once."""
    rows = csv.DictReader((RESULTS / "timm" / f"{name}.csv").open())
    return {(row["model"], int(row["image_size"])): 1 / float(row["images_per_s"]) for row in rows}


def print_tables():
    """Both tables of ``docs/prediction.md``, of what was written last."""
    found = json.loads((RESULTS / "prediction.json").read_text())["figures"]
    print("Half of the models within, nine in ten within, rank correlation:\n")
    print("| file | models | unseen models | unseen families | three sums |\n| --- | --- | --- | --- | --- |")
    for name, one in found["files"].items():
        told = (
            f"{of['median']:.1%}, {of['within_90']:.0%}, {of['rank']:.3f}"
            for of in (one["unseen_models"], one["unseen_families"], one["three_sums"])
        )
        print(f"| {name} | {one['seen']['models']:,} | {' | '.join(told)} |")
    print("\n| from | to | by specifications | one number fitted | two numbers, by 20 models |")
    print("| --- | --- | --- | --- | --- |")
    for one in found["transfers"]:
        told = (f"{one[what]['median']:.1%}" for what in ("specifications", "ratio_between_models", "by_a_few_models"))
        print(f"| {one['from']} | {one['to']} | {' | '.join(told)} |")


def main():
    if sys.argv[1] == "table":
        return print_tables()
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    work = {setup: read_work(folder, setup) for setup in set(FILES.values())}
    tables = {name: Table.of(work[setup], read_published(name)) for name, setup in FILES.items()}
    found, logs = {}, {}
    for name, table in tables.items():
        single = FILES[name] == "fp32"
        logs[name] = fitted(table, torch.ones(len(table.models), dtype=torch.bool), single)

        def predict(chosen, table=table, single=single):
            return predicted(table, fitted(table, chosen, single), single)

        found[name] = {
            "seen": figures(table, predicted(table, logs[name], single)),
            "unseen_models": figures(table, unseen(table, str, predict)),
            "unseen_families": figures(table, unseen(table, family_of, predict)),
            "three_sums": figures(table, unseen(table, str, plain(table))),
        }
        print(name, {what: (round(one["median"], 4), round(one["rank"], 4)) for what, one in found[name].items()},
              flush=True)  # fmt: skip
    transfers = []
    for source, target in TRANSFERS:
        table = tables[target]
        told = predicted(table, transferred(logs[source], source, target), False)
        level = float((told / table.seconds).median())
        transfers.append({"from": source, "to": target, "specifications": figures(table, told),
                          "level": level, "ratio_between_models": figures(table, told / level),
                          "by_a_few_models": figures(table, *rescaled(table, logs[source]))})  # fmt: skip
        print(source, target, round(transfers[-1]["specifications"]["median"], 4), round(level, 3),
              round(transfers[-1]["ratio_between_models"]["median"], 4),
              round(transfers[-1]["by_a_few_models"]["median"], 4), flush=True)  # fmt: skip
    write("prediction", describe(), {"files": found, "transfers": transfers})
    if "--rates" in sys.argv:
        kept = {name: {**as_rates(logs[name], FILES[name] == "fp32"),
                       "error": {what: round(found[name]["unseen_models"][what], 4)
                                 for what in ("models", "median", "within_90")}} for name in FILES}  # fmt: skip
        across = [one["specifications"] for one in transfers]
        kept["scaled"] = {"error": {"models": max(one["models"] for one in across),
                                    **{what: round(max(one[what] for one in across), 4)
                                       for what in ("median", "within_90")}}}  # fmt: skip
        PATH.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
