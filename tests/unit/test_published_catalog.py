"""The catalog: every published row, read strictly, each with cases that can be built and tests that exist."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.errors import DataUnavailableError, UsageError
from pytest_modelbench.published.catalog.cases import CaseSpec
from pytest_modelbench.published.catalog.figures import read_printed
from pytest_modelbench.published.catalog.node_ids import FOLDER, function_of
from pytest_modelbench.published.catalog.reader import read_tables
from pytest_modelbench.published.catalog.rows import NEEDS
from pytest_modelbench.published.catalog.tables import cases, rows, table, tables, timed_cases
from pytest_modelbench.published.catalog.weights import trained_weights
from tests.unit.store_checks import entries_in

ROOT = Path(__file__).parents[2]

#: Counted in the documents themselves, table by table.
GUIDE_ROWS = {
    "backbones-cnn": 15,
    "backbones-transformer": 10,
    "use-cases": 6,
    "cifar10": 5,
    "cifar100": 5,
    "imagenet": 5,
    "coco-detection": 5,
    "detection-accuracy-speed": 3,
    "detection-configurations": 2,
    "cityscapes": 4,
    "voc": 3,
    "segmentation-speed": 3,
    "memory-by-task": 4,
    "memory-by-backbone": 5,
    "memory-tips": 4,
    "inference-by-device": 5,
    "batch-speedup": 2,
    "detection-speed": 3,
    "by-hardware": 5,
    "by-accuracy": 4,
    "by-training-time": 4,
    "benchmark-code": 4,
    "benchmark-parameters": 5,
}
#: 26 measured lines, in the groups that blank lines make, and the statement on method.
SPEED_ROWS = {
    "vgg16-abn": 2,
    "vgg16-postact": 2,
    "vgg16-preact": 2,
    "resnet50-abn": 2,
    "seresnext50-abn-128": 2,
    "seresnext50-abn-64": 2,
    "efficientnet-rwightman": 4,
    "efficientnet-b1-activations": 2,
    "efficientnet-lukemelas": 2,
    "resnet50-baseline": 1,
    "resnet50-amp": 1,
    "resnet34-activations": 4,
    "methodology": 1,
}
#: Without a figure by their nature: recommendations, configurations, tips, names, a statement.
WITHOUT_FIGURES = {
    "use-cases", "detection-configurations", "memory-tips", "by-accuracy", "by-training-time", "benchmark-code",
    "methodology",
}  # fmt: skip


# --- completeness


def test_no_table_and_no_row_is_missing():
    assert {table.id: len(table.rows) for table in tables() if table.document == "guide"} == GUIDE_ROWS
    assert {table.id: len(table.rows) for table in tables() if table.document == "speed"} == SPEED_ROWS
    assert len(rows()) == 111 + 27


def test_every_row_of_a_table_with_figures_has_all_of_them():
    for found in tables():
        names = {tuple(figure.name for figure in row.figures) for row in found.rows}
        assert len(names) == 1, found.id
        assert (names == {()}) == (found.id in WITHOUT_FIGURES), found.id
    absent = [(row.id, figure.name) for row in rows() for figure in row.figures if figure.value is None]
    assert absent == [
        (f"imagenet/{name}", "training_time") for name in ("resnet50", "efficientnet_b3", "vit_base", "swin_base")
    ]


def test_a_row_without_a_figure_names_the_rule_that_computes_it_or_is_measured():
    for id in ("use-cases", "by-hardware", "by-accuracy", "by-training-time"):
        assert all(row.rule and row.cases for row in table(id).rows), id
    assert [row.id for row in rows() if not row.cases] == ["methodology/outside-the-allocator"]


def test_every_row_has_tests_and_what_it_needs_is_explained():
    for row in rows():
        assert row.tests, row.id
        assert all(test.startswith(f"{FOLDER}/test_") for test in row.tests)
        assert set(row.needs) <= set(NEEDS)


# --- figures


@pytest.mark.parametrize(
    ("row", "figure", "value", "spread", "unit"),
    [
        ("backbones-cnn/resnet18", "parameters", 11.7e6, None, "count"),
        ("backbones-cnn/resnet18", "top1", 0.698, None, "fraction"),
        ("backbones-cnn/resnet18", "size", 45 * 2**20, None, "bytes"),
        ("backbones-cnn/efficientnet_b0", "size", 21e6, None, "bytes"),
        ("backbones-cnn/resnet18", "latency", 0.0012, None, "s"),
        ("cifar10/resnet18", "training_time", 720.0, None, "s"),
        ("cifar10/resnet18", "memory", 2.1 * 2**30, None, "bytes"),
        ("imagenet/resnet50-tuned", "training_time", 28800.0, None, "s"),
        ("coco-detection/resnet50", "map", 0.382, None, "fraction"),
        ("coco-detection/convnext_small", "training_time", 100800.0, None, "s"),
        ("detection-speed/swin_tiny", "rate_t4", 9.0, None, "images/s"),
        ("memory-by-task/classification", "memory", 6 * 2**30, 2 * 2**30, "bytes"),
        ("batch-speedup/resnet50", "latency_b8", 0.0085, None, "s"),
        ("batch-speedup/resnet50", "speedup", 2.7, None, "ratio"),
        ("by-hardware/4gb", "max_batch", 24.0, 8.0, "count"),
        ("by-hardware/24gb", "max_batch", 128.0, None, "count"),
        ("vgg16-abn/abn", "step", 0.71929, 0.00145, "s"),
        ("vgg16-abn/abn", "memory", 17732.86 * 2**20, None, "bytes"),
        ("efficientnet-rwightman/b0", "forward", 0.02715, 0.00003, "s"),
        ("efficientnet-rwightman/b0", "backward", 0.11722, 0.00362, "s"),
        ("efficientnet-rwightman/b0", "parameters", 5.29e6, None, "count"),
        ("resnet50-amp/resnet50", "rate", 545.56, None, "images/s"),
    ],
)
def test_printed_figures_become_numbers_in_base_units(row, figure, value, spread, unit):
    found = next(one for one in rows() if one.id == row).figure(figure)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.spread == (spread if spread is None else pytest.approx(spread, rel=1e-12))
    assert found.unit == unit


def test_figures_know_what_was_measured_on_what():
    by_device = table("inference-by-device").row("resnet50")
    assert [figure.hardware for figure in by_device.figures] == ["V100", "T4", "A100", "CPU"]
    assert {figure.case.id for figure in by_device.figures} == {"resnet50-b1-224-fp32"}
    batches = table("batch-speedup").row("vit_base")
    assert [figure.case and figure.case.batch_size for figure in batches.figures] == [1, 8, 32, None]
    memory = table("memory-by-backbone").row("vit_base")
    assert [figure.case.id for figure in memory.figures] == [
        "vit_base_patch16_224-b16-224-amp-bf16-train",
        "fcos_vit_base_patch16_224-b16-640-amp-bf16-detection-train",
        "dpt_vit_base_patch16_224-b16-512-amp-bf16-segmentation-train",
    ]


def test_published_sizes_are_the_bytes_of_the_parameters():
    """To 2.5 %: whether a row means MiB or MB is decided by this, for it differs by 4.9 %."""
    entries = entries_in(ROOT / "baselines" / "portable" / "cost.json")
    for id in ("backbones-cnn", "backbones-transformer"):
        for row in table(id).rows:
            stored = entries[f"tests/benchmarks/test_cost.py::test_cost[{row.case.model}]"]
            assert row.figure("size").value == pytest.approx(stored["parameter_bytes"]["value"], rel=0.025), row.id


def test_figures_that_are_printed_twice_are_the_same_twice():
    by_model = {row.case.model: row for id in ("backbones-cnn", "backbones-transformer") for row in table(id).rows}
    for row in table("imagenet").rows:
        if row.case.mode == "inference":
            assert row.figure("top1").value == by_model[row.case.model].figure("top1").value
    for row in table("inference-by-device").rows:
        assert row.figure("latency_v100").value == by_model[row.case.model].figure("latency").value
    speeds = [table(id).rows for id in ("detection-accuracy-speed", "detection-speed")]
    for one, other in zip(*speeds, strict=True):
        assert [one.figure(name).value for name in ("rate_v100", "rate_t4")] == [f.value for f in other.figures]


@given(
    st.decimals(0, 99999, places=2), st.decimals(0, 999, places=2),
    st.sampled_from([("msecs gpu", "s", 1e-3), ("GiB", "bytes", 2**30), ("M params", "count", 1e6)]),
)  # fmt: skip
def test_value_and_spread_are_what_is_printed(number, spread, unit):
    suffix, kind, factor = unit
    value, found = read_printed(f"{number}+-{spread} {suffix}", kind)
    assert value == pytest.approx(float(number) * factor, rel=1e-12)
    assert found == pytest.approx(float(spread) * factor, rel=1e-12)


@pytest.mark.parametrize(
    ("printed", "unit", "reads", "says"),
    [
        ("2.1 GB", "bytes", "", "whether GB means multiples of 1000 or of 1024"),
        ("fast", "s", "", "'fast' is not a figure"),
        ("12 min", "bytes", "", "'min' is not a unit of bytes"),
        ("12 min", "s", "h", "has a unit of its own, 'min'"),
        ("45", "bytes", "", "'a bare number' is not a unit of bytes"),
        ("8-4 GB", "bytes", "GiB", "does not rise"),
        ("38.2", "fraction", "", "'a bare number' is not a unit of fraction"),
    ],
)
def test_a_figure_that_cannot_be_read_says_why(printed, unit, reads, says):
    with pytest.raises(ValueError, match=says):
        read_printed(printed, unit, reads)


# --- the reader

GOOD = """
document = "guide"
title = "A guide"

