"""The documentation's pages: each is in the navigation, leads somewhere, and shows code that can be read."""

import ast
import re
import sys
from pathlib import Path

import pytest

import pytest_modelbench
from pytest_modelbench.cli import parser
from pytest_modelbench.options import OPTIONS
from tests.walkthrough import File, steps

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(pytest_modelbench.__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
#: Those that people follow, rather than read.
FOLLOWED = [DOCS / "index.md", DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md")), ROOT / "README.md"]
REPOSITORY = re.compile(r"https://github\.com/pytest-modelbench/pytest-modelbench/(?:blob|tree)/main/([^)#\s\"]+)")


def relative(path):
    return str(path.relative_to(ROOT))


def named(nav):
    """Pages of a navigation, in order."""
    for one in nav:
        if isinstance(one, str):
            yield one
        else:
            for below in one.values():
                yield from named(below) if isinstance(below, list) else [below]


def test_every_page_is_in_the_navigation_once():
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    assert sorted(named(site["nav"])) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_what_lies_outside_of_the_site_is_linked_by_address_and_exists(page):
    """The site's strict build sees to links between pages."""
    text = page.read_text(encoding="utf-8")
    outside = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if not link.startswith("http")]
    assert [link for link in outside if not (page.parent / link).resolve().is_relative_to(DOCS)] == []
    assert [path for path in REPOSITORY.findall(text) if not (ROOT / path).exists()] == []


def test_the_links_of_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)", text) if not link.startswith("http")]
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_pages_that_messages_name_exist():
    """Of the package: what it prints, and what its docstrings refer to."""
    found = {
        name
        for path in (ROOT / "pytest_modelbench").rglob("*.py")
        for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text(encoding="utf-8"))
        # GitHub's own, in the address of a source.
        if name != "docs/problem-matchers.md"
    }
    assert {name for name in found if not (ROOT / name).exists()} == set()


def python_blocks(page):
    """The text of each block of Python, without the indentation of a list that it stands in."""
    for block in re.finditer(r"^( *)```python[^\n]*\n(.*?)^\1```$", page.read_text(encoding="utf-8"), re.M | re.S):
        yield "".join(line.removeprefix(block[1]) for line in block[2].splitlines(keepends=True))


@pytest.mark.parametrize("page", FOLLOWED, ids=relative)
def test_python_on_pages_that_people_follow_can_be_parsed(page):
    for text in python_blocks(page):
        ast.parse(text)


def test_modelbench_commands_and_options_on_pages_exist():
    """A flag that was renamed, or never was, would send people into an error."""
    flags = {flag for one in OPTIONS for flag in (one.flag, one.alias) if flag}
    commands = set(parser()._subparsers._group_actions[0].choices)
    for page in FOLLOWED:
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"--modelbench[\w-]*", text)) <= flags, page
        assert set(re.findall(r"(?:[$`] ?|run: )pytest-modelbench ([a-z][\w-]*)", text)) <= commands, page


def test_how_to_pages_have_a_goal_and_say_what_one_sees():
    for page in (DOCS / "how-to").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert page.name == "index.md" or ("**Goal:**" in text and "**What you see:**" in text), page


def test_files_of_how_to_pages_do_not_overwrite_each_other():
    names = [one.name for page in FOLLOWED for one in steps(page.read_text(encoding="utf-8")) if isinstance(one, File)]
    assert len(names) == len(set(names))
