"""Where the time of a pass goes, on a clock that is told what time it is."""

from itertools import pairwise

from torch import nn

from pytest_modelbench.measure.part_times import PartTimes


class Told:
    """A clock that goes on only when a module says so."""

    def __init__(self):
        self.now_s = 0.0

    def mark(self):
        return self.now_s

    def elapsed_s(self, marks):
        return [later - earlier for earlier, later in pairwise(marks)]


class Takes(nn.Module):
    def __init__(self, clock, seconds, *parts):
        super().__init__()
        self.clock, self.seconds, self.parts = clock, seconds, nn.ModuleList(parts)

    def forward(self):
        self.clock.now_s += self.seconds
        for part in self.parts:
            part()
            self.clock.now_s += self.seconds


def test_a_parts_time_is_its_own_and_outliers_do_not_count():
    clock = Told()
    twice = Takes(clock, 0.25)
    net = Takes(clock, 1.0, Takes(clock, 0.5, twice, twice), Takes(clock, 2.0))
    with PartTimes(net, clock) as times:
        for more_s in (0.0, 100.0, 0.0, 0.0):
            times.call(lambda more_s=more_s: (net(), setattr(clock, "now_s", clock.now_s + more_s)))
    found = {item.module: item.amount for item in times.breakdown().items}
    assert found == {
        "": 3_000_000_000,
        "parts.0": 1_500_000_000,
        "parts.0.parts.0": 500_000_000,
        "parts.1": 2_000_000_000,
    }
    assert {item.what for item in times.breakdown().items} == {"Takes"}
