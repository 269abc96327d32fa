"""Where the processes of a pair run."""

from pytest_modelbench.session.launch import Tree


def test_a_process_runs_in_the_same_folder_of_its_own_tree(tmp_path, monkeypatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "runs" / "new").mkdir(parents=True)
    (there / "runs").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()

    def path_of(path):
        return there / path.relative_to(here) if path.is_relative_to(here) else None

    tree = Tree(there, path_of)
    folders = {}
    for folder in (here, here / "runs", here / "runs" / "new", outside):
        monkeypatch.chdir(folder)
        folders[folder] = tree.folder
    assert folders == {here: there, here / "runs": there / "runs", here / "runs" / "new": there, outside: outside}
