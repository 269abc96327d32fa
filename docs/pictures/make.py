"""Makes the pictures that the README shows, of a terminal and of a page, light and dark, of one real session.

    python docs/pictures/make.py [--keep DIR]

A small model of a project of its own is measured on twelve nights, one after the other; then its third stage is given
more blocks, and the session that finds that prints what it finds, and writes its page. Chromium shows both. It takes
some five minutes, and needs git, Chromium, Pillow and Rich. ``--keep`` leaves the project, with its page, its history
and what the session printed, in a folder.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

HERE = Path(__file__).parent
NIGHTS, WIDTH, HEIGHT, COLOURS = 12, 1200, 1640, 256
#: A terminal's size in characters, and what it is shown with: background, text, and the eight colours of a terminal.
COLUMNS, TERMINAL_WIDTH = 100, 880
LIGHT = TerminalTheme(
    (255, 255, 255),
    (31, 35, 40),
    [
        (36, 41, 46),
        (190, 20, 32),
        (17, 99, 41),
        (125, 84, 0),
        (5, 80, 174),
        (130, 80, 223),
        (27, 124, 131),
        (87, 96, 106),
    ],
)
DARK = TerminalTheme(
    (13, 17, 23),
    (214, 220, 226),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (210, 153, 34),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
)
TERMINAL = """<!DOCTYPE html><meta charset="utf-8"><style>{stylesheet}
body {{ margin: 0; padding: 14px 18px; color: {foreground}; background: {background}; }}
pre {{ margin: 0; font: 14px/1.4 "DejaVu Sans Mono", monospace; }}
</style><pre>{code}</pre>"""
NETS = """
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x):
        return nn.functional.relu(x + self.bn2(self.conv2(nn.functional.relu(self.bn1(self.conv1(x))))))


class Small(nn.Module):
    def __init__(self, depths):
        super().__init__()
        widths = (16, 32, 64)
        self.stem = nn.Conv2d(3, widths[0], 7, stride=4, padding=3)
        for stage, (depth, width) in enumerate(zip(depths, widths), start=1):
            down = [nn.Conv2d(width // 2, width, 2, stride=2)] if stage > 1 else []
            setattr(self, f"layer{stage}", nn.Sequential(*down, *[Block(width) for _ in range(depth)]))
        self.head = nn.Linear(widths[-1], 10)

    def forward(self, x):
        return self.head(self.layer3(self.layer2(self.layer1(self.stem(x)))).mean((2, 3)))


def small():
    return Small(depths=DEPTHS)
"""
TEST = """
def test_small(build_model, modelbench):
    model = build_model("nets:small", batch_size=4, image_size=160)
    modelbench.latency(model)
    modelbench.cost(model)
    modelbench.peak_memory(model)
"""
#: What a reader would have opened: where the time went, and the course of that check; and closed: the long message.
OPENED = """
document.querySelectorAll("body > details").forEach(one => { one.open = false; });
document.querySelector(".trouble details").open = true;
document.querySelector("#checks details").open = true;
"""


def measured(project, *options):
    """What a session of the project printed; 0 and 1 are both an end."""
    command = [sys.executable, "-m", "pytest", "--color=yes", "--modelbench", "--modelbench-history=nights", *options]
    surroundings = {**os.environ, "COLUMNS": str(COLUMNS)}
    ended = subprocess.run(command, cwd=project, env=surroundings, check=False, capture_output=True, text=True)
    print(ended.stdout, ended.stderr, flush=True)
    if ended.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {ended.returncode}")
    return ended.stdout


def commit(project, message):
    for command in (["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", message]):
        subprocess.run(["git", *command], cwd=project, check=True)


def run(project):
    """The page of the session that finds what was planted; beside it lies what that printed."""
    subprocess.run(["git", "init", "-q", "."], cwd=project, check=True)
    (project / ".gitignore").write_text("nights\n__pycache__\n.pytest_cache\n*.html\nterminal.txt\n")
    (project / "nets.py").write_text(NETS.replace("DEPTHS", "(2, 2, 2)"))
    (project / "test_it.py").write_text(TEST)
    commit(project, "a small model")
    measured(project, "--update-baselines")
    for night in range(NIGHTS):
        (project / "NOTES.md").write_text(f"night {night}\n")
        commit(project, f"notes of night {night}")
        measured(project)
    (project / "nets.py").write_text(NETS.replace("DEPTHS", "(2, 2, 5)"))
    commit(project, "a deeper third stage")
    (project / "terminal.txt").write_text(measured(project, "--modelbench-html=page.html"))
    return project / "page.html"


def shown_page(page):
    """The page with what a reader would have opened."""
    opened = page.with_name("page-opened.html")
    text = page.read_text(encoding="utf-8").replace("</body>", f"<script>{OPENED}</script></body>")
    opened.write_text(text, encoding="utf-8")
    return opened


def shortened(printed):
    """What a session printed from its failures on, of which the first is left whole, and "..." for the rest of them."""
    lines = printed.splitlines()
    failures, first_end, last_end = (
        next(at for at, line in enumerate(lines) if mark in line)
        for mark in (" FAILURES ", "measured side by side", "the baseline was accepted")
    )
    return "\n".join([*lines[failures : first_end + 1], "...", *lines[last_end:]])


def shown_terminal(printed, theme):
    """A page that shows what a session printed as a terminal does, after the command."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"$ pytest --modelbench\n...\n{shortened(printed.read_text())}"))
    path = printed.with_name("terminal.html")
    path.write_text(console.export_html(theme=theme, code_format=TERMINAL), encoding="utf-8")
    return path


def pictured(page, chromium, path, *, dark, size):
    """Writes the picture of a page, without what is empty at its end."""
    theme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *theme]
    command = [chromium, *options, f"--window-size={size[0]},{size[1]}", f"--screenshot={path}", page.as_uri()]
    subprocess.run(command, check=True, timeout=60, stderr=subprocess.DEVNULL)
    image = Image.open(path).convert("RGB")
    background = Image.new("RGB", image.size, image.getpixel((0, image.height - 1)))
    _, _, _, end = ImageChops.difference(image, background).getbbox()
    image = image.crop((0, 0, image.width, min(end + 14, image.height)))
    # A page has few colours: a palette, of all that occur and not of the commonest, is a third of the size.
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", metavar="DIR", type=Path, help="leave the project in this folder, which is made")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("there is no Chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "project")
        project.mkdir()
        page = run(project)
        for name, dark, theme in (("light", False, LIGHT), ("dark", True, DARK)):
            pictured(shown_page(page), chromium, HERE / f"page-{name}.png", dark=dark, size=(WIDTH, HEIGHT))
            terminal = shown_terminal(page.with_name("terminal.txt"), theme)
            pictured(terminal, chromium, HERE / f"terminal-{name}.png", dark=dark, size=(TERMINAL_WIDTH, HEIGHT))
        if arguments.keep:
            shutil.copytree(project, arguments.keep)


if __name__ == "__main__":
    main()
