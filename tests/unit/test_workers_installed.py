"""What is installed on a path, as its metadata have it."""

import json

from pytest_modelbench.workers.installed import editable_sources


def install(site, name, source=None, *, editable=False):
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir(parents=True)
    if source is not None:
        url = {"url": source.as_uri(), "dir_info": {"editable": editable}}
        (folder / "direct_url.json").write_text(json.dumps(url))


def test_what_is_editable_is_told_with_its_source_unless_something_before_it_hides_it(tmp_path):
    first, second, net, lib = (tmp_path / name for name in ("first", "second", "net", "lib"))
    net.mkdir()
    lib.mkdir()
    install(first, "net", net)  # installed from there, and not editable
    install(first, "lib", lib, editable=True)
    install(first, "gone", tmp_path / "gone", editable=True)
    install(second, "net", net, editable=True)
    install(second, "plain")
    assert editable_sources([str(first), str(second), str(first)]) == [("lib", lib)]
    assert editable_sources([str(second), str(first)]) == [("lib", lib), ("net", net)]
    assert editable_sources([str(tmp_path / "nowhere")]) == []


def test_what_older_tools_link_to_is_editable_as_well(tmp_path):
    site, net = tmp_path / "site", tmp_path / "net"
    site.mkdir()
    net.mkdir()
    (site / "My_Net.egg-link").write_text(f"{net}\n.")
    (site / "gone.egg-link").write_text(f"{tmp_path}/gone\n.")
    assert editable_sources([str(site)]) == [("my-net", net)]
