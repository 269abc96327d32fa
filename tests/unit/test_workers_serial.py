"""Reports on their way to the controller: what JSON cannot hold, and what is too long."""

import math

from pytest_modelbench.workers.serial import MOST_TEXT, as_json


def test_what_json_cannot_hold_is_text_and_told():
    found, replaced = as_json({"a": (1, math.inf, {2: {3}}), "b": b"x"})
    assert found == {"a": [1, "inf", {"2": "{3}"}], "b": "b'x'"}
    assert replaced == [
        "a float that is not finite",
        "a key of type int",
        "a value of type set",
        "a value of type bytes",
    ]


def test_the_middle_of_a_long_text_is_left_out_and_it_says_how_much():
    text = "a" * MOST_TEXT + "b" * MOST_TEXT
    found, replaced = as_json({"sections": [["Captured stdout call", text]]})
    kept = found["sections"][0][1]
    assert kept == "a" * (MOST_TEXT // 2) + "\n[1,048,576 characters left out here]\n" + "b" * (MOST_TEXT // 2)
    assert not replaced
    assert as_json("c" * MOST_TEXT)[0] == "c" * MOST_TEXT
