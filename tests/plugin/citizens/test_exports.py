"""What sessions are exported to, by the packages that read it, which come with the extra ``citizens``."""

import pytest

from pytest_modelbench.cli import main
from pytest_modelbench.report.export.rows import COLUMNS
from pytest_modelbench.store.results import write_results
from tests.unit.report_sessions import SESSION

pytestmark = pytest.mark.citizens


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A folder with a results file."""
    monkeypatch.chdir(tmp_path)
    write_results(tmp_path / "results.json", SESSION)
    return tmp_path


def test_parquet_has_the_table_of_csv_with_types(capsys):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert main(["export", "results.json", "--format", "parquet", "-o", "checks.parquet"]) == 0
    assert capsys.readouterr().out == f"{len(SESSION.checks)} checks written to checks.parquet\n"
    table = parquet.read_table("checks.parquet")
    assert table.column_names == [column.name for column in COLUMNS]
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["test"], types["value"], types["pairs"], types["dirty"]) == ("string", "double", "int64", "bool")
    first = table.to_pylist()[0]
    assert first["value"] == SESSION.checks[0].judgement.value
    assert first["dirty"] is False
    assert table.column("ratio").null_count > 0


@pytest.mark.slow
def test_mlflow_gets_a_run_of_each_session_once(project, capsys, monkeypatch):
    tracking = pytest.importorskip("mlflow.tracking")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = f"file:{project}/runs"
    client = tracking.MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("e")
    cut_off = client.create_run(experiment, tags={"modelbench.session": SESSION.stamp.id})
    for _ in range(2):
        assert main(["export", "results.json", "--format", "mlflow", "--tracking-uri", uri, "--experiment", "e"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == said[1]
    (run,) = [one for one in client.search_runs([experiment]) if one.info.run_id != cut_off.info.run_id]
    assert said[0] == f"run {run.info.run_id} of experiment e"
    assert run.info.status == "FINISHED"
    assert run.data.tags["modelbench.session"] == SESSION.stamp.id
    assert run.data.params["torch"] == "2.15.0"
    key = "tests/benchmarks/test_inference.py/test_inference_resnet50-b1-224-fp32_/parameters"
    assert run.data.metrics[key] == 25_557_033
    assert len([name for name in run.data.metrics if not name.endswith(".ratio")]) == len(SESSION.checks)


@pytest.mark.slow
def test_an_mlflow_that_is_out_of_reach_is_told_in_one_line_without_the_password(capsys, monkeypatch):
    pytest.importorskip("mlflow.tracking")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = "http://me:hushhush@127.0.0.1:1"
    assert main(["export", "results.json", "--format", "mlflow", "--tracking-uri", uri]) == 4
    err = capsys.readouterr().err
    assert err.startswith("pytest-modelbench: MLflow at http://...@127.0.0.1:1 does not take the session: ")
    assert len(err.splitlines()) == 1
    assert "hushhush" not in err
