"""Lines of the speed and memory comparison come out as it has them, letter by letter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.published.speed_lines import Setup, Spread, lines, phases_line, spread, step_line, title_line


def milliseconds(mean: float, deviation: float) -> Spread:
    return Spread(mean / 1e3, deviation / 1e3)


def mebibytes(count: float) -> int:
    return round(count * 2**20)


@pytest.mark.parametrize(
    ("iterations", "mean", "deviation", "peak", "line"),
    [
        (50, 719.29, 1.45, 17732.86,
         "Mean of 10 runs 50 iters each BS=128: 719.29+-1.45 msecs gpu. Max memory: 17732.86Mb"),
        (10, 847.33, 10.08, 13423.22,
         "Mean of 10 runs 10 iters each BS=128: 847.33+-10.08 msecs gpu. Max memory: 13423.22Mb"),
        (50, 447.21, 0.61, 10884.15,
         "Mean of 10 runs 50 iters each BS=128: 447.21+-0.61 msecs gpu. Max memory: 10884.15Mb"),
    ],
)  # fmt: skip
def test_line_of_whole_steps(iterations: int, mean: float, deviation: float, peak: float, line: str) -> None:
    setup = Setup(128, mebibytes(peak), iterations=iterations)
    assert step_line(setup, milliseconds(mean, deviation)) == line


@pytest.mark.parametrize(
    ("forward", "backward", "peak", "line"),
    [
        ((27.15, 0.03), (117.22, 3.62), 5491.36,
         "Mean of 10 runs 10 iters each BS=64: 27.15+-0.03 msecs Forward. 117.22+-3.62 msecs Backward. "
         "Max memory: 5491.36Mb"),
        ((30.81, 0.18), (103.95, 1.05), 2766.59,
         "Mean of 10 runs 10 iters each BS=64: 30.81+-0.18 msecs Forward. 103.95+-1.05 msecs Backward. "
         "Max memory: 2766.59Mb"),
    ],
)  # fmt: skip
def test_line_of_forward_and_backward(
    forward: tuple[float, float], backward: tuple[float, float], peak: float, line: str
) -> None:
    assert phases_line(Setup(64, mebibytes(peak)), milliseconds(*forward), milliseconds(*backward)) == line


def test_line_with_images_per_second_computes_the_rate_that_is_printed_there() -> None:
    line = phases_line(
        Setup(256, mebibytes(11226.14)), milliseconds(111.44, 0.03), milliseconds(357.80, 1.61), images_per_s=True
    )
    assert line == (
        "Mean of 10 runs 10 iters each BS=256: 111.44+-0.03 msecs Forward. 357.80+-1.61 msecs Backward. "
        "Max memory: 11226.14Mb. 545.56 imgs/sec"
    )


def test_other_devices_are_named_and_numbers_of_runs_shown() -> None:
    line = step_line(Setup(2, 2**20, runs=3, iterations=4), Spread(0.5, 0.0), "cpu")
    assert line == "Mean of 3 runs 4 iters each BS=2: 500.00+-0.00 msecs cpu. Max memory: 1.00Mb"


def test_title_has_parameters_in_millions_where_they_are_known() -> None:
    assert title_line("EffNet B0 rwightman", 5_288_548) == "**EffNet B0 rwightman 5.29M params**  "
    assert title_line("VGG 16 ABN:") == "**VGG 16 ABN:**  "


def test_spread_is_mean_and_population_deviation_over_runs() -> None:
    assert spread([1.0, 3.0]) == Spread(2.0, 1.0)
    assert spread([0.25]) == Spread(0.25, 0.0)


@pytest.mark.parametrize("runs_s", [[], [1.0, math.nan]])
def test_runs_without_a_mean_are_refused(runs_s: list[float]) -> None:
    with pytest.raises(MeasureError, match="have no mean"):
        spread(runs_s)


@dataclass(frozen=True)
class Runs:
    """Two runs of ten steps each, as they are measured."""

    device_kind: str = "cuda"
    batch_size: int = 64
    iterations: int = 10
    forward_s: tuple[float, ...] = (0.02, 0.04)
    backward_s: tuple[float, ...] = (0.06, 0.08)
    optimizer_s: tuple[float, ...] = (0.01, 0.01)
    peak_bytes: int = 3 * 2**20
    parameters: int = 25_557_032


def test_lines_of_runs_count_the_optimizer_as_backward() -> None:
    assert lines(Runs(), "Resnet50 AMP", images_per_s=True) == (
        "**Resnet50 AMP 25.56M params**  \n"
        "Mean of 2 runs 10 iters each BS=64: 30.00+-10.00 msecs Forward. 80.00+-10.00 msecs Backward. "
        "Max memory: 3.00Mb. 581.82 imgs/sec"
    )
    assert lines(Runs(), "Resnet50 Baseline:").endswith("80.00+-10.00 msecs Backward. Max memory: 3.00Mb")


@pytest.mark.parametrize(("kind", "device"), [("cuda", "gpu"), ("cpu", "cpu")])
def test_lines_of_whole_steps_have_no_parameters_but_the_device(kind: str, device: str) -> None:
    assert lines(Runs(kind), "Resnet50 ABN", whole=True) == (
        f"**Resnet50 ABN**  \nMean of 2 runs 10 iters each BS=64: 110.00+-20.00 msecs {device}. Max memory: 3.00Mb"
    )
