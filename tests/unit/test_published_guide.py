"""The guide made from small sessions: which figure stands where, and whole guides against golden files.

After a change that is meant, write these anew and read the difference before committing it:

    MODELBENCH_GOLDEN=write pytest tests/unit/test_published_guide.py && git diff tests/unit/golden
"""

from __future__ import annotations

import ast
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbench.core.session import Session
from pytest_modelbench.published.catalog.rows import DATA
from pytest_modelbench.published.catalog.tables import table as published_table
from pytest_modelbench.published.catalog.tables import tables as published_tables
from pytest_modelbench.published.guide.archive import Archive
from pytest_modelbench.published.guide.cases import Setting, Subject, setting_of, subject_of
from pytest_modelbench.published.guide.columns import measured_column
from pytest_modelbench.published.guide.document import SUITES, render
from pytest_modelbench.published.guide.figure_table import figure_table
from pytest_modelbench.published.guide.layout import CHAPTERS
from pytest_modelbench.published.guide.measures import COMPUTED, LATENCY, MEASURES, PARAMETERS
from pytest_modelbench.published.guide.published import is_comparable, printed
from pytest_modelbench.published.guide.recommendations import (
    accuracy_table,
    batch_table,
    hardware_table,
    recommendation_table,
)
from pytest_modelbench.published.guide.rules import RULES
from pytest_modelbench.published.guide.speedup import speedup_table, tips_table
from tests.unit.guide_sessions import (
    BOTH,
    CPU,
    CPU_SESSION,
    GIB,
    GPU,
    GPU_SESSION,
    LARGE,
    MIB,
    ODD,
    TABLES,
    check,
    session,
)

GOLDEN = Path(__file__).parent / "golden"
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def table(name: str):
    return next(table for table in TABLES if table.id == name)


def archive(*sessions: Session) -> Archive:
    return Archive([(f"{number}.json", one) for number, one in enumerate(sessions)])


def cells(text: str) -> list[list[str]]:
    """The rows of a table, without the titles."""
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in text.splitlines()[2:]]


def titles(text: str) -> list[str]:
    return [cell.strip() for cell in text.splitlines()[0].strip("|").split(" |")]


# --- whole guides


