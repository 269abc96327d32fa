"""Options of a project, as facts that are stored."""

from types import SimpleNamespace

import pytest

from pytest_modelbench.session import beside

TOKEN = "hf_" + "x" * 34


def config(declared, ini=()):
    options = [SimpleNamespace(dest=name, attrs=lambda: {"default": None}) for name in declared]
    group = SimpleNamespace(name="custom options", options=options)
    parser = SimpleNamespace(_anonymous=group, _groups=[])
    option = SimpleNamespace(inifilename=None, override_ini=[*ini], plugins=[], **declared)
    return SimpleNamespace(_parser=parser, option=option)


@pytest.mark.parametrize(
    ("declared", "ini", "told"),
    [
        ({}, (), ""),
        ({"depth": 24, "weights": "x"}, (), "depth=24 weights='x'"),
        ({"hub_token": TOKEN}, (), "hub_token=(set)"),
        ({"depth": 24}, (f"hub_token={TOKEN}", "strict=true"), "-o=hub_token=(set) strict=true depth=24"),
    ],
)
def test_options_are_told_and_of_secrets_that_they_are_set(monkeypatch, declared, ini, told):
    monkeypatch.setattr(beside, "options_to_hand_over", lambda config: declared)
    assert beside._options(config(declared, ini)) == told


def test_many_are_told_by_a_fingerprint_that_no_secret_is_part_of(monkeypatch):
    monkeypatch.setattr(beside, "options_to_hand_over", lambda config: vars(config.option))

    def told(password):
        return beside._options(config({"db_password": password, **{f"option_{at}": "x" * 9 for at in range(9)}}))

    assert told("a").startswith("10 (")
    assert told("a") == told("b")
