"""``comment``, ``badge`` and ``export`` on real files; and what GitHub is asked, by a server in its place."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.cli import main
from pytest_modelbench.store.results import write_results
from tests.unit.report_sessions import FINE, SESSION

Output = pytest.CaptureFixture[str]
MARK = "<!-- pytest-modelbench comment: modelbench -->"
TOKEN = "ghs_verysecret"
BOT, SOMEBODY = {"login": "github-actions[bot]", "type": "Bot"}, {"login": "somebody", "type": "User"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a results file, outside of any job."""
    monkeypatch.chdir(tmp_path)
    for name in ("TOKEN", "REPOSITORY", "API_URL", "EVENT_PATH", "SERVER_URL", "RUN_ID"):
        monkeypatch.delenv(f"GITHUB_{name}", raising=False)
    write_results(Path("results.json"), SESSION)
    return tmp_path


class GitHub:
    """Comments of one pull request, and how the API answers; ``asked`` is what it was asked."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.login = ""  #: whose the token is; empty: an app's
        self.asked: list[tuple[str, str]] = []
        self.refuses: tuple[int, dict[str, str], bytes] | None = None  #: status, headers and body of what is written

    def answer(self, method: str, path: str, content: Any, token: str | None) -> tuple[int, dict[str, str], Any]:
        self.asked.append((method, path))
        if token != f"Bearer {TOKEN}":
            return 401, {}, {"message": "Bad credentials"}
        if path == "/user":
            return (200, {}, {"login": self.login}) if self.login else (403, {}, {"message": "Resource not accessible"})
        if self.refuses is not None:
            return self.refuses
        if method == "GET":
            page = int(path.partition("&page=")[2])
            return 200, {}, self.comments[100 * (page - 1) : 100 * page]
        if method == "POST":
            self.comments.append({"id": 1000 + len(self.comments), "user": BOT, **content})
            return 201, {}, {"html_url": "https://github.example/c"}
        (one,) = [one for one in self.comments if path.endswith(f"/comments/{one['id']}")]
        one.update(content)
        return 200, {}, {"html_url": "https://github.example/c"}


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """GitHub, as a job for pull request 7 of owner/name knows it."""
    state = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = json.loads(self.rfile.read(length)) if length else None
            status, headers, body = state.answer(self.command, self.path, content, self.headers.get("Authorization"))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    event = Path("event.json")
    event.write_text('{"pull_request": {"number": 7}}')
    for name, value in {
        "API_URL": f"http://127.0.0.1:{server.server_port}",
        "REPOSITORY": "owner/name",
        "TOKEN": TOKEN,
        "EVENT_PATH": str(event),
    }.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    yield state
    server.shutdown()
    server.server_close()


def test_a_comment_is_printed_and_nobody_is_asked(github: GitHub, capsys: Output) -> None:
    assert main(["comment", "results.json"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{MARK}\n**modelbench: 5 regressed")
    assert out.endswith("<sub>commit 0123456789, 2026-11-25 08:00 UTC</sub>\n")
    assert github.asked == []


def test_a_comment_is_posted_once_and_then_updated_in_place(github: GitHub, capsys: Output) -> None:
    github.comments = [{"id": at, "user": SOMEBODY, "body": f"remark {at}"} for at in range(150)]
    assert main(["comment", "results.json", "--post"]) == 0
    assert capsys.readouterr().out == "https://github.example/c\n"
    assert len(github.comments) == 151
    assert "5 regressed" in github.comments[-1]["body"]
    write_results(Path("results.json"), FINE)
    assert main(["comment", "results.json", "--post"]) == 0
    assert len(github.comments) == 151
    assert github.comments[-1]["body"].startswith(f"{MARK}\n**modelbench: 3 ok**")
    assert github.asked[-1] == ("PATCH", "/repos/owner/name/issues/comments/1150")
    assert main(["comment", "results.json", "--post", "--name", "gpu"]) == 0
    assert len(github.comments) == 152


def test_words_of_others_are_left_alone(github: GitHub) -> None:
    github.comments = [{"id": 1, "user": SOMEBODY, "body": MARK}, {"id": 2, "user": None, "body": None}]
    assert main(["comment", "results.json", "--post"]) == 0
    assert [one["body"] == MARK for one in github.comments] == [True, False, False]
    github.login = "somebody"
    assert main(["comment", "results.json", "--post"]) == 0
    assert len(github.comments) == 3
    assert "5 regressed" in github.comments[0]["body"]


@pytest.mark.parametrize(
    ("event", "number"),
    [
        ({"pull_request": {"number": 7}}, 7),
        ({"workflow_run": {"pull_requests": [{"number": 8}]}}, 8),
        ({"issue": {"number": 9, "pull_request": {}}}, 9),
        ({"issue": {"number": 9}}, None),
        ({"workflow_run": {"pull_requests": []}}, None),
        ({"pull_request": {"number": "7/../../../user"}}, None),
        ({"pull_request": {"number": True}}, None),
        ([], None),
    ],
)
def test_the_event_tells_the_pull_request(github: GitHub, capsys: Output, event: Any, number: int | None) -> None:
    Path("event.json").write_text(json.dumps(event))
    assert main(["comment", "results.json", "--post"]) == (4 if number is None else 0)
    if number is None:
        assert "does not run for a pull request; name it with --pull-request N" in capsys.readouterr().err
        assert github.asked == []
    else:
        assert github.asked[-1] == ("POST", f"/repos/owner/name/issues/{number}/comments")


def test_a_pull_request_that_is_named_is_taken(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_EVENT_PATH")
    assert main(["comment", "results.json", "--post", "--pull-request", "12"]) == 0
    assert github.asked[-1] == ("POST", "/repos/owner/name/issues/12/comments")


@pytest.mark.parametrize(
    ("refuses", "told"),
    [
        ((403, {}, b'{"message": "Resource not accessible"}'), "needs `permissions: pull-requests: write`"),
        ((403, {"X-RateLimit-Remaining": "0"}, b"{}"), "GitHub says 403: it was asked too often"),
        ((404, {}, b'{"message": "Not Found"}'), "GitHub says 404 (Not Found): there is no such pull request"),
        ((422, {}, b'{"message": "Validation\\n\\u001b[31mFailed"}'), "GitHub says 422 (Validation  [31mFailed); run"),
        ((500, {}, b"<html>"), "GitHub says 500; run the same again later"),
        ((301, {"Location": "http://127.0.0.1:9/elsewhere"}, b""), "the repository has moved"),
        ((200, {}, b"<html>"), "is not GitHub's API; look at GITHUB_API_URL"),
        ((200, {}, b"{}"), "GitHub does not list its comments"),
        ((200, {}, b"[" * 100_000), "is not GitHub's API"),
    ],
)  # fmt: skip
def test_what_github_refuses_is_told_with_what_helps(github: GitHub, capsys: Output, refuses: Any, told: str) -> None:
    github.refuses = refuses
    assert main(["comment", "results.json", "--post"]) == 4
    out, err = capsys.readouterr()
    assert told in err
    assert len(err.splitlines()) == 1
    assert TOKEN not in out + err


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("GITHUB_TOKEN", "", "needs a token in GITHUB_TOKEN"),
        ("GITHUB_TOKEN", "ghs_wrongsecret", "the token in GITHUB_TOKEN is not valid"),
        ("GITHUB_TOKEN", "ghs_a\nsecret", "is not a token"),
        ("GITHUB_TOKEN", "ghs_ä_secret", "is not a token"),
        ("GITHUB_REPOSITORY", "owner", "as owner/name; it has 'owner'"),
        ("GITHUB_REPOSITORY", "../..", "as owner/name"),
        ("GITHUB_API_URL", "file:///etc", "which is no address of an API"),
        ("GITHUB_API_URL", "http://127.0.0.1:1", "is out of reach: [Errno 111] Connection refused; run"),
        ("GITHUB_EVENT_PATH", "", "as GITHUB_EVENT_PATH is not set"),
        ("GITHUB_EVENT_PATH", ".", "cannot be read"),
    ],
)
def test_a_job_that_lacks_something_is_told_what(
    github: GitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["comment", "results.json", "--post"]) == 4
    out, err = capsys.readouterr()
    assert told in err
    assert len(err.splitlines()) == 1
    assert "secret" not in out + err
    assert github.comments == []


def test_arguments_that_make_no_sense_are_refused(capsys: Output) -> None:
    for arguments, told in (
        (["--pull-request", "3"], "--pull-request is where --post posts to"),
        (["--post", "--pull-request", "0"], "0 is no pull request's number"),
        (["--name=-->"], "cannot name a comment"),
    ):
        assert main(["comment", "results.json", *arguments]) == 4
        assert told in capsys.readouterr().err


def test_the_run_is_linked_in_a_job(github: GitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_RUN_ID", "17")
    assert main(["comment", "results.json"]) == 0
    assert "[log](https://github.com/owner/name/actions/runs/17)" in capsys.readouterr().out
    monkeypatch.setenv("GITHUB_RUN_ID", "17) ![x](http://e")
    assert main(["comment", "results.json"]) == 0
    assert "[log]" not in capsys.readouterr().out


def test_a_badge_is_printed(capsys: Output) -> None:
    assert main(["badge", "results.json", "--label", "gate <1>"]) == 0
    assert "<title>gate &lt;1&gt;: 1 failed, 5 regressed ...</title>" in capsys.readouterr().out


def test_an_export_is_printed_or_written(capsys: Output) -> None:
    assert main(["export", "results.json", "--format", "csv"]) == 0
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == 1 + len(SESSION.checks)
    assert main(["export", "results.json", "--format", "csv", "-o", "checks.csv"]) == 0
    assert capsys.readouterr().out == f"{len(SESSION.checks)} checks written to checks.csv\n"
    assert Path("checks.csv").read_text(encoding="utf-8") == printed


def test_an_export_by_direction_tells_what_belongs_into_the_other_file(capsys: Output) -> None:
    arguments = ["export", "results.json", "--format", "github-action-benchmark", "-o", "x.json"]
    bigger = sum(check.metric.better.value == "higher" for check in SESSION.checks)
    smaller = len(SESSION.checks) - bigger
    assert main(arguments) == 0
    rest = f"{bigger} checks where higher is better: --better higher, to another file"
    assert capsys.readouterr().out == f"{smaller} checks written to x.json; {rest}\n"
    assert len(json.loads(Path("x.json").read_text())) == smaller
    assert main([*arguments, "--better", "higher"]) == 0
    assert len(json.loads(Path("x.json").read_text())) == bigger


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the following arguments are required: --format"),
        (["--format", "xml"], "invalid choice: 'xml'"),
        (["--format", "parquet"], "is no text: name a file with -o FILE"),
        (["--format", "mlflow"], "--format mlflow needs --tracking-uri, such as http://localhost:5000"),
        (["--format", "mlflow", "--tracking-uri", "x", "-o", "y"], "no file is written; leave it out"),
        (["--format", "csv", "--better", "higher"], "--better is for --format github-action-benchmark"),
        (["--format", "csv", "--tracking-uri", "x"], "--tracking-uri is for --format mlflow"),
        (["--format", "csv", "-o", "no/x.csv"], "no/x.csv: cannot be written: No such file or directory"),
        (["--format", "csv", "-o", "."], "cannot be written"),
    ],
)
def test_an_export_that_makes_no_sense_is_refused_in_one_line(capsys: Output, arguments: list[str], told: str) -> None:
    assert main(["export", "results.json", *arguments]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("module", [("pyarrow", "parquet"), ("mlflow", "mlflow")])
def test_what_is_not_installed_is_named_with_its_extra(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, module: tuple[str, str]
) -> None:
    name, extra = module
    for loaded in [one for one in sys.modules if one.startswith(f"{name}.")]:  # another test may have used it
        monkeypatch.setitem(sys.modules, loaded, None)
    monkeypatch.setitem(sys.modules, name, None)
    where = ["-o", "x.parquet"] if name == "pyarrow" else ["--tracking-uri", "http://localhost:1"]
    assert main(["export", "results.json", "--format", extra, *where]) == 4
    assert f"pip install 'pytest-modelbench[{extra}]'" in capsys.readouterr().err
    assert not Path("x.parquet").exists()


@pytest.mark.parametrize("command", [["comment"], ["badge"], ["export", "--format", "csv"]])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no such file"),
        ('{"format": "pytest-modelbench results"', "is cut off"),
        ('{"format": "pytest-modelbench results", "schema": 99, "session": {}}', "99"),
        ("folder", ""),
    ],
)
def test_a_results_file_that_cannot_be_used_is_named(
    capsys: Output, command: list[str], content: str | None, told: str
) -> None:
    path = Path("other.json")
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    assert main([command[0], "other.json", *command[1:]]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pytest-modelbench: other.json: ")
    assert told in err
    assert len(err.splitlines()) == 1


def test_a_comment_has_the_course_of_a_history(capsys: Output) -> None:
    from pytest_modelbench.store.history import keep

    bad = replace(SESSION, updating=False)
    keep(Path("nights"), bad)
    assert main(["comment", "results.json", "--history", "nights"]) == 0
    assert "- resnet50-b1-224-fp32 parameters: ▁ 1 night, the last 1 failing or undecided" in capsys.readouterr().out


def test_a_comment_says_what_it_could_not_read_of_a_history(capsys: Output) -> None:
    from pytest_modelbench.store.history import keep

    assert main(["comment", "results.json", "--history", "wat://x"]) == 0
    assert "history not read: wat" in capsys.readouterr().out
    keep(Path("nights"), replace(SESSION, updating=False))
    for name in ("a", "b"):
        Path("nights", f"{name}.night.json").write_text("{")
    assert main(["comment", "results.json", "--history", "nights"]) == 0
    said = capsys.readouterr().out
    assert said.count("left out: ") == 1
    assert "(and 1 more)" in said
    assert main(["comment", "results.json", "--history", "git:"]) == 4
