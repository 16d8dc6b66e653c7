"""Who may take a run's folder, and when a run is continued."""

import subprocess
import sys

import pytest

from tutelage import run
from tutelage.config import ExperimentConfig, load_config, read_toml
from tutelage.errors import BusyError, TrainingError
from tutelage.results.exports import ExportedFile, ExportRecord, write_export
from tutelage.results.result import read_history, read_result
from tutelage.results.run_folder import RunFolder, differing


@pytest.fixture
def config(digits, tmp_path) -> ExperimentConfig:
    return ExperimentConfig.model_validate(
        {
            "data": {"source": f"folder:{digits}"},
            "student": {
                "source": "timm:test_vit2",
                "params": {"weights": "random", "image_size": 32},
            },
            "transfer": {"method": "stl"},
            "train": {"steps": 8, "batch_size": 16, "workers": 0, "device": "cpu"},
            "output": {"dir": str(tmp_path / "run")},
        }
    )


class StoppedError(Exception):
    """The run was stopped."""


def stopped_at(step: int):
    def stop(at: int, metrics) -> None:
        if at == step:
            raise StoppedError

    return stop


def test_a_run_is_resumed_with_another_log_every_and_ends_the_same(config, tmp_path):
    config = config.replace(
        {"data.evaluate": "holdout", "train.checkpoint_every": 2, "train.eval_every": 1}
    )
    whole = run(config.replace({"output.dir": tmp_path / "whole"}))
    with pytest.raises(StoppedError):
        run(config, on_evaluation=stopped_at(5))
    changes = {"train.log_every": 1, "train.workers": 1, "train.inputs": "none", "name": "again"}
    result = run(config.replace(changes), resume=True)
    assert result.metrics == whole.metrics
    logged = [row["step"] for row in read_history(tmp_path / "run") if "total" in row]
    assert logged == [2, 4, 5, 6, 7, 8]  # before: only with each checkpoint


def test_a_run_with_other_settings_is_refused_and_the_settings_are_named(config):
    run(config)
    with pytest.raises(TrainingError, match=r"seed = 0, now 3; train.lr = 0.0001, now 0.5"):
        run(config.replace({"train.lr": 0.5, "seed": 3}), resume=True)
    with pytest.raises(TrainingError, match=r"holds a finished run; choose another"):
        run(config)
    assert run(config, resume=True) == read_result(config.output.dir)


def test_other_settings_are_refused_before_there_is_a_checkpoint_too(config):
    config = config.replace({"data.evaluate": "holdout", "train.eval_every": 1})
    with pytest.raises(StoppedError):
        run(config, on_evaluation=stopped_at(1))
    assert not (config.output.dir / "checkpoint.safetensors").exists()
    with pytest.raises(TrainingError, match=r"train.lr = 0.0001, now 0.5"):
        run(config.replace({"train.lr": 0.5}), resume=True)
    assert load_config([read_toml(config.output.dir / "config.toml")]).train.lr == 0.0001
    assert run(config, resume=True).steps == 8


def test_features_of_another_precision_are_another_run(config):
    changed = config.replace({"cache.dtype": "float32", "cache.workers": 0, "name": "x"})
    assert differing(config, changed) == ["cache.dtype = 'float16', now 'float32'"]


def test_an_unfinished_run_keeps_the_precision_that_auto_meant(config):
    config = config.replace({"data.evaluate": "holdout", "train.eval_every": 1, "train.steps": 3})
    assert config.train.mixed_precision == "auto"
    begun = config.replace({"train.mixed_precision": "bf16", "train.checkpoint_every": 1})
    with pytest.raises(StoppedError):
        run(begun, on_evaluation=stopped_at(2))  # as on a GPU, where auto is bf16
    with pytest.raises(TrainingError, match="holds an unfinished run; continue it with --resume"):
        run(config)
    with pytest.raises(TrainingError, match=r"\(train.mixed_precision = 'bf16', now 'no'\)"):
        run(config, resume=True)
    finished = run(load_config([read_toml(config.output.dir / "config.toml")]), resume=True)
    assert finished.config["train"]["mixed_precision"] == "bf16"
    assert run(config, resume=True) == finished, "it is read on any device"


