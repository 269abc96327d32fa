"""Every option, once: its flag, how its value is read, its default, its help, and the setting that it makes.

Made from this table: pytest's options and their help, the keys of ``[tool.modelbench]``, what workers are told, the
commands that messages print, and docs/reference-options.md. An option is added here, and read where it matters.

Every pytest run of everyone who has the package installed imports this module: it takes the lightest of the standard
library and nothing else, and asks pytest not to rewrite it: PYTEST_DONT_REWRITE.
"""

from enum import Enum
from typing import NamedTuple


class OptionType(Enum):
    """How a value is written; ``core/settings.py`` has the reader of each."""

    SWITCH = "nothing: it is given or not"
    TEXT = "text that is not empty"
    PATH = "a path: in a file from that file's own folder, on the command line from the folder where it is typed"
    LOCATION = "a folder, which is a path as above; git:BRANCH, a branch of its own; or a URL, as in s3://bucket/folder"
    CHOICE = "one of the words that the table shows"
    NAMES = "names, as a list or by comma"
    COUNT = "a whole number of at least 1"
    LOOKS = "rising whole numbers, as a list or by comma"
    DURATION = "a duration: 90s, 10m, 2h"
    BANDS = "a table from metric to band"


class Option(NamedTuple):
    """One option. Without ``flag`` it is a setting only, without ``setting`` it is for the command line only."""

    kind: OptionType
    help: str
    flag: str | None = None
    setting: str | None = None  #: its key in ``[tool.modelbench]``
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    default: str | None = None  #: as people write it; None: it is not set, and ``otherwise`` says what holds then
    otherwise: str | None = None
    alias: str | None = None  #: a second flag, taken only where no other plugin has it
    formerly: str | None = None  #: the name that it had, as a setting and after ``--modelbench-``
    repeated: bool = False  #: whether it belongs on the commands that messages print
    many: bool = False  #: whether it may be given several times, each time with more

    @property
    def dest(self) -> str:
        """Its name among pytest's parsed options."""
        return (self.flag or "").lstrip("-").replace("-", "_")

    @property
    def field(self) -> str:
        """Its name in ``Settings``: the setting's, with the unit of what is kept."""
        return (self.setting or "").replace("-", "_") + ("_s" if self.kind is OptionType.DURATION else "")

    @property
    def value(self) -> str | None:
        """What stands for its value in help; None for a switch."""
        return "|".join(self.choices) or self.metavar

    @property
    def told_default(self) -> str | None:
        """What holds where it is not given, in words; None where that is nothing at all."""
        return self.default or self.otherwise

    @property
    def told(self) -> str:
        """What it does, and what holds where it is not given."""
        return f"{self.help} Default: {self.told_default}." if self.told_default else self.help

    @property
    def former_flag(self) -> str | None:
        """The flag that it had before; None if it had none, or has none now."""
        return f"--modelbench-{self.formerly}" if self.flag and self.formerly else None


