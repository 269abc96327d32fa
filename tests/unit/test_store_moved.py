"""What pairs told from a baseline is replaced when it is accepted, though the stored value agrees; once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.moved import Moved, as_told, note_moved, read_moved
from tests.unit.report_sessions import FINE, check


def judged(verdict, pairs=3, name="latency"):
    found = check("net", "latency", verdict, 1.05, 1.0, name=name)
    return replace(found, judgement=replace(found.judgement, pairs=pairs))


def session(*checks, **changes):
    return replace(FINE, checks=checks, **changes)


@pytest.mark.parametrize(
    ("verdict", "pairs", "told"),
    [
        (Verdict.REGRESSED, 3, True),
        (Verdict.IMPROVED, 3, True),
        (Verdict.REGRESSED, 0, False),  # by what is stored, as accepting sees for itself
        (Verdict.OK, 3, False),
        (Verdict.INCONCLUSIVE, 20, False),
    ],
)
def test_what_pairs_told_from_its_entry_counts_as_moved_when_it_is_accepted(tmp_path, verdict, pairs, told):
    path = tmp_path / "deep" / "moved.json"
    note_moved(path, session(judged(verdict, pairs)))
    now = judged(Verdict.OK, 0)
    assert (as_told(now, read_moved(path)).judgement.verdict is Verdict.REGRESSED) is told
    assert as_told(judged(Verdict.OK, name="another"), read_moved(path)).judgement.verdict is Verdict.OK


def test_of_an_entry_that_was_accepted_since_nothing_is_told(tmp_path):
    path = tmp_path / "moved.json"
    note_moved(path, session(judged(Verdict.REGRESSED)))
    now = judged(Verdict.OK)
    later = replace(now, baseline=replace(now.baseline, accepted="2026-11-29, commit def"))
    assert as_told(later, read_moved(path)) is later


def test_a_session_that_judges_it_otherwise_ends_that_and_others_leave_it(tmp_path):
    path = tmp_path / "moved.json"
    bad, fine = judged(Verdict.REGRESSED), judged(Verdict.OK)
    note_moved(path, session(bad))
    (told,) = read_moved(path)
    note_moved(path, session(judged(Verdict.OK, name="another")))
    for changes in ({"against": "main"}, {"updating": True}, {"interrupted": True}):
        note_moved(path, session(fine, **changes))
    assert read_moved(path) == {told}
    note_moved(path, session(fine))
    assert read_moved(path) == frozenset()


@given(st.binary() | st.sampled_from([b"{}", b"[1]", b'[["a"]]', b'[["a","b","c","d","e"]]', b"null"]))
def test_a_damaged_file_tells_nothing(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("cache") / "moved.json"
    path.write_bytes(content)
    assert all(isinstance(one, Moved) for one in read_moved(path))


def test_where_it_cannot_be_written_nothing_happens(tmp_path):
    (tmp_path / "file").write_text("")
    note_moved(tmp_path / "file" / "moved.json", session(judged(Verdict.REGRESSED)))
