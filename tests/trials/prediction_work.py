"""What a forward pass of every model of timm's published timings has a device do, for `prediction.py` to go by.

    python tests/trials/prediction_work.py FOLDER PART OF

Writes ``amp.jsonl``, ``amp-nhwc.jsonl`` (batches of 64 under autocast, as timm's tables of GPUs are) and ``fp32.jsonl``
(single images) into FOLDER, followed on the meta device: 4,700 passes, an hour of one core. Several at once share the
work, as part 0 of 2 and 1 of 2; a part that was stopped goes on where it was. Models whose published form has its
branches merged (RepVGG, MobileOne, FastViT, ...) are merged here, too, by timm's own function.
"""

import csv
import json
import signal
import sys
from pathlib import Path

import timm
import torch
from machine import RESULTS
from sweep_models import build_options

from pytest_modelbench.bench.predicting import work_of
from pytest_modelbench.models.build import build

#: The largest take two seconds: one that takes a minute waits for something.
LIMIT_S = 60
BATCH = 64
SETUPS = {
    "amp": {"precision": "amp-fp16", "batch_size": BATCH},
    "amp-nhwc": {"precision": "amp-fp16", "batch_size": BATCH, "channels_last": True},
    "fp32": {"precision": "fp32", "batch_size": 1},
}


def published():
    """Names and image sizes of all rows that this version of timm can build."""
    known = set(timm.list_models())
    rows = {
        (row["model"], int(row["image_size"]))
        for path in sorted((RESULTS / "timm").glob("*-*.csv"))
        for row in csv.DictReader(path.open())
    }
    return sorted(row for row in rows if row[0] in known)


def recorded(name, size, setup):
    options = build_options(name, size)

    def merged():
        return timm.utils.reparameterize_model(timm.create_model(name, **options))

    signal.alarm(LIMIT_S)
    try:
        model = build(merged, device=torch.device("cpu"), image_size=size, **SETUPS[setup])
        work, where = work_of(model)
        return {"work": [one.as_json() for one in work], "followed_on": where}
    except Exception as error:
        return {"error": str(error)[:300]}
    finally:
        signal.alarm(0)


def out_of_time(*_):
    raise TimeoutError(f"more than {LIMIT_S} s")


def main():
    folder, part, of = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    signal.signal(signal.SIGALRM, out_of_time)
    for setup in SETUPS:
        path = folder / f"{setup}-{part}.jsonl"
        done = {(one["model"], one["size"]) for one in map(json.loads, path.open())} if path.exists() else set()
        with path.open("a") as lines:
            for name, size in published()[part::of]:
                if (name, size) not in done:
                    lines.write(json.dumps({"model": name, "size": size, **recorded(name, size, setup)}) + "\n")
                    lines.flush()


if __name__ == "__main__":
    main()
