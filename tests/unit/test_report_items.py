"""Where a count or a size changed, and by what, in words."""

import pytest

from pytest_modelbench.core.breakdown import ItemChange
from pytest_modelbench.core.reasons import ItemsChanged, Placed
from pytest_modelbench.report.items import item_lines, items_in_short, placed_in_short, placed_lines


def changed(*items, unit="count"):
    return ItemsChanged(unit, tuple(ItemChange(*item) for item in items))


COPIES = changed(*((f"stages.2.{block}.conv", "aten::clone", 0, 1) for block in range(12)))
TWO_KINDS = changed(
    ("layer2.2.conv1", "aten::convolution", 0, 1),
    ("layer2.2.bn1", "aten::batch_norm", 0, 1),
    ("layer2.2.conv2", "aten::convolution", 0, 1),
    ("layer4.0", "aten::add", 2, 1),
    ("layer2.2", "aten::relu", 1, 9),
)
SWAPPED = changed(
    *(("act1", what, then, 1 - then) for what, then in (("aten::relu_", 1), ("aten::gelu", 0))),
    *(
        (f"layer{one}.0.act", what, then, 1 - then)
        for one in (1, 2)
        for what, then in (("aten::relu_", 1), ("aten::gelu", 0))
    ),
)
LARGER = changed(
    ("", "inputs", 2**20, 4 * 2**20),
    ("layer1.0.conv1", "activations", 2**20, 2**22),
    ("layer2.0.conv1", "activations", 2**20, 2**22),
    unit="bytes",
)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (COPIES, ["where     stages.2, and nowhere else", "what      +12 aten::clone in .0.conv ... .11.conv"]),
        (
            TWO_KINDS,
            [
                "where     layer2.2, +11 of +10",
                "what      +8 aten::relu",
                "          +2 aten::convolution in .conv1 ... .conv2",
                "          +1 aten::batch_norm in .bn1",
                "          -1 aten::add in layer4.0",
            ],
        ),
        (
            SWAPPED,
            [
                "where     act1 =, layer1 =, layer2 =",
                "what      -3 aten::relu_ in act1 ... layer2.0.act",
                "          +3 aten::gelu in act1 ... layer2.0.act",
            ],
        ),
        (
            LARGER,
            [
                "where     layer1 +3.00 MiB, layer2 +3.00 MiB, the model itself +3.00 MiB",
                "what      +6.00 MiB activations in layer1.0.conv1 ... layer2.0.conv1",
                "          +3.00 MiB inputs",
            ],
        ),
        (changed(("", "inputs", 1, 2)), ["where     the model itself +1", "what      +1 inputs"]),
        (
            changed(*((f"part{one}", f"aten::op{one}", 0, 9 - one) for one in range(8))),
            [
                "where     part0 +9, part1 +8, part2 +7, part3 +6 and 4 more parts",
                "what      +9 aten::op0 in part0",
                *(f"          +{9 - one} aten::op{one} in part{one}" for one in range(1, 6)),
                "          and 2 more kinds",
            ],
        ),
    ],
    ids=["one part", "nearly all in one", "everywhere", "bytes", "itself", "many"],
)
def test_the_part_to_blame_comes_first_then_what_changed_there(reason, expected):
    assert item_lines(reason) == expected


def test_in_one_line():
    assert items_in_short(COPIES) == "in stages.2: +12 aten::clone"
    assert items_in_short(SWAPPED) == "-3 aten::relu_, +3 aten::gelu"


MS = 1_000_000
SLOWER = changed(
    ("", "Net", 1 * MS, 1 * MS + 100_000),
    ("layer1.0.conv1", "Conv2d", 5 * MS, 5 * MS + 150_000),
    ("layer2.0.conv1", "Conv2d", 5 * MS, 5 * MS - 50_000),
    ("layer2.2.conv1", "Conv2d", 0, 6 * MS),
    ("layer2.2.bn1", "BatchNorm2d", 0, 2 * MS),
    ("layer2.3.conv1", "Conv2d", 0, 2 * MS),
    unit="ns",
)


def test_where_a_time_went_is_told_with_all_of_it_and_what_is_called_more_often():
    calls = changed(("layer2.2.conv1", "aten::convolution", 0, 1), ("layer2.3.conv1", "aten::convolution", 0, 1))
    assert placed_lines(Placed(SLOWER, calls)) == [
        "where     layer2.2, +8.00 ms of +10.2 ms (timed with hooks)",
        "          .conv1 +6.00 ms, .bn1 +2.00 ms; elsewhere +2.20 ms",
        "what      +8.10 ms Conv2d, +2.00 ms BatchNorm2d",
        "calls     in layer2: +2 aten::convolution",
    ]
    assert placed_in_short(Placed(SLOWER)) == "in layer2.2: +8.00 ms of +10.2 ms"


def test_where_a_time_went_may_be_everywhere():
    everywhere = changed(*((f"layer{one}.conv", "Conv2d", 5 * MS, 6 * MS) for one in range(3)), unit="ns")
    assert placed_lines(Placed(everywhere, changed())) == [
        "where     many parts, +3.00 ms in all (timed with hooks)",
        "          layer0 +1.00 ms, layer1 +1.00 ms, layer2 +1.00 ms",
        "what      +3.00 ms Conv2d",
    ]