[[table]]
id = "speed"
title = "Speed"
columns = [
  { header = "Model" },
  { header = "Time", figure = "latency", unit = "s", reads = "ms", case = { batch_size = 1 } },
]
case = { image_size = [64, 128] }
row = [
  { id = "one", model = "resnet18", cells = ["One", "2.5"] },
]
"""


def test_a_row_is_put_together_from_table_row_and_column():
    (found,) = read_tables(GOOD, "some.toml")
    (row,) = found.rows
    assert (row.id, row.label, row.tests) == (
        "speed/one", "One", ("tests/benchmarks/test_published_inference.py::test_inference[resnet18-b1-64x128-fp32]",)
    )  # fmt: skip
    assert row.case == CaseSpec("resnet18", 1, (64, 128))
    assert row.figure("latency").value == 0.0025
    assert row.figure("latency").case is row.case


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("document", "documnet", r"some.toml: there is no 'documnet'. Did you mean 'document'"),
        ("title = \"Speed\"", "titel = \"Speed\"", r"table speed: there is no 'titel'"),
        ("title = \"Speed\"", "", r"table speed: 'title' is missing"),
        ("model = ", "modle = ", r"table speed: row one: there is no 'modle'"),
        ("[\"One\", \"2.5\"]", "[\"One\"]", r"row one: has 1 cells for 2 columns"),
        ("\"2.5\"", "2.5", r"row one: has 2 cells for 2 columns; write each as text"),
        ("\"2.5\"", "\"quick\"", r"row one: latency: 'quick' is not a figure"),
        ("unit = \"s\"", "unit = \"sec\"", r"column Time: unit 'sec' is none of"),
        ("figure = \"latency\", ", "", r"column Time: has case, reads, unit but no 'figure'"),
        ("batch_size = 1", "batchsize = 1", r"row one: case: there is no 'batchsize'"),
        ("batch_size = 1", "", r"row one: case: 'batch_size' is missing"),
        ("batch_size = 1", "batch_size = 1, task = \"detect\"", r"row one: task 'detect' is none of"),
        ("batch_size = 1", "batch_size = 1, task = \"detection\"", r"row one: task detection with head ''"),
        ("batch_size = 1", "batch_size = 1, mode = \"training\"", r"row one: mode 'training' is none of"),
        ("model = ", "needs = [\"luck\"], model = ", r"row one: needs 'luck', which is none of"),
        ("model = ", "tests = [\"a.py::b[{modell}]\"], model = ", r"row one: test .* has a field 'modell'"),
        ("model = ", "overrides = { latncy = {} }, model = ", r"row one: overrides: there is no 'latncy'"),
        ("model = ", "unmeasured = [\"latncy\"], model = ", r"row one: unmeasured: there is no 'latncy'"),
        ("row = [", "row = [{ id = \"one\", model = \"v\", cells = [\"A\", \"1\"] },", r"'speed/one' is there twice"),
        ("[[table]]", "[table", r"some.toml: is not TOML"),
    ],
)  # fmt: skip
def test_a_slip_in_the_data_is_an_error_that_names_file_and_row(old, new, says):
    assert old in GOOD
    with pytest.raises(UsageError, match=says) as caught:
        read_tables(GOOD.replace(old, new, 1), "some.toml")
    assert str(caught.value).startswith("some.toml")


def test_what_a_row_does_not_measure_has_no_case_and_needs_nothing():
    text = GOOD.replace("case = { batch_size = 1 }", 'case = { batch_size = 1 }, needs = ["imagenet"]')
    (measured,) = read_tables(text, "some.toml")[0].rows
    (row,) = read_tables(text.replace("model = ", 'unmeasured = ["latency"], model = '), "some.toml")[0].rows
    assert (measured.needs, row.needs) == (("imagenet",), ())
    assert (row.figure("latency").value, row.figure("latency").case) == (0.0025, None)
    assert row.cases == measured.cases


def test_the_fine_tuned_row_names_no_test_of_pretrained_weights():
    row = table("imagenet").row("resnet50-tuned")
    assert row.tests == ("tests/benchmarks/test_published_training.py::test_train_step[resnet50-b32-224-fp32-train]",)
    assert row.needs == ()


# --- cases


def test_different_cases_have_different_ids():
    """They are what tests and baselines are told apart by."""
    assert len({case.id for case in cases()}) == len(cases())


@pytest.mark.parametrize(
    ("case", "arguments"),
    [
        (
            CaseSpec("resnet50", 32, (224, 224)),
            {"model": "resnet50", "batch_size": 32, "image_size": (224, 224), "precision": "fp32"},
        ),
        (
            CaseSpec("resnet50", 1, (640, 640), "detection", "fcos", fpn_channels=128, num_classes=7),
            {
                "model": "resnet50", "batch_size": 1, "image_size": (640, 640), "precision": "fp32",
                "task": "detection", "head": "fcos", "fpn_channels": 128, "num_classes": 7,
                "name": "fcos_resnet50_fpn128_7classes",
            },
        ),
        (
            CaseSpec("a.b:make", 2, (64, 64), technique=("abn",), options=(("variant", "x"),), name="mine"),
            {
                "model": "a.b:make", "batch_size": 2, "image_size": (64, 64), "precision": "fp32", "variant": "x",
                "technique": ["abn"], "name": "mine",
            },
        ),
    ],
)  # fmt: skip
def test_build_arguments_are_those_of_build_model(case, arguments):
    assert case.build_arguments() == arguments


def test_timed_are_the_cases_that_a_time_is_printed_of_and_those_without_any_figure():
    batch, single = table("backbones-cnn").row("resnet18").cases  # parameters, top-1, size; time
    assert batch not in timed_cases()
    assert single in timed_cases()
    assert set(table("memory-tips").row("image-size").cases) <= timed_cases()
    assert set(table("resnet50-amp").rows[0].cases) <= timed_cases()
    assert not set(table("memory-by-backbone").row("swin_base").cases) & timed_cases()
    assert not set(table("voc").row("resnet101").cases) & timed_cases()


@pytest.mark.parametrize(
    ("case", "reduced"),
    [
        (CaseSpec("r", 32, (224, 224)), ((64, 64), 2, "fp32")),
        (CaseSpec("r", 1, (224, 224)), ((64, 64), 1, "fp32")),
        (CaseSpec("r", 1, (48, 48)), ((48, 48), 1, "fp32")),
        (CaseSpec("r", 1, (224, 224), mode="train"), ((64, 64), 2, "fp32")),
        (CaseSpec("r", 256, (224, 224), precision="amp-fp16", mode="train"), ((64, 64), 2, "amp-bf16")),
        (CaseSpec("r", 16, (640, 640), "detection", "fcos"), ((128, 128), 2, "fp32")),
        (CaseSpec("r", 8, (512, 1024), "segmentation", "fcn"), ((64, 128), 2, "fp32")),
    ],
)
def test_reduced_cases_are_small_and_of_the_same_shape(case, reduced):
    small = case.reduced()
    assert (small.image_size, small.batch_size, small.precision) == reduced
    changed = {"image_size": case.image_size, "batch_size": case.batch_size, "precision": case.precision}
    assert replace(small, **changed) == case


def test_a_model_that_is_built_narrower_to_be_reduced_has_another_name():
    small = CaseSpec("vgg16_bn", 128, (224, 224), technique=("abn",), mode="train").reduced()
    assert small.id == "vgg16_bn_narrow-b2-64-fp32-abn-train"
    assert small.build_arguments()["mlp_ratio"] == 1 / 64


def test_results_list_every_case_under_the_id_that_the_catalog_has_for_it():
    torch = pytest.importorskip("torch")
    from pytest_modelbench.models.build import build
    from pytest_modelbench.models.training import TrainOptions

    for case in cases():
        built = build(**case.build_arguments(), device=torch.device("cpu")).case
        if case.mode == "train":
            built = TrainOptions(**case.train_arguments()).case(built)
        assert built == case.case()


SMALL = tuple(dict.fromkeys(case.reduced() for case in cases()))


@pytest.mark.long
@pytest.mark.parametrize("case", SMALL, ids=[case.id for case in SMALL])
def test_every_case_builds_and_runs_one_step_at_its_reduced_size(case):
    torch = pytest.importorskip("torch")
    from pytest_modelbench.core.errors import MissingExtraError
    from pytest_modelbench.core.train_options import TrainOptions
    from pytest_modelbench.models.build import build
    from pytest_modelbench.models.training import TrainStep

    model = build(**case.build_arguments(), device=torch.device("cpu"))
    try:
        if case.mode == "inference":
            model.check_output(model.forward())
        else:
            with TrainStep(model, TrainOptions(**case.train_arguments())) as step:
                step()
                assert step.check_loss() is not None
    except MissingExtraError as error:
        pytest.skip(str(error))


# --- weights beside the data


def test_trained_weights_lie_in_the_folder_of_the_data_or_beside_its_file(tmp_path):
    weights = tmp_path / "fcos_resnet50.safetensors"
    weights.touch()
    (tmp_path / "instances_val2017.json").touch()
    for data in (tmp_path, tmp_path / "instances_val2017.json"):
        assert trained_weights(data, "fcos_resnet50") == weights
        with pytest.raises(DataUnavailableError, match="put the trained ones at") as caught:
            trained_weights(data, "fcos_other")
        assert str(tmp_path / "fcos_other.safetensors") in str(caught.value)


def test_without_data_trained_weights_are_a_skip_and_for_a_path_that_is_not_there_an_error(tmp_path):
    with pytest.raises(DataUnavailableError, match="--modelbench-data DIR"):
        trained_weights(None, "fcos_resnet50")
    with pytest.raises(UsageError, match=r"there is no .*lost\.json: correct the path of --modelbench-data"):
        trained_weights(tmp_path / "lost.json", "fcos_resnet50")


# --- the tests that it names


def test_reading_the_catalog_imports_nothing_heavy():
    code = (
        "import sys; from pytest_modelbench.published.catalog.tables import cases; assert cases();"
        "print(sorted({'torch', 'numpy', 'timm', 'pytest', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.slow
def test_every_test_that_a_row_names_exists_and_all_are_in_suite_published():
    collected = {suite: _collected(suite) for suite in ("all", "published", "seeds")}
    assert {test for row in rows() for test in row.tests} <= collected["all"]
    measured = {test for row in rows() for test in row.tests if "test_published_" in test}
    assert measured <= collected["published"]
    assert {test for test in collected["published"] if "/test_published_" in test} <= measured
    assert collected["seeds"] == collected["published"], "the suite's former name selects the same"


def _collected(suite):
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "--modelbench", f"--modelbench-suite={suite}", "--collect-only", "-q",
            FOLDER,
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return {line for line in done.stdout.splitlines() if "::" in line}


def test_a_case_is_measured_by_the_file_of_its_task():
    case = CaseSpec("r", 1, (64, 64))
    assert function_of(case) == "test_published_inference.py::test_inference"
    assert function_of(replace(case, mode="train")) == "test_published_training.py::test_train_step"
    assert function_of(replace(case, mode="train", input="ones")) == "test_published_techniques.py::test_train_step"
    detector = replace(case, task="detection", head="fcos")
    assert function_of(detector) == "test_published_detection.py::test_inference"
    assert function_of(replace(detector, mode="train")) == "test_published_detection.py::test_train_step"
    assert {function_of(case) for case in cases()} == {
        "test_published_inference.py::test_inference",
        "test_published_training.py::test_train_step",
        "test_published_techniques.py::test_train_step",
        "test_published_detection.py::test_inference",
        "test_published_detection.py::test_train_step",
        "test_published_segmentation.py::test_inference",
        "test_published_segmentation.py::test_train_step",
    }
