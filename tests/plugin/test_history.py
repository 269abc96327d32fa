"""Sessions that keep themselves in a history and write their page; neither changes a verdict."""

import pytest

TEST = """
def test_one(modelbench):
    modelbench.record("answer", {}, better="equal")
"""


def test_sessions_are_kept_and_shown_on_the_page(pytester, bench):
    bench("--update-baselines", source=TEST.format(41)).assert_outcomes(passed=1)
    for answer in (41, 42):
        result = bench("--modelbench-history=nights", "--modelbench-html=page.html", source=TEST.format(answer))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["page written to page.html"])
    assert len(list((pytester.path / "nights").iterdir())) == 2
    page = (pytester.path / "page.html").read_text(encoding="utf-8")
    assert page.count("<polyline") == 1
    assert "answer regressed" in page
    shown = pytester.run("pytest-modelbench", "history", "--history=nights", "answer")
    shown.stdout.fnmatch_lines(["*test_one", "\u2581\u2588", "*41 * ok", "*42 * regressed", "2 sessions, 1 check"])


def test_a_history_in_the_settings_is_found_by_the_command(pytester, bench):
    pytester.makepyprojecttoml("[tool.modelbench]\nhistory = 'kept'\n")
    bench(source=TEST.format(41)).assert_outcomes(passed=1)
    pytester.run("pytest-modelbench", "history").stdout.fnmatch_lines(["1 session, 1 check"])


@pytest.mark.parametrize("made", ["a file", "nothing"])
def test_one_that_cannot_be_written_changes_no_verdict_and_loses_nothing(pytester, bench, made):
    if made == "a file":
        (pytester.path / "nights").write_text("in the way")
    else:
        (pytester.path / "nights").symlink_to("/proc/nowhere")
    result = bench("--modelbench-history=nights", source=TEST.format(41))
    assert result.ret == 0
    result.stdout.fnmatch_lines(["NOT KEPT in the history: *nights*", "nothing is lost: once that is mended, run"])
    (command,) = [line.split() for line in result.outlines if "pytest-modelbench history-import" in line]
    assert command[-2:] == ["--history", "nights"]
    (pytester.path / "nights").unlink()
    pytester.run(*command).stdout.fnmatch_lines(["nights: 1 night added"])
    pytester.run("pytest-modelbench", "history", "--history=nights").stdout.fnmatch_lines(["1 session, 1 check"])


def test_one_in_a_branch_leaves_the_project_as_it_was(pytester, bench):
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b")
    pytester.run(*git, "init", "-q", "-b", "main")
    (pytester.path / ".gitignore").write_text("*\n")
    pytester.run(*git, "add", "-f", ".gitignore")
    pytester.run(*git, "commit", "-qm", "begin")
    for history in ("git:nights", "memory://nowhere", "git:main"):
        result = bench(f"--modelbench-history={history}", source=TEST.format(41))
        assert result.ret == 0
    result.stdout.fnmatch_lines(["NOT KEPT in the history: git:main: this branch is checked out in *"])
    assert pytester.run("git", "status", "--porcelain").outlines == []
    assert sorted(pytester.run("git", "log", "--all", "--format=%s").outlines) == ["Keep 1 file", "begin"]
    shown = pytester.run("pytest-modelbench", "history", "--history=git:nights")
    shown.stdout.fnmatch_lines(["1 session, 1 check"])


def test_a_page_that_cannot_be_written_is_told_before_anything_is_measured(bench):
    result = bench("--modelbench-html=/no/such/place/page.html", source=TEST.format(41))
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--modelbench-html: there is no folder /no/such/place*"])
