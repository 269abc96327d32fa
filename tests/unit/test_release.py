"""What a release says of itself: its changelog, its Pythons, and the notes that release.yml makes."""

import os
import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).parents[2]
WORKFLOWS = REPOSITORY / ".github" / "workflows"
#: Keep a Changelog's six, in its order.
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
CHANGELOG = """\
# Changelog

## Unreleased

### Added

- What comes.

## 1.2.0 - 2026-11-30

### Fixed

- What was [wrong](docs/ci.md#away), see [security](SECURITY.md) and [elsewhere](https://example.org/docs/a.md).

## 1.1.0 - never published

- What nobody got.
"""


def steps_of(workflow, job):
    return yaml.safe_load((WORKFLOWS / workflow).read_text("utf-8"))["jobs"][job]["steps"]


def notes(folder, tag):
    """Run the step of release.yml that writes the notes of ``tag``, on CHANGELOG above; None where it fails."""
    (folder / "CHANGELOG.md").write_text(CHANGELOG, "utf-8")
    step = next(step for step in steps_of("release.yml", "build") if "changelog" in step.get("name", ""))
    variables = {"GITHUB_REF_NAME": tag, "GITHUB_REPOSITORY": "us/it", "PATH": os.environ["PATH"]}
    # As GitHub runs it, for which a failure ends the step.
    done = subprocess.run(["bash", "-e", "-c", step["run"]], cwd=folder, env=variables, check=False)
    return None if done.returncode else (folder / "notes.md").read_text("utf-8")


def test_notes_are_the_section_of_the_version_with_links_that_lead_somewhere(tmp_path):
    assert notes(tmp_path, "v1.2.0") == (
        "\n### Fixed\n\n"
        "- What was [wrong](https://github.com/us/it/blob/v1.2.0/docs/ci.md#away), see "
        "[security](https://github.com/us/it/blob/v1.2.0/SECURITY.md) and [elsewhere](https://example.org/docs/a.md).\n\n"
    )


@pytest.mark.parametrize("tag", ["v1.1.0", "v1.2", "v1.2.0rc1", "vUnreleased", "v2.0.0"])
def test_a_version_without_a_dated_section_is_no_release(tmp_path, tag):
    assert notes(tmp_path, tag) is None


def test_the_changelog_has_one_form():
    headings = [line for line in (REPOSITORY / "CHANGELOG.md").read_text("utf-8").splitlines() if line.startswith("##")]
    sections = {}
    for heading in headings:
        if heading.startswith("## "):
            sections[heading[3:]] = []
        else:
            sections[list(sections)[-1]].append(heading.removeprefix("### "))
    first, *released = sections
    assert first == "Unreleased"
    for heading in released:
        assert re.fullmatch(r"\d+\.\d+\.\d+ - (\d{4}-\d{2}-\d{2}|never published)", heading), heading
    versions = [tuple(map(int, heading.split(" ")[0].split("."))) for heading in released]
    assert versions == sorted(set(versions), reverse=True)
    for heading, kinds in sections.items():
        assert kinds == [kind for kind in KINDS if kind in kinds], heading


def test_each_python_that_is_claimed_is_one_that_tests_and_releases_are_run_on():
    claimed = set()
    for classifier in metadata("pytest-modelbench").get_all("Classifier"):
        if found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", classifier):
            claimed.add(found[1])
    assert claimed
    jobs = yaml.safe_load((WORKFLOWS / "test.yml").read_text("utf-8"))["jobs"]
    tested = {str(entry["python"]) for entry in jobs["versions"]["strategy"]["matrix"]["include"]}
    for step in jobs["land"]["steps"]:
        tested |= {step["with"]["python-version"]} if "python-version" in step.get("with", {}) else set()
    assert claimed == tested
    jobs = yaml.safe_load((WORKFLOWS / "release.yml").read_text("utf-8"))["jobs"]
    assert claimed == set(jobs["install"]["strategy"]["matrix"]["python"])
    lowest, *_, highest = sorted(claimed, key=lambda version: int(version.split(".")[1]))
    assert metadata("pytest-modelbench")["Requires-Python"] == f">={lowest}"
    assert f"![Python {lowest} to {highest}]" in (REPOSITORY / "README.md").read_text("utf-8")


def test_what_readme_links_and_shows_leads_somewhere_from_a_page_of_another_host():
    hooks = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["metadata"]["hooks"]
    described = (REPOSITORY / "README.md").read_text("utf-8")
    for one in hooks["fancy-pypi-readme"]["substitutions"]:
        described = re.sub(one["pattern"], one["replacement"], described)
    found = re.findall(r"\]\((?!#)([^)]+)\)", described) + re.findall(r'\b(?:src|srcset)="([^"]+)"', described)
    assert [link for link in found if not link.startswith("https://")] == []
    ours = [link.split("/v$HFPR_VERSION/")[1].split("#")[0] for link in found if "/v$HFPR_VERSION/" in link]
    assert [path for path in ours if not (REPOSITORY / path).is_file()] == []
    # Where a file of the repository is named by a page's address, a picture is shown by that of its content.
    assert {link.split("/")[5] for link in found if link.endswith(".png")} == {"raw"}
    assert sum(path.endswith(".png") for path in ours) == 4
