"""Markdown for GitHub: with what is to blame, within the room that there is, and nobody is called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_modelbench.core.breakdown import ItemChange
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.reasons import ItemsChanged, Placed
from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.session import Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report import comment, markdown
from tests.unit.report_sessions import EMPTY, FINE, SESSION, check

TIMES = ItemsChanged("ns", (ItemChange("layer2.0.conv1", "aten::conv", 10_000_000, 19_800_000),))


def of(*checks) -> Session:
    return replace(EMPTY, checks=checks)


def test_what_regressed_says_where_in_the_model() -> None:
    slow = check("net-b1", "latency", Verdict.REGRESSED, 1.3, 1.0, reasons=(Placed(TIMES),))
    text = markdown.render(of(slow, check("r", "macs", Verdict.REGRESSED, 12, 10)))
    tree = text.split("**net-b1 latency**\n\n```text\n")[1].split("\n```")[0]
    assert tree.splitlines() == [
        "where     layer2.0.conv1, +9.80 ms of +9.80 ms (timed with hooks)",
        "what      +9.80 ms aten::conv",
    ]
    assert text.count("```text") == 1


def test_a_module_with_a_hostile_name_stays_in_its_block() -> None:
    items = ItemsChanged("count", (ItemChange("```\n</details>\x1b[31m", "`x`", 1, 2),))
    text = markdown.render(of(check("r", "macs", Verdict.REGRESSED, 12, 10, reasons=(items,))))
    assert [line for line in text.splitlines() if line.startswith("```")] == ["```text", "```", "```sh", "```"]
    assert "\x1b" not in text


def test_nobody_is_called_by_a_case() -> None:
    text = markdown.render(of(check("@octocat-b1", "macs", Verdict.OK, 1, 1)))
    assert "@&#8288;octocat" in text
    assert "@octocat" not in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("octocat/Hello-World#1", "octocat/Hello-World#&#8288;1"),
        ("gh-7", "gh-&#8288;7"),
        ("https://evil.example", "https:&#8288;//evil.example"),
        ("WWW.evil.example", "WWW&#8288;.evil.example"),
        (r"$\huge x$", r"\$\\huge x\$"),
        ("#b", "#b"),
    ],
)
def test_a_case_links_to_nothing_and_is_no_formula(name: str, shown: str) -> None:
    assert markdown.escape(name) == shown


def test_a_report_that_is_too_long_keeps_what_is_in_trouble_and_counts_the_rest() -> None:
    bad = [check(f"bad{at}", "macs", Verdict.REGRESSED, 12, 10) for at in range(40)]
    fine = [check(f"fine{at}", "macs", Verdict.OK, 10, 10) for at in range(400)]
    session = of(*bad, *fine)
    whole = markdown.render(session)
    assert markdown.fitted(session) == whole
    shorter = markdown.fitted(session, most_bytes=20_000)
    assert len(shorter.encode()) <= 20_000
    assert shorter.count("**regressed**") == 40
    assert "| fine" not in shorter
    assert "400 ok" in shorter
    least = markdown.fitted(session, most_bytes=4_000)
    assert least.count("**regressed**") == 10
    assert "and 30 checks more" in least
    cut = markdown.fitted(session, most_bytes=300)
    assert len(cut.encode()) <= 300
    assert cut.endswith("(the rest is left out)\n")


def test_a_comment_begins_with_its_mark_and_ends_with_the_sources() -> None:
    text = comment.render(FINE, "modelbench", link="https://github.com/o/r/actions/runs/1")
    first, second, *_ = text.splitlines()
    assert first == "<!-- pytest-modelbench comment: modelbench -->" == comment.marker("modelbench")
    assert second.startswith("**modelbench: ")
    assert text.splitlines()[-1] == (
        "<sub>commit 0123456789, 2026-11-25 08:00 UTC · [log](https://github.com/o/r/actions/runs/1)</sub>"
    )


def test_a_comment_of_another_name_has_it_as_its_title() -> None:
    assert comment.render(FINE, "gpu").splitlines()[1] == "### gpu"


@pytest.mark.parametrize("name", ["", "-->", "a--b", "a" * 61, "<b>", "a\nb", "-a"])
def test_a_name_that_would_show_the_mark_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--name"):
        comment.marker(name)


def test_a_comment_shows_the_course_of_what_is_in_trouble_alone() -> None:
    bad, fine = (
        check("r", name, verdict, 12, 10) for name, verdict in (("macs", Verdict.REGRESSED), ("parameters", Verdict.OK))
    )
    nights = tuple(
        Night(f"s{at}", "2026-11-25T08:00:00Z", None, value, verdict)
        for at, (value, verdict) in enumerate([(10, Verdict.OK), (12, Verdict.REGRESSED), (12, Verdict.REGRESSED)])
    )
    history = [Series(one.folder, *one.key, "r", "count", "lower", nights) for one in (bad, fine)]
    text = comment.render(of(bad, fine), "modelbench", history=history)
    assert [line for line in text.splitlines() if "nights" in line] == [
        "- r macs: ▁██ 3 nights, the last 2 failing or undecided"
    ]


def test_a_comment_fits_whatever_names_are() -> None:
    checks = [
        check(f"{at}" + "模" * 10_000, "macs", Verdict.REGRESSED, 12, 10, test=f"t.py::{at}{'x' * 10_000}")
        for at in range(12)
    ]
    nights = (Night("s", "2026-11-25T08:00:00Z", None, 1, Verdict.OK),)
    history = [Series(one.folder, *one.key, "r", "count", "lower", nights) for one in checks]
    for session in (of(*checks), SESSION):
        assert len(comment.render(session, "modelbench", history=history).encode()) <= 65_536
