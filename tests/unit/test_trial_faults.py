"""The trial that damages, kills and breaks: a hole in what it looks at is seen, and the same seed does the same."""

import random

import pytest

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.store import files
from tests.trials.faults import damaged_baselines, mutations
from tests.trials.faults.damaged_results import DamagedResults
from tests.trials.faults.gated_project import GatedProject
from tests.trials.faults.kills import Kills
from tests.trials.faults.updates import AT_ONCE, SIZES, Updates

DATA = b'{"format": "x", "records": [{"value": 1.5, "name": "a"}, {"value": 2}, null]}\n'


@pytest.fixture
def project(tmp_path):
    project = GatedProject(tmp_path)
    project.make()
    return project


@pytest.mark.parametrize("kind", [mutations.cut, mutations.restructured, mutations.renumbered, mutations.scrambled])
def test_a_mutation_changes_something_and_is_the_same_for_the_same_seed(kind):
    changed = [kind(random.Random(seed), DATA, DATA) for seed in range(100)]
    assert changed == [kind(random.Random(seed), DATA, DATA) for seed in range(100)]
    assert sum(one != DATA for one in changed) > 60
    assert len(set(changed)) > 10


@pytest.mark.long
def test_damage_does_not_open_a_gate(project):
    told = [damaged_baselines.trial(project, f"test {number}") for number in range(12)]
    assert [one for one in told if one.fault] == []
    assert {"refused"} < {one.kind for one in told}


@pytest.mark.long
def test_a_gate_that_takes_damage_for_nothing_is_seen(project, monkeypatch):
    read = files.records_of

    def lenient(path, text):
        try:
            return read(path, text)
        except BaselineError:
            return read(path, '{"format": "pytest-modelbench baseline", "schema": 3, "records": [null]}')

    monkeypatch.setattr(files, "records_of", lenient)
    monkeypatch.setattr("pytest_modelbench.session.runner.check_whole", lambda *_: None)
    told = [damaged_baselines.trial(project, f"test {number}") for number in range(12)]
    assert any(one.kind.startswith("opened") and one.fault for one in told)


@pytest.mark.long
def test_of_damaged_results_nothing_worse_than_a_refusal_comes(project):
    damaged = DamagedResults(project)
    assert [told for number in range(10) if (told := damaged.trial(f"test {number}")).fault] == []


@pytest.mark.long
def test_what_is_killed_is_finished_by_the_same_command(project):
    kills = Kills(project)
    assert [told for number in range(6) if (told := kills.trial(f"test {number}")).fault] == []


@pytest.mark.long
def test_a_writer_that_does_not_replace_files_is_seen(project, monkeypatch):
    kills = Kills(project)
    monkeypatch.setattr("pytest_modelbench.store.draft.write_atomically", _in_two_halves)
    assert any(kills.trial(f"test {number}").fault for number in range(30))


def _in_two_halves(path, text):
    path.write_text(text[: len(text) // 2])
    with open(path, "a") as file:
        file.write(text[len(text) // 2 :])


@pytest.mark.long
def test_updates_at_once_all_land_and_lost_ones_are_seen(tmp_path, monkeypatch):
    project = GatedProject(tmp_path, SIZES)
    project.make()
    updates = Updates(project)
    assert [one.kind for one in updates.trial("test")] == ["there"] * AT_ONCE
    monkeypatch.setattr("pytest_modelbench.store.atomic._wait_for_lock", lambda *_: None)
    assert any(one.fault for number in range(5) for one in updates.trial(f"test {number}"))
