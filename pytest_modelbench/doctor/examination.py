"""A whole run of the doctor."""

from __future__ import annotations

from collections.abc import Callable

from pytest_modelbench.core.session import Session
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.doctor.advice import failures, noise_finding
from pytest_modelbench.doctor.gpu import read_gpu, why_unwatched
from pytest_modelbench.doctor.machine import Machine, read_machine
from pytest_modelbench.doctor.machine_findings import findings
from pytest_modelbench.doctor.own import own_trial
from pytest_modelbench.doctor.own_advice import own_findings
from pytest_modelbench.doctor.own_render import OwnReport
from pytest_modelbench.doctor.render import Report
from pytest_modelbench.doctor.sight import sight_of
from pytest_modelbench.doctor.trial import TrialPlan, TrialProgress, run_trial
from pytest_modelbench.doctor.trust import DRAWS, noise


def look(settings: Settings) -> Machine:
    """What the machine is like now. Raises UsageError if the device is not there."""
    device = settings.device
    return read_machine(gpu=read_gpu(device), gpu_unwatched=why_unwatched(device), sight=sight_of(device))


def examine_own(machine: Machine, session: Session, settings: Settings, draws: int = DRAWS) -> OwnReport:
    """What was found on ``machine``, and by a ``session`` of somebody's own tests beside themselves.

    ``settings`` are those of the sessions to come.
    """
    trial = own_trial(session, settings.pairs, draws)
    return OwnReport(machine, (*own_findings(trial), *findings(machine)), trial)


def examine(settings: Settings, allowed_s: float, show: Callable[[TrialProgress], None]) -> Report:
    """What the machine is like, and with some seconds allowed, how it measures unchanged code.

    Raises UsageError if the device is not there.
    """
    machine = look(settings)
    found = findings(machine)
    if not allowed_s:
        return Report(machine, tuple(found))
    trial = run_trial(settings, TrialPlan(allowed_s), show)
    noises = [noise(case, measured) for case, measured in trial.cases.items()]
    return Report(machine, (*failures(trial), *found), trial, tuple(noises), noise_finding(noises))
