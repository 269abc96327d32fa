"""Names of samples, packed and back."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.sample_names import SampleNames, sample_name

_printable = st.text().filter(str.isprintable)


@given(st.lists(_printable, min_size=1, max_size=9))
def test_names_come_back_in_their_order(names):
    assert SampleNames.of(names).unpacked() == tuple(names)


def test_what_would_break_a_line_or_a_file_is_escaped():
    assert SampleNames.of(["a\nb", "c\0d", "e\udc80f", "模型"]).unpacked() == ("a\\nb", "c\\x00d", "e\\udc80f", "模型")


def test_without_names_there_is_nothing_to_pack_and_samples_go_by_number():
    assert SampleNames.of([]) is None
    assert (sample_name(["a"], 0), sample_name([], 17)) == ("a", "sample 17")


def test_fifty_thousand_names_take_some_bytes_each():
    # The numbers of ImageNet's validation images have no order within a class.
    names = [f"n{label:08d}/ILSVRC2012_val_{(label * 50 + at) * 7919 % 50000:08d}.JPEG" for label in range(1000)
             for at in range(50)]  # fmt: skip
    assert len(SampleNames.of(names).packed) < 8 * len(names)
