"""Where a history is kept, as people write it."""

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.locations import check_location, is_folder, without_secret
from pytest_modelbench.core.settings import read_settings


@pytest.mark.parametrize("text", ["nights", "../nights", "/a/b", "~/n", "./s3:x", "a:/b", "C:x", "ein Ordner"])
def test_a_path_is_a_folder_and_starts_from_where_it_is_written(text):
    assert is_folder(check_location(text, "x"))
    told = read_settings({"history": text}, {}, "pyproject.toml", base="/project", typed="/typed").history
    assert told.startswith("/")
    assert told == "/project/nights" or text != "nights"


@pytest.mark.parametrize(
    "text", ["git:nights", "git:feature/nights", "s3://bucket/a", "memory://x", "simplecache::s3://b/a"]
)
def test_branches_and_urls_are_no_paths(text):
    assert not is_folder(check_location(text, "x"))
    assert read_settings({}, {"history": text}, "", base="/project", typed="/typed").history == text


@pytest.mark.parametrize("branch", ["", "a..b", "-a", "a b", "/a", "a/", "a.lock", "a/.b", "a~1", "@", "a@{1}", "a\n"])
def test_what_git_takes_for_no_branch_is_refused_before_anything_is_measured(branch):
    with pytest.raises(
        UsageError, match=r"^here: 'git:.*' names no branch of git; write for example git:modelbench-hi"
    ):
        check_location(f"git:{branch}", "here")


@pytest.mark.parametrize("text", ["s3:bucket", "s3:/bucket", "file:/x"])
def test_half_a_url_is_no_folder_that_somebody_means(text):
    with pytest.raises(UsageError, match=f"begins like a URL and is none; .* for a folder of that name ./{text}$"):
        check_location(text, "here")


def test_what_has_no_password_is_printed_as_it_is():
    assert without_secret("s3://bucket/a:b@c") == "s3://bucket/a:b@c"
    assert without_secret("git:nights") == "git:nights"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ftp://me:secret@host/a", "ftp://...@host/a"),
        ("https://secret@host", "https://...@host"),
        ("https://me:se@secret@host/a@b", "https://...@host/a@b"),
        ("cache::https://me:secret@host", "cache::https://...@host"),
        ("https://host/a?sig=secret&se=secret", "https://host/a?sig=...&se=..."),
        ("https://host/a?secret", "https://host/a?..."),
        ("https://host/a?v=1#t=secret", "https://host/a?v=..."),
        ("404 for https://me:secret@host/a?x=secret, url='https://secret@host'", None),
        ("ftp:me:secret@host", "ftp:...@host"),
    ],
)
def test_who_asks_and_what_a_query_says_is_not_printed(text, told):
    found = without_secret(text)
    assert "secret" not in found
    assert found == told or told is None


@pytest.mark.parametrize("location", ["https:me:secret@host", "https:/me:secret@host", "git:https://secret@host"])
def test_a_location_that_is_refused_is_told_without_its_password(location):
    with pytest.raises(UsageError) as error:
        check_location(location, "here")
    assert "secret" not in str(error.value)
