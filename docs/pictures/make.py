"""Makes the pictures of the page that the README shows, light and dark, of a real session.

    python docs/pictures/make.py [--keep DIR]

A small model of a project of its own is measured on twelve nights, one after the other; then its third stage is given
more blocks, and the session that finds that writes its page, which Chromium shows. It takes some five minutes, and
needs git, Chromium and Pillow. ``--keep`` leaves the project, with its page and history, in a folder.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
NIGHTS, WIDTH, HEIGHT, COLOURS = 12, 1200, 1640, 128
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
    """A session of the project; 0 and 1 are both an end."""
    command = [sys.executable, "-m", "pytest", "-q", "--modelbench", "--modelbench-history=nights", *options]
    ended = subprocess.run(command, cwd=project, check=False).returncode
    if ended not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {ended}")


def commit(project, message):
    for command in (["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", message]):
        subprocess.run(["git", *command], cwd=project, check=True)


def run(project):
    """The page of the session that finds what was planted."""
    subprocess.run(["git", "init", "-q", "."], cwd=project, check=True)
    (project / ".gitignore").write_text("nights\n__pycache__\n.pytest_cache\npage*.html\n")
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
    measured(project, "--modelbench-html=page.html")
    return project / "page.html"


def pictured(page, chromium, path, *, dark):
    opened = page.with_name("page-opened.html")
    text = page.read_text(encoding="utf-8").replace("</body>", f"<script>{OPENED}</script></body>")
    opened.write_text(text, encoding="utf-8")
    theme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *theme]
    command = [chromium, *options, f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={path}", opened.as_uri()]
    subprocess.run(command, check=True, timeout=60, stderr=subprocess.DEVNULL)
    # A page has few colours: a palette, of all that occur and not of the commonest, is a third of the size.
    Image.open(path).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
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
        for name, dark in (("page-light.png", False), ("page-dark.png", True)):
            pictured(page, chromium, HERE / name, dark=dark)
        if arguments.keep:
            shutil.copytree(project, arguments.keep)


if __name__ == "__main__":
    main()
