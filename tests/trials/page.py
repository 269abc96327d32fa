"""What a page of thousands of checks costs, and how soon a browser shows it.

    python tests/trials/page.py

100, 1,000 and 10,000 checks, half of them noisy, one in a hundred regressed, with a history of 90 nights: the time to
write the page, its size, and in headless Chromium the time until all of it is laid out, until a search for a word has
its answer, and until another order is shown. Five starts each, the median. Raw in ``results/page.json``.
"""

import re
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date, timedelta
from math import log
from pathlib import Path
from statistics import median

from machine import ROOT, describe, write

sys.path.insert(0, str(ROOT))
from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.page import session as page
from tests.unit.browser import CHROMIUM, shown
from tests.unit.report_sessions import EMPTY, ENVIRONMENT, check

SIZES, NIGHTS, STARTS = (100, 1_000, 10_000), 90, 5
WATCH = """
addEventListener("load", () => {
  const laid = () => { document.body.getBoundingClientRect(); return performance.now(); };
  const loaded = laid();
  const search = document.querySelector("[type=search]");
  search.value = "net99 latency";
  search.dispatchEvent(new Event("input", {bubbles: true}));
  const found = laid();
  search.value = "";
  document.querySelector("th[data-by=share] button").click();
  const sorted = laid();
  document.title = [loaded, found - loaded, sorted - found, document.querySelectorAll("*").length].join(" ");
});
"""


def session(size):
    checks = []
    for number in range(size):
        verdict = Verdict.REGRESSED if number % 100 == 99 else Verdict.OK
        metric, then = ("latency", 0.1) if number % 2 else ("macs", 10**9 + number)
        now = then * (1.2 if verdict is Verdict.REGRESSED else 1.0)
        one = check(f"net{number // 2}-b1-224-fp32", metric, verdict, now, then)
        checks.append(replace(one, changes=(0.01, 0.02, 0.015), baseline=replace(one.baseline, anchor=(-2.3, -2.29))))
    return replace(EMPTY, environments=(ENVIRONMENT,), checks=tuple(checks))


def history(found):
    facts = [{**ENVIRONMENT.identity, **ENVIRONMENT.provenance, "torch": version} for version in ("2.14.0", "2.15.0")]
    for number, one in enumerate(found.checks):
        nights = tuple(
            Night(
                str(night), f"{date(2026, 8, 1) + timedelta(night)}T08:00:00.000Z", f"{night:040x}",
                one.judgement.baseline * moved, Verdict.OK, log(moved) if one.metric.noisy else None,
                ratio=1.0, low=0.99, high=1.01, allowed=0.05, facts=facts[night > 50],
            )
            for night in range(NIGHTS)
            for moved in [1 + ((number + night) * 7919 % 97 - 48) / 4e3 if one.metric.noisy else 1]
        )  # fmt: skip
        yield Series(one.folder, *one.key, one.case.id, one.metric.unit, one.metric.better.value, nights)


def browsed(path):
    """What `WATCH` tells, the median of some starts: milliseconds, and elements at the end."""
    told = []
    for _ in range(STARTS):
        title = re.search("<title>(.*)</title>", shown(path))
        told.append([float(word) for word in title.group(1).split()])
    return dict(zip(("load_ms", "search_ms", "sort_ms", "elements"), map(median, zip(*told, strict=True)), strict=True))


def measured(folder, size):
    found = session(size)
    series = list(history(found))
    start = time.perf_counter()
    text = page.render(found, history=series)
    render_s = time.perf_counter() - start
    path = folder / f"{size}.html"
    path.write_text(text.replace("</body>", f"<script>{WATCH}</script></body>"), encoding="utf-8")
    return {"render_s": render_s, "size_bytes": len(text.encode()), **browsed(path)}


def main():
    machine = describe()
    version = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        figures = {str(size): measured(Path(folder), size) for size in SIZES}
    write("page", machine, {"browser": version, "nights": NIGHTS, "checks": figures})


if __name__ == "__main__":
    main()
