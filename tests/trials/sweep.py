"""Does the tool say what others say, over every family of timm and modules made by hand, and leave a model as it was?

    python tests/trials/sweep.py                    measures what is not measured yet, one process a model; goes on
                                                    where it was stopped; then checks
    python tests/trials/sweep.py --only NAME ...    these again
    python tests/trials/sweep.py --check            what differs by more than 0.5 % and is not a declared exception, or
                                                    is one and differs no more: then the exit status is 1
    python tests/trials/sweep.py --table            writes the table of docs/sweep.md from the results

Of each: parameters; multiply-accumulates against two counters (`sweep_macs.py`); peak memory of a forward pass, of a
forward and backward pass and of the second step of training against the tracker and PyTorch's profiler on the CPU
(`sweep_peaks.py`); weights, modes and outputs after every measure (`sweep_left_alone.py`). Needs `pip install fvcore`
and torchvision beside the extra `test`. Writes `results/sweep.jsonl`: the machine, then a line a model. Which models:
`sweep_models.py`. Exceptions, with their reasons: `sweep_exceptions.py`. An hour on one core.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
import warnings
from multiprocessing.connection import Connection
from typing import Any

from machine import RESULTS, describe

LIMIT_S = 600
LIMIT_BYTES = 20 * 2**30


#: Forks a process a model from one that has only imported what they need.
PROCESSES = multiprocessing.get_context("forkserver")


def child(name: str, send: Connection) -> None:
    """Measure one model in this process, and send its record."""
    import torch
    from sweep_measures import measure
    from sweep_models import subjects

    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    send.send(measure(subjects()[name]))


def measured(name: str) -> dict[str, Any]:
    """The record of a model, from a process of its own; or how that died."""
    began = time.perf_counter()
    receive, send = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=child, args=(name, send))
    process.start()
    send.close()
    try:
        record = receive.recv() if receive.poll(LIMIT_S) else {"name": name, "died": f"not done after {LIMIT_S} s"}
    except EOFError:
        process.join()
        record = {"name": name, "died": f"exit status {process.exitcode}"}
    process.kill()
    process.join()
    return record | {"seconds": round(time.perf_counter() - began, 1)}


def names() -> list[str]:
    """All that there is to measure. Asked of another process: this one does without torch."""
    code = "from sweep_models import subjects; print(*subjects(), sep='\\n')"
    folder = os.path.dirname(__file__)
    asked = subprocess.run([sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return asked.stdout.split()


def run(only: list[str]) -> None:
    """Measure ``only`` these, or what has no record yet; each record is kept as soon as it is there."""
    from sweep_compare import reading

    path = RESULTS / "sweep.jsonl"
    lines = path.read_text().splitlines() if path.exists() else [json.dumps({"machine": describe()})]
    records = {json.loads(line)["name"]: line for line in lines[1:]}
    # Where the server finds what it is to import beforehand: it is not told this process's own path.
    os.environ["PYTHONPATH"] = os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])
    PROCESSES.set_forkserver_preload(["sweep_measures", "torchvision"])
    os.environ["KINETO_LOG_LEVEL"] = "99"  # the profiler's library tells that there is no GPU, each time
    for name in only or [name for name in names() if name not in records]:
        record = measured(name)
        records[name] = json.dumps(record, separators=(",", ":"))
        whole = path.with_suffix(".part")
        whole.write_text("\n".join([lines[0], *records.values()]) + "\n")
        whole.replace(path)
        print(f"{len(records)} {name} {record['seconds']} s {record.get('died') or reading(record)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if asked.table:
        from sweep_table import write_table

        write_table()
        return
    from sweep_compare import check

    if not asked.check:
        run(asked.only)
    found = check()
    print("\n".join(found) or "all figures agree, or are declared exceptions")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
