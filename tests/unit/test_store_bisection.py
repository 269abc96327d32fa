"""What a bisection has measured, kept for the same search: whatever was written is told again, once."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.store.bisection import Memory, Told, Value, memory_file

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TOLD = st.builds(
    Told,
    at=st.just("abc"),
    test=st.just("t"),
    slower=st.none() | st.dictionaries(st.text(), st.none() | NUMBERS),
    disturbed=st.just(()) | st.just(("latency",)),
    values=st.dictionaries(st.text(), st.builds(Value, value=NUMBERS, differs=st.booleans())),
    why=st.text(),
)


@given(st.lists(TOLD))
def test_what_was_kept_is_told_again_in_its_order(tmp_path_factory, found):
    file = tmp_path_factory.mktemp("memory") / "deep" / "one.jsonl"
    memory = Memory(file)
    for told in found:
        memory.keep(told)
    again = Memory(file)
    assert [again.recall("abc", ["t"], timed=False) for _ in found] == [[told] for told in found]
    assert again.recall("abc", ["t"], timed=False) is None


def test_a_line_that_was_cut_off_is_as_if_it_had_not_been_written(tmp_path):
    file = tmp_path / "one.jsonl"
    memory = Memory(file)
    for number in range(2):
        memory.keep(Told(at="abc", test="t", slower={"latency": float(number)}))
    file.write_bytes(file.read_bytes()[:-10] + b"\n\xff\n[1]\n{}\n")
    again = Memory(file)
    assert again.recall("abc", ["t"], timed=True)[0].slower == {"latency": 0.0}
    assert again.recall("abc", ["t"], timed=True) is None


def test_a_run_is_recalled_only_if_all_of_its_tests_are_known_and_timed_if_times_are_asked_for(tmp_path):
    memory = Memory(tmp_path / "one.jsonl")
    memory.keep(Told(at="abc", test="t", values={"macs": Value(value=1.0, differs=False)}))
    again = Memory(tmp_path / "one.jsonl")
    assert again.recall("abc", ["t"], timed=True) is None
    assert again.recall("abc", ["t", "u"], timed=False) is None
    assert again.recall("def", ["t"], timed=False) is None
    assert len(again.recall("abc", ["t"], timed=False)) == 1


def test_without_a_file_or_where_it_cannot_be_written_nothing_is_kept(tmp_path):
    (tmp_path / "file").write_text("")
    for memory in (Memory(None), Memory(tmp_path / "file" / "one.jsonl")):
        memory.keep(Told(at="abc", test="t"))
        assert memory.recall("abc", ["t"], timed=False) is None


def test_what_is_forgotten_is_gone(tmp_path):
    file = tmp_path / "one.jsonl"
    Memory(file).keep(Told(at="abc", test="t"))
    memory = Memory(file)
    memory.forget()
    assert memory.recall("abc", ["t"], timed=False) is None
    assert not file.exists()


def test_other_searches_have_other_files(tmp_path):
    about = {"ends": ["a", "b"], "place": "cpu"}
    assert memory_file(tmp_path, about) == memory_file(tmp_path, dict(reversed(about.items())))
    assert memory_file(tmp_path, about) != memory_file(tmp_path, {**about, "place": "gpu"})