@pytest.mark.parametrize(
    ("name", "sessions"),
    [
        ("two_devices", BOTH),
        ("one_figure", [("results.json", session(CPU, [("small-b1-224-fp32", "latency", 0.008)]))]),
        ("no_figure", [("results.json", session(None, []))]),
    ],
)
def test_guide(name, sessions) -> None:
    path, text = GOLDEN / f"guide_{name}.md", render(sessions, TABLES)
    if os.environ.get("MODELBENCH_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"{path} is not there; write it with MODELBENCH_GOLDEN=write"
    assert text == path.read_text(encoding="utf-8")


def test_the_guide_has_every_table_of_the_catalog_and_knows_every_figure_and_rule() -> None:
    placed = {part.table for chapter in CHAPTERS for part in chapter.parts}
    placed |= {name for chapter in CHAPTERS for name in chapter.merged}
    assert placed == {table.id for table in published_tables()}
    rows = [row for table in published_tables() for row in table.rows]
    assert {figure.name for row in rows for figure in row.figures} == MEASURES.keys() | COMPUTED
    assert {row.rule for row in rows if row.rule} == RULES.keys()


def test_every_link_of_the_contents_has_its_heading() -> None:
    text = render(BOTH, published_tables())
    links = [line.partition("](#")[2].rstrip(")") for line in text.splitlines() if line.lstrip().startswith("- [")]
    used: dict[str, int] = {}
    anchors = []
    for line in text.splitlines():
        if line.startswith("#") and not line.startswith("# "):
            slug = line.lstrip("#").strip().lower().replace(",", "").replace(" ", "-")
            anchors.append(f"{slug}-{used[slug]}" if slug in used else slug)
            used[slug] = used.get(slug, 0) + 1
    assert links == [anchor for anchor in anchors if anchor != "contents"]


def test_every_suite_that_the_guide_names_exists() -> None:
    named = {
        node.value
        for path in BENCHMARKS.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    suites = {part.suites for chapter in CHAPTERS for part in chapter.parts} | {one.suites for one in CHAPTERS}
    assert {name for text in (*suites, *SUITES) for name in text.split(",") if name} <= named


def test_the_suites_named_for_a_table_that_needs_data_measure_its_rows() -> None:
    for part in (part for chapter in CHAPTERS for part in chapter.parts):
        rows = [row for row in published_table(part.table).rows if not DATA.isdisjoint(row.needs)]
        files = {test.partition("::")[0].rpartition("/")[2] for row in rows for test in row.tests}
        for text in ((BENCHMARKS / file).read_text(encoding="utf-8") for file in files):
            assert any(f'"{suite}"' in text for suite in part.suites.split(",")), part


def test_the_command_for_a_gap_says_where_it_has_to_run_and_on_what_data() -> None:
    lines = render([("cpu.json", CPU_SESSION)], published_tables()).split("### ")
    told = {line.partition("\n")[0]: line.partition("--modelbench-suite=")[2].partition("`")[0] for line in lines}
    ending = "--modelbench-json=more.json"
    assert {title: told[title].removesuffix(f" {ending}") for title in told if ending in told[title]} == {
        "CNN backbones": "backbones,published-backbones --modelbench-data=DIR",
        "Transformer backbones": "backbones,published-backbones --modelbench-data=DIR",
        "Classification, by device": "backbones",
        "What batches bring": "batch",
        "Detection": "published-detection",
        "By task": "published",
        "By backbone": "published",
        "What saves memory": "published",
        "CIFAR-10": "published-training --device=cuda --modelbench-data=DIR",
        "CIFAR-100": "published-training --device=cuda --modelbench-data=DIR",
        "ImageNet-1K": "published-backbones --modelbench-data=DIR",
        "Accuracy and memory on COCO": "published-detection --modelbench-data=DIR",
        "Speed against accuracy": "published-detection --modelbench-data=DIR",
        "Speed against quality of masks": "published-segmentation --modelbench-data=DIR",
        "Configurations": "published-detection",
        "Accuracy and memory on Cityscapes": "published-segmentation --modelbench-data=DIR",
        "Pascal VOC": "published-segmentation --modelbench-data=DIR",
        "By use case": "backbones",
        "By memory of the hardware": "backbones,published-training --device=cpu",
        "Largest batch by memory": "published-training",
        "By accuracy": "backbones,published --device=cuda",
        "By training time": "published-training --device=cuda",
        "Backbones, with 10 classes": "published-backbones",
    }


# --- which measurement stands for a row


def test_a_training_row_does_not_show_the_accuracy_of_pretrained_weights() -> None:
    found = archive(session(CPU, [("resnet50-b32-224-fp32", "top1", 0.8), ("small-b1-224-fp32", "latency", 0.01)]))
    imagenet = published_table("imagenet")
    rows = [imagenet.row("resnet50"), imagenet.row("resnet50-tuned")]
    block = figure_table(imagenet, found, rows=rows)
    assert [row[1] for row in cells(block.text)] == ["80.0 %", ""]
    assert not block.gaps  # a fine-tuning is not run, so it is not missing
    spec = replace(table("backbones-cnn").rows[1].case, mode="train")
    pretrained = archive(session(CPU, [("middle-b32-224-fp32", "top1", 0.8)]))
    assert measured_column([spec], MEASURES["top1"], pretrained.find).known == 0


def test_what_comes_of_a_training_stands_in_its_row() -> None:
    case = "resnet50_{}classes-b128-224-fp32-training"
    ended = [
        check(case.format(10), "final_accuracy", 0.95, data="cifar10", seconds=1500.0),
        check(case.format(100), "final_accuracy", 0.80, data="cifar100", seconds=1500.0),
        check(case.format(100), "final_top5", 0.94, data="cifar100", seconds=1500.0),
    ]
    for name, day in (("cifar10", ended[:1]), ("cifar100", ended[1:])):
        published = published_table(name)
        block = figure_table(published, archive(session(GPU, day)), rows=[published.row("resnet50")])
        told = " ".join(cells(block.text)[0])
        assert {"cifar10": "95.0 %", "cifar100": "80.0 %"}[name] in told
        assert {"cifar10": "25 min", "cifar100": "94.0 %"}[name] in told


def test_the_training_time_of_a_detector_is_no_gap() -> None:
    row = published_table("coco-detection").rows[0]
    hours = replace(row, figures=tuple(one for one in row.figures if one.name in ("memory", "training_time")), needs=())
    figures = [(hours.case.id, "peak_live_memory", GIB), ("small-b1-224-fp32", "latency", 0.01)]
    assert not figure_table(published_table("coco-detection"), archive(session(CPU, figures)), rows=[hours]).gaps


def test_settings_that_nothing_measures_are_not_said_to_be_missing() -> None:
    block = figure_table(published_table("benchmark-parameters"), archive(CPU_SESSION))
    assert (block.empty, block.gaps) == (False, False)


def test_a_model_that_a_cpu_is_given_narrower_says_so_and_stands_for_times_only() -> None:
    figures = [
        ("vgg16_bn_narrow-b2-64-fp32-abn+input=ones-train", "train_step", 0.3),
        ("vgg16_bn_narrow-b2-64-fp32-inplace_abn+input=ones-train", "train_step", 0.4),
        ("vgg16_bn_narrow-b2-64-fp32-abn+input=ones-train", "peak_live_memory", GIB),
        ("resnet50-b2-64-fp32-abn+input=ones-train", "train_step", 0.1),
    ]
    device = archive(session(CPU, figures)).devices[0]
    rows = [*published_table("vgg16-abn").rows, published_table("resnet50-abn").rows[0]]
    specs = [row.case for row in rows]
    column = measured_column(specs, MEASURES["step"], device.find, device)
    assert column.common == ("batch 2", "64 x 64", "built narrower")
    assert [column.text(index) for index in range(3)] == ["300 ms", "400 ms", "100 ms (batch 2, 64 x 64)"]
    assert measured_column(specs, MEASURES["memory"], device.find, device).known == 0


def test_a_row_is_found_under_the_name_that_results_have_for_it() -> None:
    spec = table("resnet50-abn").rows[0].case
    assert subject_of(spec, "train") == Subject("middle", "classification", "inplace_abn+input=ones", "train")
    assert subject_of(spec, "inference") == Subject("middle", "classification", "inplace_abn", "inference")
    assert setting_of(spec) == Setting(128, (224, 224), "fp32")
    accumulated = table("memory-tips").rows[1].cases[1]
    assert subject_of(accumulated, "train").technique == "accumulate=4"


def test_figures_of_one_column_share_the_setting_that_most_rows_have() -> None:
    figures = [
        ("small-b2-64-fp32", "latency", 0.001),
        ("middle-b2-64-fp32", "latency", 0.002),
        ("middle-b1-224-fp32", "latency", 0.020),
        (f"{LARGE}-b1-224-fp32", "latency", 0.030),
    ]
    device = archive(session(CPU, [*figures, (f"{ODD}-b2-64-fp32", "latency", 0.003)])).devices[0]
    specs = [row.figure("latency").case for row in table("backbones-cnn").rows]
    specs.append(replace(specs[0], model=LARGE))
    column = measured_column(specs, (LATENCY,), device.find, device)
    assert [column.text(index) for index in range(4)] == ["1.00 ms", "2.00 ms", "3.00 ms", "30.0 ms (as published)"]
    assert [cell and cell.value for cell in column.alike] == [0.001, 0.002, 0.003, None]


def test_where_as_many_rows_have_it_the_published_setting_is_the_common_one() -> None:
    figures = [("small-b2-64-fp32", "latency", 0.001), ("middle-b1-224-fp32", "latency", 0.020)]
    device = archive(session(CPU, figures)).devices[0]
    specs = [row.figure("latency").case for row in table("backbones-cnn").rows]
    column = measured_column(specs, (LATENCY,), device.find, device)
    assert [column.text(index) for index in range(3)] == ["1.00 ms (batch 2, 64 x 64)", "20.0 ms", ""]


def test_what_depends_on_the_image_size_is_left_out_at_another() -> None:
    found = archive(session(CPU, [("small-b1-64-fp32", "parameters", 7), ("middle-b1-224-bf16", "parameters", 8)]))
    specs = [row.figure("parameters").case for row in table("backbones-cnn").rows]
    column = measured_column(specs, (PARAMETERS,), found.find)
    assert [column.text(index) for index in range(3)] == ["", "8", ""]


def test_a_column_at_another_setting_says_so_in_its_title() -> None:
    text = figure_table(table("detection-accuracy-speed"), archive(CPU_SESSION, GPU_SESSION)).text
    assert titles(text)[1:] == [
        "mAP (on coco-val)",
        "*mAP, published*",
        f"Throughput on {CPU.name} (batch 2, 128 x 128)",
        f"Throughput on {GPU.name}",
        "*Throughput on V100, published*",
    ]


def test_a_sum_is_of_figures_from_one_setting_and_one_file() -> None:
    backward = ("middle-b256-224-amp-fp16-input=ones-train", "backward_time", 0.15)
    spec = table("resnet50-amp").rows[0].case
    apart = archive(session(GPU, [backward]), session(GPU, [(backward[0], "optimizer_time", 0.01)], "2026-11-23"))
    assert measured_column([spec], MEASURES["backward"], apart.devices[0].find).known == 0
    whole = archive(session(GPU, [backward, (backward[0], "optimizer_time", 0.01)]))
    assert measured_column([spec], MEASURES["backward"], whole.devices[0].find).text(0) == "160 ms"


def test_accuracy_says_which_images_it_is_on() -> None:
    found = archive(session(CPU, [check("middle-b8-224-fp32", "top1", 0.9, data="my photos", samples=20)]))
    block = figure_table(table("backbones-transformer"), found, rows=table("backbones-cnn").rows[1:2])
    assert cells(block.text) == [["middle", "*25.6M*", "90.0 %", "*80.4%*", "*98 MiB*"]]
    where = "The same on every machine, 2026-11-22, torch 2.15.0, timm 1.0.31"
    assert block.lines[0] == f"{where}: Top-1 (measured, fp32, on my photos, 20 images)."


def test_files_of_one_device_and_version_share_a_column_and_the_newer_figure_stands() -> None:
    old = session(CPU, [("small-b1-224-fp32", "latency", 0.010), ("middle-b1-224-fp32", "latency", 0.030)])
    new = session(CPU, [("small-b1-224-fp32", "latency", 0.008)], "2026-11-24")
    for found in (archive(old, new), archive(new, old)):
        (device,) = found.devices
        assert [device.find(Subject(name), "latency")[0].value for name in ("small", "middle")] == [0.008, 0.030]


def test_another_version_of_torch_is_another_column() -> None:
    newer = replace(CPU, provenance={**CPU.provenance, "torch": "2.16.0"})
    found = archive(CPU_SESSION, session(newer, [("small-b1-224-fp32", "latency", 0.007)]))
    assert [device.title for device in found.devices] == [
        "AMD EPYC, 2 cores, 1 thread, torch 2.15.0",
        "AMD EPYC, 2 cores, 1 thread, torch 2.16.0",
    ]


def test_what_should_be_the_same_on_every_machine_and_is_not_is_told() -> None:
    gpu = session(GPU, [("small-b32-224-fp32", "parameters", 2_542_857)], "2026-11-23")
    text = render([("cpu.json", CPU_SESSION), ("gpu.json", gpu)], TABLES)
    assert "1 figure should be the same on every machine and differ" in text
    assert "parameters of small at batch 32, 224 x 224, fp32: 2,542,856 in cpu.json, 2,542,857 in gpu.json" in text


def test_of_figures_that_one_file_has_of_one_case_the_one_under_the_metrics_own_name_stands() -> None:
    own = check("small-b32-224-fp32", "parameters", 10)
    other = check("small-b32-224-fp32", "parameters", 11)
    other = replace(other, key=other.key._replace(name="without_head_parameters"))
    for checks in ([own, other], [other, own]):
        found = archive(session(CPU, checks))
        assert [one.value for one in found.find(Subject("small"), "parameters")] == [10]
        assert found.disagreements == ()


# --- what was published


def test_published_times_stand_beside_times_of_the_same_kind_only() -> None:
    by_device = table("inference-by-device")
    for sessions, wanted in (
        ([CPU_SESSION], [f"Latency on {CPU.name}", "*Latency on CPU, published*"]),
        ([GPU_SESSION], ["Latency on NVIDIA H200", "*Latency on V100, published*"]),
        ([], []),
    ):
        text = figure_table(by_device, archive(*sessions)).text
        assert (titles(text)[1:] if text else []) == wanted
    figures = table("backbones-cnn").rows[0].figures
    assert [figure.name for figure in figures if is_comparable(figure, [])] == ["parameters", "top1", "size"]


def test_published_figures_are_as_printed_with_the_unit_of_their_column() -> None:
    small, middle, _ = table("backbones-cnn").rows
    assert [printed(figure) for figure in small.figures] == ["2.5M", "68%", "10 MB", "0.8 ms"]
    assert printed(middle.figure("size")) == "98 MiB"
    detector = table("detection-accuracy-speed").rows[0]
    assert [printed(figure) for figure in detector.figures] == ["32.5 %", "45 images/s"]
    assert [printed(row.figures[0]) for row in table("by-hardware").rows] == ["16-32", "128+", "1-8"]
    assert printed(published_table("imagenet").rows[0].figure("training_time")) == ""
    assert printed(None) == ""


# --- computed tables


def test_speed_up_is_images_per_second_at_the_largest_batch_over_those_at_one() -> None:
    text = speedup_table(table("batch-speedup"), archive(CPU_SESSION, GPU_SESSION)).text
    assert cells(text) == [
        ["Middle", "AMD EPYC, 2 cores, 1 thread", "40.0 ms", "280 ms", "", "1.14 x"],
        ["Middle", "NVIDIA H200", "1.60 ms", "3.20 ms", "6.40 ms", "8 x"],
        ["*Middle*", "*V100 GPU, published*", "*2.4 ms*", "*8.5 ms*", "*28 ms*", "*2.7x*"],
    ]


def test_tips_hold_a_step_with_against_one_without() -> None:
    block = tips_table(table("memory-tips"), archive(CPU_SESSION))
    assert cells(block.text) == [
        ["Reduce batch size", "batch_size=8", "3.91 GiB", "1.56 GiB", "-60.0%"],
        ["Accumulate", "grad=4", "3.91 GiB", "", ""],
    ]
    assert (block.gaps, block.empty) == (True, False)


def test_the_largest_batch_is_read_off_the_line() -> None:
    # (.9 x 4096 - 100) / 20 = 179.3; (.9 x 4096 - 1000) / 90 = 29.8; and so on.
    text = batch_table(TABLES, archive(CPU_SESSION)).text
    assert cells(text) == [
        ["small", "100 MiB", "20.0 MiB", "179", "363", "732", "1,100"],
        ["middle", "1,000 MiB", "90.0 MiB", "29", "70", "152", "234"],
    ]


def test_a_line_says_what_it_misses_only_if_it_could_miss() -> None:
    two = [(f"small-b{batch}-224-amp-bf16-train", "peak_live_memory", peak) for batch, peak in ((8, 1e8), (32, 3e8))]
    three = ("small-b16-224-amp-bf16-train", "peak_live_memory", 2e8)
    rules = [batch_table(TABLES, archive(session(CPU, figures))).lines[-1] for figures in (two, [*two, three])]
    assert ["misses none" in rule for rule in rules] == [False, True]
    assert "(of three or more it misses none by more than 14.3 %)" in rules[1]


def test_hardware_gets_the_most_accurate_that_trains_a_batch_of_32() -> None:
    block = hardware_table(table("by-hardware"), TABLES, archive(GPU_SESSION, CPU_SESSION))
    assert [row[:2] for row in cells(block.text)] == [
        ["4GB GPU", "small (batch 179, 68.0 %†)"],
        ["16GB GPU", "middle (batch 152, 80.4 %†)"],
        ["CPU only", "small (8.00 ms)"],
    ]
    assert "Rule for CPU only, among 2 of 4 models: the least time per image." in block.lines
    without_cpu = hardware_table(table("by-hardware"), TABLES, archive(GPU_SESSION))
    assert [row[1] for row in cells(without_cpu.text)] == ["*MobileNet*", "*Any*", "*MobileNet*"]


def test_a_recommendation_is_made_for_each_device_by_the_rule_of_the_row() -> None:
    block = recommendation_table(table("use-cases"), TABLES, archive(CPU_SESSION, GPU_SESSION))
    assert titles(block.text) == [
        "Use Case", "Recommended on AMD EPYC, 2 cores, 1 thread", "Recommended on NVIDIA H200", "*Published*"
    ]  # fmt: skip
    assert cells(block.text) == [
        ["Edge", "small (8.00 ms)", "small (1.20 ms)", "*mobilenet*"],
        ["Mobile", "small (9.70 MiB, 68.0 %†)", "small (9.70 MiB, 68.0 %†)", "*efficientnet*"],
        # Both on the CPU are as near to the best corner: the faster. On the GPU: 1, 0.62 and 1.
        ["General", "small (8.00 ms, 68.0 %†)", "middle (1.60 ms, 80.4 %†)", "*resnet50*"],
        ["Little memory", "middle (3.79 GiB, 80.4 %†)", "middle (3.79 GiB, 80.4 %†)", "*efficientnet_b2*"],
    ]
    # The odd one was timed on the CPU at another size, and the large one not at all.
    assert "Rule for Edge, among 2 of 4 and 4 of 4 models: the least time per image." in block.lines
    assert "Little memory: As a step." in block.lines


def test_a_rule_says_what_memory_it_goes_by() -> None:
    passes = [("middle-b32-224-fp32-backward", "peak_live_memory", 3000 * MIB)]
    block = recommendation_table(table("use-cases"), TABLES, archive(session(CPU, passes)))
    (rule,) = (line for line in block.lines if line.startswith("Rule for Little memory"))
    assert rule.endswith(
        "memory is the peak of a forward and backward pass without optimizer, predicted, batch 32, 224 x 224, fp32."
    )


def test_accuracy_needs_are_met_per_task_and_nobody_is_named_where_nobody_will_do() -> None:
    block = accuracy_table(table("by-accuracy"), TABLES, archive(CPU_SESSION))
    told = cells(block.text)
    assert told == [
        ["Maximum", CPU.name, f"{LARGE} (84.5 %†)", "fcos_middle (38.2 %†)", ""],
        ["*Maximum*", "*published*", "*Swin-Base*", "*Swin + FPN*", "*Swin + DeepLab*"],
        # Detectors were timed at 128 x 128 here, and are as accurate as published at 640 x 640.
        ["High", CPU.name, "small (8.00 ms, 68.0 %†)", "", ""],
        ["*High*", "*published*", "*ResNet-101*", "*ResNet + FPN*", "*ResNet + DeepLab*"],
    ]
    assert block.gaps
    missing = "missing at the published 640 x 640; it was measured at batch 2, 128 x 128, fp32 only."
    assert block.lines[-1] == f"Time per image on {CPU.name}, detection: {missing}"
    told = cells(accuracy_table(table("by-accuracy"), TABLES, archive(GPU_SESSION)).text)
    assert told[2] == ["High", GPU.name, "none", "none", ""]


def test_time_budgets_are_met_at_the_measured_throughput_or_by_none() -> None:
    slow = session(GPU, [("middle-b32-224-amp-bf16-train", "train_throughput", 100.0)])
    both = session(GPU, [*slow.checks, ("small-b32-224-amp-bf16-train", "train_throughput", 2000.0)])
    budget = table("by-training-time")
    # 2.5 million images at 2000 a second are 20 min 50 s, at 100 a second 6 h 57 min.
    assert [row[1] for row in cells(recommendation_table(budget, TABLES, archive(both)).text)] == [
        "small (20 min 50 s, 68.0 %†)",
        "middle (6 h 56 min, 80.4 %†)",
    ]
    assert [row[1] for row in cells(recommendation_table(budget, TABLES, archive(slow)).text)] == [
        "none",
        "middle (6 h 56 min, 80.4 %†)",
    ]


def test_a_throughput_of_small_images_recommends_nobody_and_is_told() -> None:
    budget = table("by-training-time")
    alone = recommendation_table(budget, TABLES, archive(CPU_SESSION))
    told = "missing at the published 224 x 224; it was measured at batch 2, 64 x 64, amp-bf16 only."
    assert alone.lines[-1] == f"Training throughput on {CPU.name}, classification: {told}"
    assert (titles(alone.text), alone.empty, alone.gaps) == (["Budget", "*Published*"], True, True)
    beside = recommendation_table(budget, TABLES, archive(CPU_SESSION, GPU_SESSION))
    assert titles(beside.text)[1:] == ["Recommended on NVIDIA H200", "*Published*"]
    assert alone.lines[-1] in beside.lines
    assert not beside.gaps  # the device that is timed at the published size has an answer


def test_measured_accuracy_ranks_only_if_every_candidate_has_it_on_the_same_images() -> None:
    names = ("small", "middle", ODD, LARGE)
    fractions = dict(zip(names, (0.9, 0.7, 0.6, 0.5), strict=True))
    checks = [check(f"{name}-b1-224-fp32", "top1", fractions[name], data="photos") for name in names]
    need = replace(table("by-accuracy"), rows=table("by-accuracy").rows[:1])
    for measured, wanted in (
        (checks, "small (90.0 %)"),
        (checks[:3], f"{LARGE} (84.5 %†)"),
        ([*checks[:3], check(f"{LARGE}-b1-224-fp32", "top1", 0.95, data="others")], f"{LARGE} (84.5 %†)"),
    ):
        text = accuracy_table(need, TABLES, archive(session(CPU, measured))).text
        assert cells(text)[0][2] == wanted
