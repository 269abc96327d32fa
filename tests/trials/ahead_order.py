"""Does the second of two processes that start side by side measure the same as the first? Raw levels, by order.

    python tests/trials/ahead_order.py [SESSIONS]

Sessions of eight processes on the models of the trust trials, which start two at a time and one by one, in turns; with
the code of commit 822500e, the last that could start them so, and that commit's option and results. Resumes where it
was interrupted; every machine has a file of its own.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import RESULTS, ROOT, describe, slug
from trust_project import Project

COMMIT = "822500e"
SESSIONS = 3
PROCESSES = 8
PLUGIN = "import os\nimport pytest_modelbench.runner.ahead as ahead\nahead.TOGETHER = int(os.environ['TOGETHER'])\n"


def session(project, together, code):
    """Levels of each model's latency in the order of processes, from one session of ``code`` without a baseline."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "together.py").write_text(PLUGIN)
        environment = project.environment()
        environment |= {
            "TOGETHER": str(together),
            "PYTHONPATH": os.pathsep.join([folder, code, environment["PYTHONPATH"]]),
        }
        Path(folder, "none").mkdir()
        results = Path(folder, "results.json")
        options = [f"--modelbench-passes={PROCESSES}", f"--modelbench-baselines={folder}/none"]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "together", "--modelbench", "--device=cpu", *options]
        command.append(f"--modelbench-json={results}")
        subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)
        checks = json.loads(results.read_text())["session"]["checks"]
    return {
        "::".join(check["key"]).split("[")[1].split("]")[0]: [round(one["level"], 5) for one in check["records"]]
        for check in checks
        if check["metric"]["name"] == "latency"
    }


def main() -> None:
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS
    machine = describe()
    path = RESULTS / f"ahead_order-{slug(machine)}.json"
    done = json.loads(path.read_text()) if path.exists() else {"machine": machine, "sessions": []}
    project = Project(Path(tempfile.gettempdir(), "modelbench-trust"))
    with tempfile.TemporaryDirectory() as code:
        archive = subprocess.run(["git", "archive", COMMIT], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        subprocess.run(["tar", "-x", "-C", code], input=archive.stdout, check=True)
        while len(done["sessions"]) < 2 * sessions:
            together = 2 - len(done["sessions"]) % 2
            done["sessions"].append({"together": together, "levels": session(project, together, code)})
            path.write_text(json.dumps(done) + "\n")
            print(len(done["sessions"]), flush=True)
    for together in (2, 1):
        found = [one["levels"] for one in done["sessions"] if one["together"] == together]
        print(f"{together} at a time: first less second of two, in per cent; spread of processes")
        for name in found[0]:
            apart = [
                first - second for one in found for first, second in zip(one[name][::2], one[name][1::2], strict=True)
            ]
            error = statistics.stdev(apart) / len(apart) ** 0.5
            spread = statistics.fmean(statistics.variance(one[name]) for one in found) ** 0.5
            print(f"  {name:22} {100 * statistics.fmean(apart):+.1f} +-{200 * error:.1f}; {100 * spread:.1f}")


if __name__ == "__main__":
    main()
