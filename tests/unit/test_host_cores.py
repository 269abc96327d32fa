import os

import pytest

from pytest_modelbench.host import cores as host


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda task: {5, 1}, raising=False)
    assert host.allowed_cores() == (1, 5)
    assert host.core_count() == 2


@pytest.mark.parametrize(("found", "count"), [(8, 8), (None, 1)])
def test_where_the_system_does_not_tell_it_is_the_whole_machine(
    monkeypatch: pytest.MonkeyPatch, found: int | None, count: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: found)
    assert host.allowed_cores() == ()
    assert host.core_count() == count
