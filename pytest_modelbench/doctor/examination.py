"""A whole run of the doctor."""

from __future__ import annotations

from collections.abc import Callable

from pytest_modelbench.core.settings import Settings
from pytest_modelbench.doctor.advice import failures, noise_finding
from pytest_modelbench.doctor.gpu import read_gpu
from pytest_modelbench.doctor.machine import read_machine
from pytest_modelbench.doctor.machine_findings import findings
from pytest_modelbench.doctor.render import Report
from pytest_modelbench.doctor.trial import TrialPlan, TrialProgress, run_trial
from pytest_modelbench.doctor.trust import noise


def examine(settings: Settings, allowed_s: float, show: Callable[[TrialProgress], None]) -> Report:
    """What the machine is like, and with some seconds allowed, how it measures unchanged code.

    Raises UsageError if the device is not there.
    """
    machine = read_machine(gpu=read_gpu(settings.device))
    found = findings(machine)
    if not allowed_s:
        return Report(machine, tuple(found))
    trial = run_trial(settings, TrialPlan(allowed_s), show)
    noises = [noise(case, measured) for case, measured in trial.cases.items()]
    return Report(machine, (*failures(trial), *found), trial, tuple(noises), noise_finding(noises))