def test_the_precision_that_auto_means_is_stated(config):
    with RunFolder.claim(config, resume=False, precision="bf16") as folder:
        folder.checkpoint.touch()
        assert load_config([read_toml(folder.config)]).train.mixed_precision == "bf16"
    with RunFolder.claim(config, resume=True, precision="bf16") as folder:
        assert folder.resume
    other = RunFolder.claim(config, resume=True, precision="no")
    with pytest.raises(TrainingError, match=r"train\.mixed_precision = 'bf16', now 'no'"), other:
        pass


CLAIMS_TWICE = """
import sys
from tutelage.config import ExperimentConfig, load_config, read_toml
from tutelage.errors import BusyError
from tutelage.results.run_folder import RunFolder
for _ in sys.stdin:
    try:
        with RunFolder.claim(ExperimentConfig.model_validate_json(sys.argv[1]), resume=True):
            print("taken", flush=True)
    except BusyError as error:
        print(error, flush=True)
"""


def test_one_process_at_a_time(config):
    words = [sys.executable, "-c", CLAIMS_TWICE, config.model_dump_json()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as other:
        with RunFolder.claim(config, resume=False):
            other.stdin.write("first\n")
            other.stdin.flush()
            assert "another process is training in" in other.stdout.readline()
            with pytest.raises(BusyError), RunFolder.claim(config, resume=True):
                pass
        assert other.communicate("second\n")[0] == "taken\n"


@pytest.mark.parametrize("content", [None, "steps = [", "steps = 3"])
def test_a_run_whose_settings_were_damaged_says_how_to_go_on(content, config):
    with RunFolder.claim(config, resume=False) as folder:
        folder.checkpoint.touch()
    folder.config.unlink()
    if content is not None:
        folder.config.write_text(content)
    advice = r"its settings cannot be read \(.*put .*config.toml back.*output.overwrite = true"
    with pytest.raises(TrainingError, match=advice), RunFolder.claim(config, resume=True):
        pass
    again = config.replace({"output.overwrite": True})
    with RunFolder.claim(again, resume=False) as folder:
        assert not folder.checkpoint.exists()


def test_a_run_that_is_trained_again_leaves_nothing_of_the_earlier_student(config):
    config = config.replace({"train.steps": 1, "output.overwrite": True})
    student = config.output.dir / "student"
    run(config)
    files = {path.name for path in student.iterdir()}
    (student / "preprocessor_config.json").write_text("{}")  # of a student of another kind
    assert "student/preprocessor_config.json" not in run(config).files
    assert {path.name for path in student.iterdir()} == files
    assert not list(config.output.dir.glob("student.*"))


def test_a_folder_student_of_no_run_is_left_alone(config):
    model = config.output.dir / "student" / "model.safetensors"
    model.parent.mkdir(parents=True)
    model.write_text("mine")
    with pytest.raises(TrainingError, match=r"holds no run, but a folder student/ with files"):
        run(config.replace({"output.overwrite": True}))
    assert model.read_text() == "mine"


@pytest.mark.parametrize("resume", [False, True])
def test_nothing_that_tells_of_an_earlier_student_stays_where_training_begins_anew(resume, config):
    config = config.replace({"output.overwrite": True})
    path = config.output.dir
    with RunFolder.claim(config, resume=False):
        export = path / "exported" / "onnx"
        export.mkdir(parents=True)
        for name in ("model.onnx", "preprocess.json"):
            (export / name).touch()
        file = ExportedFile(name="model.onnx", bytes=0, difference=0.0)
        write_export(
            export,
            ExportRecord(format="onnx", takes="pixels", rows=1, tolerance=1e-4, files=(file,)),
        )
        for name in ("latency.json", "predictions.safetensors", "report.html"):
            (path / name).touch()
    with RunFolder.claim(config, resume=resume):
        assert {one.name for one in path.iterdir()} == {".lock", "config.toml"}
