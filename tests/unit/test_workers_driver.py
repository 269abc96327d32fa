"""The one reader of what a worker tells: what it makes of a test that is repeated, skipped, cut short or killed."""

from dataclasses import dataclass, field

import pytest

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.testing.worker import ENVIRONMENT, ScriptedWorker, report, reported, whole
from pytest_modelbench.workers.driver import Driver
from pytest_modelbench.workers.events import (
    Begin,
    Done,
    Finished,
    Hello,
    Quiet,
    Ready,
    Recorded,
    Refused,
    Reported,
    Started,
    Taken,
    Unimportable,
    Warned,
)

TEST = "test_it.py::test_net"


def told(run):
    """What a run holds, less the time it took: measurements by name, and outcomes by phase."""
    values = {one.name: one.value for one in run.measurements}
    return values, [(data["when"], data["outcome"]) for data in run.reports]


@dataclass
class Heard:
    """A listener that notes what it is told, in order."""

    told: list = field(default_factory=list)

    def heard(self, event):
        told = {Hello: lambda: event.environment, Started: lambda: f"{event.test} starts"}
        self.told.append(told.get(type(event), lambda: event)())

    def test_ended(self, run):
        self.told.append(f"{run.test} ends")


def driven(script, *, left_s=60.0, cause="it died"):
    """The driver of a worker that went as far as ``script``, which asks nothing, and what its listener heard."""
    heard = Heard()
    driver = Driver(ScriptedWorker(script, cause=cause), 2, lambda test: left_s, heard)
    driver.go()
    return driver, heard.told


def recorded(value):
    return Recorded(Measurement.of("macs", value, NamedCase("net"), test=TEST))


def test_what_a_worker_tells_is_told_in_its_order():
    warning = Warned(TEST, "deprecated", "UserWarning", "builtins", "f.py", 3)
    hello = Hello(ENVIRONMENT)
    driver, heard = driven([hello, *whole(TEST, recorded(3), *reported(TEST), warning), Done()])
    assert heard == [ENVIRONMENT, f"{TEST} starts", warning, f"{TEST} ends"]
    run = driver.runs[TEST]
    assert told(run) == ({"macs": 3}, [("setup", "passed"), ("call", "passed"), ("teardown", "passed")])
    assert (run.process, run.environment, run.trouble, run.cut) == (2, ENVIRONMENT, "", False)
    assert (driver.done, driver.ended, driver.running, driver.trouble) == (True, {TEST}, None, "")


def test_of_a_test_that_is_repeated_the_last_attempt_alone_was_measured():
    """As pytest-rerunfailures does it: within one test, between whose start and end reports say so."""
    failing = [Reported(TEST, report("setup")), recorded(3), Reported(TEST, report("call", "rerun"))]
    driver, heard = driven([*whole(TEST, *failing, recorded(4), *reported(TEST)), Done()])
    values, outcomes = told(driver.runs[TEST])
    assert values == {"macs": 4}
    assert len(driver.runs[TEST].measurements) == 1
    assert outcomes[1] == ("call", "rerun")  # pytest's summary counts it
    assert outcomes[2:] == [("setup", "passed"), ("call", "passed"), ("teardown", "passed")]
    assert heard == [f"{TEST} starts", f"{TEST} ends"]


def test_a_skip_is_a_report_as_any_other():
    skipped = [Reported(TEST, report("setup", "skipped")), Reported(TEST, report("teardown"))]
    driver, heard = driven([*whole(TEST, *skipped), Done()])
    assert told(driver.runs[TEST]) == ({}, [("setup", "skipped"), ("teardown", "passed")])
    assert driver.runs[TEST].trouble == ""
    assert heard[-1] == f"{TEST} ends"


def test_silence_is_told_and_changes_nothing():
    driver, heard = driven([Started(TEST), Quiet(), recorded(3), *reported(TEST), Finished(TEST), Quiet(), Done()])
    assert heard == [f"{TEST} starts", Quiet(), f"{TEST} ends", Quiet()]
    assert (driver.done, len(driver.runs[TEST].measurements)) == (True, 1)


def test_a_worker_that_dies_in_a_test_leaves_the_trouble_with_it():
    driver, heard = driven([*whole("a"), Started("b"), recorded(3)], cause="it was killed by SIGKILL")
    assert driver.running is driver.runs["b"]
    assert driver.running.trouble == driver.trouble == "it was killed by SIGKILL"
    assert (driver.running.cut, driver.done, driver.ended) == (False, False, {"a"})
    assert heard == ["a starts", "a ends", "b starts"]  # whoever drives it says what becomes of b


