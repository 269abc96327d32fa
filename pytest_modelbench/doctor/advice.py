"""What the measured noise amounts to: which band to trust, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.doctor.findings import Finding, Severity
from pytest_modelbench.doctor.trial import Trial
from pytest_modelbench.doctor.trust import BANDS, FEWEST, TRUSTED, Noise

#: What latency and throughput are gated with if nobody says otherwise.
DEFAULT_BAND = METRICS["latency"].band.relative
#: A suggested band holds for so many of the cases: one that a busy neighbour met must not widen it for all.
_COVERED = 0.8


def failures(trial: Trial) -> list[Finding]:
    """What could not be measured: the same cause is told once."""
    by_cause: dict[str, list[str]] = {}
    for test, cause in trial.failures.items():
        by_cause.setdefault(cause, []).append(test.partition("[")[2].rstrip("]"))
    return [
        Finding("trial", Severity.PROBLEM, f"{', '.join(sorted(cases))} could not be measured", cause)
        for cause, cases in by_cause.items()
    ]


def noise_finding(noises: Sequence[Noise]) -> Finding | None:
    """Whether the default band can be trusted in most cases, and which can if not. None where nothing was told."""
    told = [noise for noise in noises if noise.told]
    if not told:
        return None
    trusted = sum(_within(noise.smallest_band, DEFAULT_BAND) for noise in told)
    beside = sum(_within(noise.smallest_duet_band, DEFAULT_BAND) for noise in told)
    what = f"the default band of {percent(DEFAULT_BAND)} can be trusted in {trusted} of {len(told)} cases"
    duet = (
        "Measured side by side with the baseline's commit, as a session does where git has it, "
        f"{percent(DEFAULT_BAND)} can be trusted in {beside} of {len(told)}."
    )
    if trusted == len(told):
        return Finding("noise", Severity.FINE, what)
    if 2 * trusted > len(told):
        others = ", ".join(
            f"{one.case} {band_text(one)}" for one in told if not _within(one.smallest_band, DEFAULT_BAND)
        )
        return Finding(
            "noise", Severity.FINE, what, f"Give the others a wider band, with band= where they are measured: {others}."
        )
    wider = covering([noise.smallest_band for noise in told])
    if wider is None:
        beyond = sum(noise.smallest_band is None for noise in told)
        why = (
            f"In {beyond} of {len(told)}, unchanged code is not ok in more than {percent(1 - TRUSTED)} of sessions, "
            f"even with {percent(BANDS[-1])}. {duet}"
        )
        return Finding("noise", Severity.PROBLEM, what, why)
    covered = sum(_within(noise.smallest_band, wider) for noise in told)
    return Finding(
        "noise",
        Severity.ADVICE,
        what,
        f"With {percent(wider)}, {covered} of {len(told)} can be trusted against stored baselines. {duet}",
        f'[tool.modelbench]\nbands = {{ latency = "{percent(wider)}", throughput = "{percent(wider)}" }}',
    )


def covering(bands: Sequence[float | None]) -> float | None:
    """The smallest of ``bands`` that is enough for `_COVERED` of them; None if none of those tried is."""
    ranked = sorted(math.inf if band is None else band for band in bands)
    needed = ranked[math.ceil(_COVERED * len(ranked)) - 1]
    return needed if math.isfinite(needed) else None


def band_text(noise: Noise, *, duet: bool = False) -> str:
    """``5%``, ``>30%``, or ``?`` with fewer processes than tell."""
    if not noise.told:
        return "?"
    band = noise.smallest_duet_band if duet else noise.smallest_band
    return f">{percent(BANDS[-1])}" if band is None else percent(band)


def percent(share: float) -> str:
    """``5%`` or ``1.5%``, as bands are written."""
    return f"{share * 100:g}%"


def _within(band: float | None, wide: float) -> bool:
    return band is not None and band <= wide + 1e-9


def too_few(noises: Sequence[Noise]) -> str:
    """Why no band is told, or an empty string."""
    if any(noise.told for noise in noises):
        return ""
    return f"Fewer than {FEWEST} processes got through, too few to tell a band; give more --minutes."
