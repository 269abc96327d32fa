"""The doctor's report as text, against files in ``golden/``, and as plain values."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.doctor import advice
from pytest_modelbench.doctor.findings import Finding, Severity
from pytest_modelbench.doctor.gpu import Gpu
from pytest_modelbench.doctor.machine import Busy, Machine
from pytest_modelbench.doctor.machine_findings import findings
from pytest_modelbench.doctor.progress import TrialLine
from pytest_modelbench.doctor.render import Report, render, to_json
from pytest_modelbench.doctor.trial import Measured, Trial, TrialProgress
from pytest_modelbench.doctor.trust import Noise
from tests.unit.test_report_golden import assert_golden

QUIET = Machine(
    cores=8, cpu="A CPU", governors=("performance",), boost=False, smt_groups=(), load_1m=0.1, busiest=(),
    on_battery=False, memory_bytes=2**35, available_bytes=2**34, swapped_pages=0, clocksource="tsc",
)  # fmt: skip
BAD = Machine(
    cores=2, cpu="A CPU", virtual=True, governors=("ondemand", "powersave"), boost=True, boost_control="/sys/x/boost",
    load_1m=3.2, steal_share=0.04, busiest=(Busy(4321, "ffmpeg <main>|ü", 0.98), Busy(77, "cc1plus", 0.31)),
    on_battery=True, quota_cores=1.5, memory_bytes=2**33, available_bytes=2**28, clocksource="hpet",
    clocksources=("tsc", "hpet"),
    gpu=Gpu(
        "NVIDIA H200", 0, persistence=False, ecc=True, mig=False, sm_clock_hz=345_000_000,
        max_sm_clock_hz=1_980_000_000, reasons=0x41, temperature_c=84, foreign=(99,),
    ),
)  # fmt: skip
CPU = Environment("cpu", "A CPU, 8 cores, 1 thread", "cpu-a", {}, {})
NAMES = ("resnet18-b1-160-fp32", "mobilenetv3_small_100-b1-224-fp32", "vit_tiny_patch16_224-b1-224-fp32")


def noise(case: str, band: float | None, duet: float | None = 0.02, processes: int = 8, disturbed: int = 0) -> Noise:
    return Noise(case, processes, disturbed, 0.0123, 0.012, 0.034, band, duet)


def trial(noises: tuple[Noise, ...], **more: object) -> Trial:
    cases = {one.case: tuple(Measured(0.5, 0.01) for _ in range(one.processes)) for one in noises}
    return replace(Trial(cases, CPU, 8, 176.0), **more)


def report(machine: Machine, *bands: float | None, **more: object) -> Report:
    noises = tuple(noise(name, band, disturbed=band is None) for name, band in zip(NAMES, bands, strict=False))
    ran = trial(noises, **more)
    found = (*advice.failures(ran), *findings(machine))
    return Report(machine, found, ran, noises, advice.noise_finding(noises))


LOOKED = Report(QUIET, tuple(findings(QUIET)))
REPORTS = {
    "only looked": LOOKED,
    "quiet": report(QUIET, 0.05, 0.03, 0.015),
    "one case is noisy": report(QUIET, 0.05, 0.03, 0.10),
    "wider bands": report(QUIET, 0.05, 0.07, 0.10),
    "too noisy": report(QUIET, None, 0.10, None),
    "everything is wrong": report(BAD, None, None, 0.10),
    "wider bands, with problems": report(replace(QUIET, on_battery=True), 0.07, 0.07, 0.07),
    "interrupted": replace(
        LOOKED,
        trial=trial((noise(NAMES[0], None, None, 3),), processes=3, interrupted=True),
        noises=(Noise(NAMES[0], 1, 0, 0.0123, None, None, None, None), noise(NAMES[1], None, None, 3)),
    ),
    "nothing could be measured": report(
        QUIET,
        environment=None,
        failures={
            f"probe.py::test_latency[{name}]": "No worker process could start.\nThe end of its output:\nboom"
            for name in ("b", "a")
        },
    ),
}


@pytest.mark.parametrize("width", [200, 80, 50])
def test_reports(width: int) -> None:
    texts = [f"--- {name}\n{render(one, width)}\n" for name, one in REPORTS.items()]
    assert_golden(f"doctor-{width}.txt", "\n".join(texts))


def test_only_what_is_to_be_copied_is_wider_than_the_terminal() -> None:
    for one in REPORTS.values():
        for line in render(one, 80).splitlines():
            assert len(line) <= 80 or line.startswith(" " * 7)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_sound_unless_something_is_a_problem(name: str) -> None:
    sound = {"only looked", "quiet", "one case is noisy", "wider bands", "interrupted"}
    assert REPORTS[name].sound is (name in sound)


def test_json_has_stable_keys_and_only_plain_values() -> None:
    found = to_json(report(BAD, None, 0.05))
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))
    assert list(found) == ["schema", "machine", "findings", "trial"]
    assert found["schema"] == 1
    assert found["machine"]["quota_cores"] == 1.5
    assert found["machine"]["gpu"]["temperature_c"] == 84
    assert found["machine"]["busiest"][0] == {"pid": 4321, "name": "ffmpeg <main>|ü", "core_share": 0.98}
    assert list(found["findings"][0]) == ["id", "kind", "what", "why", "mend"]
    assert {finding["kind"] for finding in found["findings"]} == {"problem", "advice", "fine"}
    assert found["findings"][-1]["id"] == "noise"
    assert list(found["trial"]) == [
        "processes", "duration_s", "interrupted", "environment", "default_band", "cases",
    ]  # fmt: skip
    assert found["trial"]["cases"][0] == {
        "case": NAMES[0],
        "processes": 8,
        "disturbed": 1,
        "median_s": 0.0123,
        "process_sd": 0.012,
        "raw_sd": 0.034,
        "smallest_band": None,
        "smallest_duet_band": 0.02,
        "bands_known": True,
        "log_ratios": [0.5] * 8,
        "latencies_s": [0.01] * 8,
    }


def test_json_without_a_trial_says_so() -> None:
    assert to_json(LOOKED)["trial"] is None


@pytest.mark.parametrize(
    ("bands", "kind", "mend"),
    [
        ((0.05, 0.05, 0.05, 0.05, 0.05), Severity.FINE, ""),
        ((0.05, 0.05, 0.05, 0.07, None), Severity.FINE, ""),
        ((0.05, 0.05, 0.07, 0.07, None), Severity.ADVICE, '{ latency = "7%", throughput = "7%" }'),
        ((0.07, 0.07, 0.07, 0.15, 0.30), Severity.ADVICE, '{ latency = "15%", throughput = "15%" }'),
        ((0.05, 0.07, 0.07, None, None), Severity.PROBLEM, ""),
        ((0.05, 0.07), Severity.ADVICE, '{ latency = "7%", throughput = "7%" }'),
    ],
)
def test_the_band_that_most_cases_can_be_trusted_with_is_suggested(
    bands: tuple[float | None, ...], kind: Severity, mend: str
) -> None:
    finding = advice.noise_finding([noise(str(number), band) for number, band in enumerate(bands)])
    assert finding is not None
    assert finding.severity is kind
    assert finding.mend.endswith(mend)
    assert bool(finding.mend) == bool(mend)


def test_too_few_processes_suggest_nothing() -> None:
    few = [noise("a", None, None, processes=3)]
    assert advice.noise_finding(few) is None
    assert "give more --minutes" in advice.too_few(few)
    assert advice.too_few([*few, noise("b", 0.05)]) == ""


def test_the_same_cause_is_told_once() -> None:
    failed = trial((), failures={"p::t[b]": "boom", "p::t[a]": "boom", "p::t[c]": "bang"})
    assert advice.failures(failed) == [
        Finding("trial", Severity.PROBLEM, "a, b could not be measured", "boom"),
        Finding("trial", Severity.PROBLEM, "c could not be measured", "bang"),
    ]


class Stream:
    def __init__(self, terminal: bool) -> None:
        self.terminal, self.written = terminal, ""

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> None:
        self.written += text

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_one_line_of_a_terminal(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Stream(terminal)
    line = TrialLine(stream)
    line.show(TrialProgress(2, 8, 1, 5, "resnet18", 42.0, 126.0))
    line.clear()
    shown = "\r\x1b[Kround 2/8 · 1 of 5 · resnet18 · 0:42 elapsed, about 2:06 left\r\x1b[K"
    assert stream.written == (shown if terminal else "")