def test_a_worker_that_dies_between_tests_is_in_trouble_and_no_test_is():
    driver, _ = driven([*whole("a"), Begin("b")][:-1])
    assert (driver.running, driver.trouble, driver.runs["a"].trouble) == (None, "it died", "")


def test_a_worker_that_says_nothing_of_its_death_leaves_no_test_without_trouble():
    driver, _ = driven([Started(TEST)], cause="")
    assert driver.running.trouble == "The worker process ended in the middle of the test."


@pytest.mark.parametrize(("left_s", "cut"), [(0.0, True), (60.0, False)])
def test_a_hanging_test_is_cut_short_by_the_sessions_end_and_in_trouble_by_its_own(left_s, cut):
    """The connection ends either; how much is left of the session's time tells which it was."""
    driver, _ = driven([Started(TEST)], left_s=left_s, cause="it gave no sign for 1 s and was killed")
    assert driver.running.trouble == "it gave no sign for 1 s and was killed"
    assert driver.running.cut is cut


def test_what_belongs_to_no_test_is_of_none():
    driver, heard = driven([recorded(3), *reported(TEST), Finished(TEST), Done()])
    assert driver.runs == {}
    assert (driver.ended, heard) == (set(), [])


def test_what_cannot_be_imported_is_named_by_the_last_line_of_its_traceback():
    broken = Unimportable("test_a.py", "x = 1\nE   ImportError: no such thing\n\n")
    driver, _ = driven([broken, Unimportable("test_b.py", "")])
    assert driver.unimportable == (
        "test_a.py cannot be imported: ImportError: no such thing; test_b.py cannot be imported: "
    )
    assert driver.trouble == f"{driver.unimportable}\nit died"


def test_a_worker_that_refuses_ends_the_session_in_its_own_words():
    with pytest.raises(UsageError, match="no such device"):
        driven([Hello(ENVIRONMENT), Refused("no such device")])


def test_modules_from_elsewhere_are_kept():
    driver, _ = driven([Started(TEST), Finished(TEST, ("pkg from /elsewhere/pkg.py",)), Done()])
    assert driver.strays == ("pkg from /elsewhere/pkg.py",)


def test_fixtures_that_measured_nothing_are_of_the_run():
    driver, _ = driven([Started(TEST), Finished(TEST, idle=("modelbench",)), Done()])
    assert driver.runs[TEST].idle == ("modelbench",)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now_s = 100.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("pytest_modelbench.workers.driver.time", clock)
    return clock


def test_time_is_counted_while_the_worker_runs_and_not_while_it_is_stopped(clock):
    amount = Amount(3, 7, 2)

    def script():
        clock.now_s += 5.0  # imports, before any test
        yield Begin(TEST)
        yield Started(TEST)
        clock.now_s += 1.0
        yield Ready(TEST, 0, "net", amount)
        clock.now_s += 2.0
        yield Taken(TEST, 0.5, False)
        clock.now_s += 4.0
        yield Finished(TEST)
        clock.now_s += 8.0
        yield Done()

    driver = Driver(ScriptedWorker(script()), 1, lambda test: 60.0, Heard())
    driver.go()
    for word, kind in (("go", Ready), ("sample", Taken)):
        clock.now_s += 1000.0  # the other one of the pair runs
        driver.go(word)
        assert driver.asks(kind) == TEST
    assert driver.runs[TEST].duration_s == 3.0
    clock.now_s += 1000.0
    driver.go("enough")
    assert driver.done
    assert driver.runs[TEST].duration_s == 7.0


def test_the_time_of_a_test_that_a_worker_dies_in_counts(clock):
    def script():
        yield Started(TEST)
        clock.now_s += 3.0

    driver, _ = driven(script())
    assert driver.runs[TEST].duration_s == 3.0


def test_a_worker_that_asks_is_stopped_until_it_is_answered():
    said = []

    def script():
        said.append((yield Begin("a")))
        said.append((yield Begin("b")))

    worker = ScriptedWorker(script(), answered=said.append)
    driver = Driver(worker, 1, lambda test: 60.0, Heard())
    driver.go()
    assert (worker.running, driver.asks(Begin), driver.asks(Ready)) == (False, "a", "")
    driver.go("go")
    assert (worker.running, driver.asks(Begin)) == (False, "b")
    assert said == ["go", "go"]
    driver.go("go")
    assert (driver.asked, driver.asks(Begin), driver.trouble) == (None, "", "it died")


@pytest.mark.parametrize(("script", "waits"), [([Done()], True), ([], False)])
def test_only_a_worker_that_is_through_is_waited_for(script, waits):
    worker = ScriptedWorker(script)
    driver = Driver(worker, 1, lambda test: 60.0, Heard())
    driver.go()
    driver.leave()
    assert worker.left is waits
