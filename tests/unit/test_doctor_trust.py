"""The smallest trustworthy band, from seeded log ratios whose spread is known."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.doctor.trial import Measured
from pytest_modelbench.doctor.trust import BANDS, DRAWS, TrialPool, duet_session, noise, smallest_band, stored_session

SPREADS = (0.001, 0.01, 0.03, 0.06, 0.10)


def log_ratios(spread: float, count: int = 20, seed: int = 1) -> list[Measured]:
    """Processes whose log ratios have just this spread, in the shape of a normal distribution; 10 ms each."""
    chance = random.Random(seed)
    drawn = [chance.gauss(0, 1) for _ in range(count)]
    mean = sum(drawn) / count
    sd = (sum((one - mean) ** 2 for one in drawn) / (count - 1)) ** 0.5
    return [Measured(spread * (one - mean) / sd, 0.01) for one in drawn]


@pytest.mark.slow
def test_noisier_machines_need_wider_bands() -> None:
    found = [noise("c", log_ratios(spread)) for spread in SPREADS]
    assert [one.smallest_band for one in found] == [0.05, 0.05, 0.1, 0.15, 0.3]
    assert [one.smallest_duet_band for one in found] == [0.01, 0.015, 0.05, 0.1, 0.2]
    assert [one.process_sd for one in found] == pytest.approx(SPREADS)


@pytest.mark.slow
def test_the_band_is_the_smallest_with_which_sessions_come_out_ok() -> None:
    """Counted anew, session by session."""
    pool = TrialPool(log_ratios(0.03))
    sessions = [stored_session(pool, f"20-{number}") for number in range(DRAWS)]
    shares = [sum(session(band) is Verdict.OK for session in sessions) / DRAWS for band in BANDS]
    band = smallest_band(sessions)
    assert band is not None
    position = BANDS.index(band)
    assert shares[position] >= 0.95 > shares[position - 1]
    # A wider band never does worse, or a search by halves would not find it.
    assert all(narrow <= wide for narrow, wide in pairwise(shares))


def test_sessions_and_pairs_grow_surer_with_the_band() -> None:
    pool = TrialPool(log_ratios(0.02))
    for session in (stored_session(pool, "a"), duet_session(pool, "a")):
        assert [session(band) is Verdict.OK for band in (0.001, 0.30)] == [False, True]


@pytest.mark.parametrize("trusted", range(len(BANDS) + 1))
def test_every_band_can_be_the_smallest(trusted: int) -> None:
    """Sessions that are ok from one band on."""

    def session(band: float) -> Verdict:
        return Verdict.OK if BANDS.index(band) >= trusted else Verdict.INCONCLUSIVE

    assert smallest_band([session] * 20) == (BANDS[trusted] if trusted < len(BANDS) else None)


def test_one_session_of_twenty_may_come_out_otherwise() -> None:
    def ok(band: float) -> Verdict:
        return Verdict.OK

    def open_(band: float) -> Verdict:
        return Verdict.INCONCLUSIVE

    assert smallest_band([*[ok] * 19, open_]) == BANDS[0]
    assert smallest_band([*[ok] * 18, open_, open_]) is None
    # What unchanged code is not, it is not improved either.
    assert smallest_band([lambda band: Verdict.IMPROVED] * 20) is None


def test_so_noisy_a_machine_can_be_trusted_with_nothing() -> None:
    found = noise("c", log_ratios(0.5, count=6))
    assert (found.smallest_band, found.smallest_duet_band, found.told) == (None, None, True)


@pytest.mark.slow
def test_a_machine_whose_speed_wanders_is_not_trusted_on_its_log_ratios_alone() -> None:
    """The reference takes everything out of the log ratios, but the gate does not believe in so much."""
    steady = log_ratios(0.001)
    chance = random.Random(3)
    wandering = [Measured(one.log_ratio, 0.01 * (1 + chance.random())) for one in steady]
    assert noise("c", wandering).smallest_band != noise("c", steady).smallest_band
    # Base and candidate of a pair share whatever the machine does.
    assert noise("c", wandering).smallest_duet_band == noise("c", steady).smallest_duet_band


@pytest.mark.slow
def test_disturbed_processes_are_judged_as_such() -> None:
    quiet = log_ratios(0.001)
    disturbed = [Measured(one.log_ratio, one.latency_s, "steal") for one in quiet]
    found = noise("c", disturbed)
    assert (found.disturbed, found.smallest_band) == (20, None)
    assert noise("c", quiet).disturbed == 0


def test_few_processes_tell_spreads_but_no_bands() -> None:
    found = noise("c", [Measured(0.0, 0.010), Measured(0.02, 0.011), Measured(0.01, 0.012)])
    assert (found.processes, found.told) == (3, False)
    assert found.process_sd == pytest.approx(0.01)
    assert found.raw_sd == pytest.approx(0.0912, abs=1e-4)
    assert found.median_s == 0.011
    assert (found.smallest_band, found.smallest_duet_band) == (None, None)
    one = noise("c", [Measured(0.0, 0.010)])
    assert (one.process_sd, one.raw_sd, one.median_s) == (None, None, 0.010)


def test_the_draws_have_the_spread_of_the_truth_and_not_of_the_few() -> None:
    """Four processes: their deviations from their own mean are too small by the root of 3/4."""
    pool = TrialPool([Measured(one, 0.01) for one in (-0.03, -0.01, 0.01, 0.03)])
    chance = random.Random(5)
    drawn = [one.log_ratio for _ in range(4000) for one in pool.day(1, chance)]
    spread = (sum(log_ratio**2 for log_ratio in drawn) / len(drawn)) ** 0.5
    assert spread == pytest.approx((0.02**2 * 5 / 3 + 0.005**2) ** 0.5, rel=0.03)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-0.1, 0.1), min_size=4, max_size=8), st.floats(-5, 5))
def test_only_differences_between_processes_matter(values: list[float], shift: float) -> None:
    here = noise("c", [Measured(value, 0.01) for value in values], draws=40)
    there = noise("c", [Measured(value + shift, 0.5) for value in values], draws=40)
    assert (here.smallest_band, here.smallest_duet_band) == (there.smallest_band, there.smallest_duet_band)
