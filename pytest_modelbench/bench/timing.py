"""One timing of a model or a callable in this process: beside the reference workload, or in turns with a twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from pytest_modelbench.bench.process import Bench
from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.core.records import CALM, TIMING, UNHEALTHY
from pytest_modelbench.host.proc import siblings
from pytest_modelbench.measure.clocks import clock_for
from pytest_modelbench.measure.devices import device_uuid
from pytest_modelbench.measure.health import HealthProbe, health_probe
from pytest_modelbench.measure.lockstep import InTurns
from pytest_modelbench.measure.reference import reference_workload
from pytest_modelbench.measure.samples import Samples
from pytest_modelbench.measure.sampling import Alone, Conditions, Target, sample
from pytest_modelbench.models.built import BuiltModel

__tracebackhide__ = hide_own_frames

Measured = BuiltModel | Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timed:
    """One timing of one object; ``model`` keeps it alive, so that its id stays its own."""

    model: Measured
    samples: Samples
    case: str
    reference: str
    details: Mapping[str, Any]


def time_model(model: Measured, case: str, bench: Bench, test: str) -> Timed:
    """Times of ``model`` on the session's device; its first output is checked for values that are not finite."""
    running: AbstractContextManager[Callable[[], object]]
    if isinstance(model, BuiltModel):
        case = model.case.id
        model.check_output(model.forward())
        running = model.inference()
    elif callable(model):
        running = nullcontext(model)
    else:
        raise UsageError(f"{test}: {model!r} is neither a model from build_model nor a callable")
    if not case:
        raise UsageError(f"{test}: timing a callable needs case=, the name it is known by")
    return (_in_turns if bench.turns else _here)(model, case, bench, running)


def probe_of(bench: Bench) -> HealthProbe:
    """What watches the machine; a twin beside this process is no stranger."""
    # Looking for siblings reads all of /proc: only where a foreign process would be asked after.
    twins = siblings() if bench.device.type == "cuda" else ()
    return health_probe(bench.device.type, device_uuid(bench.device), twins)


def timing_details(samples: Samples, probe: HealthProbe) -> dict[str, Any]:
    """What a record says of its samples: how many, the reference at its fastest, and what disturbed most of them."""
    details: dict[str, Any] = {
        "blocks": len(samples.blocks),
        "repeated": samples.repeated,
        CALM: samples.best_reference_s,
    }
    if 2 * samples.disturbed > len(samples.blocks):
        cause = probe.read().unhealthy or "something else used the machine, by what it cost the reference workload"
        details[UNHEALTHY] = f"{samples.disturbed} of {len(samples.blocks)} blocks were disturbed: {cause}"
    return details


def _here(model: Measured, case: str, bench: Bench, running: AbstractContextManager[Callable[[], object]]) -> Timed:
    """Times against the reference workload."""
    reference, probe = reference_workload(bench.device), probe_of(bench)

    def renew() -> None:
        reference.renew()
        if isinstance(model, BuiltModel):
            model.renew()

    with running as run:
        target, lead = Target(run, clock_for(bench.device)), Alone(reference.run, bench.calm_s)
        samples = sample(target, lead, conditions=Conditions(probe.disturbed, renew))
    bench.calm_s = samples.best_reference_s
    return Timed(model, samples, case, reference.id, timing_details(samples, probe))


def _in_turns(model: Measured, case: str, bench: Bench, running: AbstractContextManager[Callable[[], object]]) -> Timed:
    """Times beside the twin, which is reference enough."""
    assert bench.turns is not None
    probe = probe_of(bench)
    renew = model.renew if isinstance(model, BuiltModel) else None
    with running as run:
        target, lead = Target(run, clock_for(bench.device)), InTurns(bench.turns, case)
        samples = sample(target, lead, conditions=Conditions(probe.disturbed, renew))
    return Timed(model, samples, case, "", {"blocks": len(samples.blocks), TIMING: lead.timing})
