"""Files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_modelbench.host.files import file_text, parse_count


def test_text_comes_without_blanks_around_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("1 2\n3\n\n")
    assert file_text(tmp_path / "file") == "1 2\n3"


def test_what_cannot_be_read_is_empty(tmp_path: Path) -> None:
    assert file_text(tmp_path / "nowhere") == ""
    assert file_text(tmp_path) == ""


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12 (\xff\xfe) S")
    assert file_text(tmp_path / "file") == "12 (\ufffd\ufffd) S"


def test_a_count_may_have_blanks_around_it() -> None:
    assert parse_count(" 12\n") == 12


@pytest.mark.parametrize("text", ["", "\n", "<unknown>", "-1", "1.5", "12 13", "²"])
def test_what_is_no_count_is_none(text: str) -> None:
    assert parse_count(text) is None