#: What people need first comes first, in ``--help`` and in the documentation.
OPTIONS = (
    Option(
        flag="--modelbench",
        kind=OptionType.SWITCH,
        help="Run the benchmark tests, and only them: measure in fresh worker processes, compare with the baselines.",
    ),
    Option(
        flag="--update-baselines",
        kind=OptionType.SWITCH,
        help="With --modelbench: accept what is measured as the new baselines, and print old -> new.",
    ),
    Option(
        flag="--modelbench-device",
        alias="--device",
        setting="device",
        kind=OptionType.TEXT,
        metavar="DEVICE",
        default="auto",
        repeated=True,
        help="Where to measure: cpu, cuda, cuda:1, mps, ...; auto takes the accelerator if there is one.",
    ),
    Option(
        flag="--modelbench-suite",
        setting="suite",
        kind=OptionType.NAMES,
        metavar="NAME[,NAME]",
        otherwise="quick, if a test is in it, else every test",
        repeated=True,
        help="Which suites to run; 'all' runs every test.",
    ),
    Option(
        flag="--modelbench-model",
        setting="models",
        kind=OptionType.NAMES,
        metavar="NAME[,NAME]",
        many=True,
        help="Measure these models without a test of your own: timm:resnet50, timm:convnext*, package.module:make. "
        "Models of the command line are run alone, unless tests are named as well; models of the settings are run "
        "where no test is named.",
    ),
    Option(
        flag="--modelbench-batch-size",
        setting="batch-size",
        kind=OptionType.LOOKS,
        metavar="N[,N]",
        default="1",
        help="Batch sizes for the models of --modelbench-model.",
    ),
    Option(
        flag="--modelbench-precision",
        setting="precision",
        kind=OptionType.NAMES,
        metavar="NAME[,NAME]",
        default="fp32",
        help="Precisions for the models of --modelbench-model: fp32, bf16, fp16, amp.",
    ),
    Option(
        flag="--modelbench-yes",
        kind=OptionType.SWITCH,
        help="Measure more than 50 models of --modelbench-model; outside of CI, that needs this option.",
    ),
    Option(
        flag="--modelbench-against",
        setting="against",
        kind=OptionType.TEXT,
        metavar="REF",
        repeated=True,
        help="Compare with this git revision instead of the stored baselines. Both are measured here, side by side.",
    ),
    Option(
        flag="--modelbench-against-python",
        setting="against-python",
        kind=OptionType.PATH,
        metavar="PATH",
        repeated=True,
        help="Compare with the same code run by this other interpreter, which has, say, an older torch. A check that "
        "is slower here than there is regressed. Together with --modelbench-against: compare with that revision, run "
        "by that interpreter.",
    ),
    Option(
        flag="--modelbench-build",
        setting="build",
        kind=OptionType.TEXT,
        metavar="COMMAND",
        repeated=True,
        help="Command that builds the code of another commit, at the top of its checkout, before it is measured; for "
        "compiled extensions, say: python setup.py build_ext --inplace.",
    ),
    Option(
        flag="--modelbench-data",
        setting="data",
        kind=OptionType.PATH,
        metavar="PATH",
        repeated=True,
        help="Data for accuracy tests: a folder with a folder per class, the folder of CIFAR, COCO, Pascal VOC or "
        "Cityscapes, or a file in COCO format. Tests that need another kind are skipped.",
    ),
    Option(
        flag="--modelbench-baselines",
        setting="baselines",
        kind=OptionType.PATH,
        metavar="DIR",
        default="baselines",
        repeated=True,
        help="Folder of the baseline files. One that is given here must exist, unless --update-baselines is given. If "
        "none is named, it lies beside the file with the settings, or in pytest's root directory if there is no such "
        "file.",
    ),
    Option(
        flag="--modelbench-even-if-disturbed",
        kind=OptionType.SWITCH,
        help="With --update-baselines: accept times even if the machine was disturbed while they were measured. They "
        "are marked, and get a wider band until a session on a quieter machine is accepted.",
    ),
    Option(
        flag="--modelbench-json",
        kind=OptionType.PATH,
        metavar="FILE",
        help="Write all measurements and verdicts to FILE, as JSON.",
    ),
    Option(
        flag="--modelbench-html",
        kind=OptionType.PATH,
        metavar="FILE",
        help="Write the report to FILE, as a page for the browser.",
    ),
    Option(
        flag="--modelbench-history",
        setting="history",
        kind=OptionType.LOCATION,
        metavar="DIR|git:BRANCH|URL",
        help="Add this session to a history, which `pytest-modelbench history` shows: in a folder, in a branch of git, "
        "or at a URL that fsspec can write to (s3://, gs://, hf://).",
    ),
    Option(
        flag="--modelbench-drift",
        setting="drift",
        kind=OptionType.CHOICE,
        choices=("off", "warn", "fail"),
        default="off",
        help="If the history shows that a check got worse within its band, or crept beyond it over several baselines: "
        "do not look (off), say so (warn), or let the session fail (fail). Looking reads the whole history.",
    ),
    Option(
        flag="--modelbench-budget",
        setting="budget",
        kind=OptionType.DURATION,
        metavar="DURATION",
        otherwise="no bound",
        help="How long the session may take, as in 90s or 10m. Checks that are not decided by then are inconclusive.",
    ),
    Option(
        flag="--modelbench-inline",
        kind=OptionType.SWITCH,
        help="Measure once, in this process, for debugging with --pdb and the like. Times are less certain.",
    ),
    Option(
        flag="--modelbench-bisect",
        kind=OptionType.TEXT,
        metavar="GOOD..BAD",
        help="Find the commits of this range that changed what the tests measure. `pytest-modelbench bisect` runs "
        "this, and has more options.",
    ),
    Option(
        flag="--modelbench-missing",
        setting="missing",
        kind=OptionType.CHOICE,
        choices=("pass", "fail"),
        default="pass",
        help="If this environment has no baseline at all: let tests pass and say NOT GATED, or fail.",
    ),
    Option(
        flag="--modelbench-skipped",
        setting="skipped",
        kind=OptionType.CHOICE,
        choices=("pass", "fail"),
        default="fail",
        help="If a test is skipped that has a baseline, or that is of a listed model: pass or fail.",
    ),
    Option(
        flag="--modelbench-orphans",
        setting="orphans",
        kind=OptionType.CHOICE,
        choices=("warn", "fail"),
        default="fail",
        help="If no test measures a baseline that belongs to the selected tests (the test or its file is gone, was not "
        "collected, or measures nothing any more): warn, or let the session fail.",
    ),
    Option(
        flag="--modelbench-inconclusive",
        setting="inconclusive",
        kind=OptionType.CHOICE,
        choices=("pass", "fail"),
        default="fail",
        help="If noise leaves checks undecided: end with exit status 0 (pass) or 10 (fail).",
    ),
    Option(
        flag="--modelbench-machine",
        setting="machine",
        kind=OptionType.CHOICE,
        choices=("pass", "fail"),
        default="pass",
        help="If a time surely changed although code, versions and settings did not (or the code, measured side by "
        "side, is no slower), so that the machine must have changed: say so (pass), or let the test fail as well.",
    ),
    Option(
        flag="--modelbench-annotations",
        setting="annotations",
        kind=OptionType.CHOICE,
        choices=("auto", "off"),
        default="auto",
        help="In GitHub Actions, annotate the line of each test that fails or stays undecided (auto), or do not (off).",
    ),
    Option(
        flag="--modelbench-confirm",
        setting="confirm",
        kind=OptionType.CHOICE,
        choices=("duet", "rerun"),
        default="duet",
        repeated=True,
        help="If the stored baseline alone does not show that a time is ok: measure the baseline's commit side by side "
        "with the present code (duet, where git has that commit), or decide by what is stored alone (rerun).",
    ),
    Option(
        flag="--modelbench-order",
        setting="order",
        kind=OptionType.CHOICE,
        choices=("random", "keep"),
        default="random",
        repeated=True,
        help="Order of modules and of the tests in a module: a new random one in each round, so that no test always "
        "has the same neighbours (random), or as collected (keep).",
    ),
    Option(
        flag="--modelbench-rounds",
        setting="rounds",
        formerly="passes",
        kind=OptionType.LOOKS,
        metavar="N[,N]",
        default="2,4,6,9",
        help="After how many rounds to judge. A round measures each test once, in a fresh process. After the first of "
        "these numbers, only tests with undecided checks are measured again.",
    ),
    # What a baseline of more would save a session (tests/trials/session_cost.py) is less than others and nights teach.
    Option(
        setting="update-rounds",
        formerly="update-passes",
        kind=OptionType.COUNT,
        metavar="N",
        default="6",
        help="How many rounds --update-baselines takes, which is how many processes each baseline is measured in.",
    ),
    Option(
        flag="--modelbench-pairs",
        setting="pairs",
        kind=OptionType.LOOKS,
        metavar="N[,N]",
        default="2,3,5,8,13,20",
        help="After how many pairs of processes, one with the old code and one with the new, to judge a side-by-side "
        "comparison. That of a single test takes at least three pairs.",
    ),
    Option(
        flag="--modelbench-threads",
        setting="threads",
        kind=OptionType.COUNT,
        metavar="N",
        default="1",
        repeated=True,
        help="Threads for measuring on the CPU. The process is pinned to as many cores.",
    ),
    Option(
        flag="--modelbench-host-cores",
        setting="host-cores",
        kind=OptionType.TEXT,
        metavar="any|near|LIST",
        default="any",
        repeated=True,
        help="Cores of the host for processes that launch work on an accelerator: all (any), those on the NUMA node of "
        "an NVIDIA GPU (near), or a list as in 8-15,40. A model that waits for its launches is as fast as these cores.",
    ),
    Option(
        flag="--modelbench-timeout",
        setting="timeout",
        kind=OptionType.DURATION,
        metavar="DURATION",
        default="15m",
        help="How long one test may take in one process before it counts as hanging, as in 90s or 10m.",
    ),
    Option(
        setting="bands",
        kind=OptionType.BANDS,
        metavar="TABLE",
        otherwise="each metric's own",
        help="Tolerated change by metric: bands = { latency = '3%', macs = '0.5%' }.",
    ),
    Option(
        flag="--modelbench-save-benchmark",
        kind=OptionType.TEXT,
        metavar="NAME",
        help="Save the latencies in the format of pytest-benchmark, in .benchmarks/ of the current folder, for its "
        "`compare` and histograms.",
    ),
)

#: The options that can be set in ``[tool.modelbench]``, by their keys there.
SETTINGS = {option.setting: option for option in OPTIONS if option.setting}


def flag_of(setting: str) -> str:
    """The flag that gives ``setting``; KeyError for a name that no setting with a flag has."""
    if (flag := SETTINGS[setting].flag) is None:
        raise KeyError(f"{setting} has no flag")
    return flag
