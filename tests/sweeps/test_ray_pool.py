"""Runs as tasks of a Ray cluster of two cores: a lost worker's run is taken up again."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError, MissingExtraError
from tutelage.sweeps.compare import compare
from tutelage.sweeps.jobs import run_score
from tutelage.sweeps.processes import process_pool, refuse_jobs
from tutelage.sweeps.tune import tune


def test_ray_takes_no_jobs_and_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setattr("tutelage.sweeps.processes.check_ray", lambda engine: None)
    refuse_jobs(4, "local")
    refuse_jobs(1, "ray")
    with pytest.raises(ConfigError, match="--jobs 4 is for one machine"):
        refuse_jobs(4, "ray")
    monkeypatch.undo()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"\[ray\]"):
        refuse_jobs(1, "ray")


def once_killed(folder: Path) -> int:
    """Kill the own process at the first call; return its id at the second."""
    if not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


@pytest.mark.filterwarnings("default")
def test_a_lost_task_is_started_again(cluster, tmp_path):
    with process_pool(1, engine="ray") as pool:
        ((number, process),) = pool.run(once_killed, [tmp_path])
    assert (tmp_path / "killed").exists()
    assert number == 0
    assert process != os.getpid()


def where(item: int) -> Path:
    """The folder that relative paths are meant from."""
    return Path.cwd()


def refused(item: int) -> None:
    raise MissingExtraError("peft", extra="lora", purpose="student.lora")


@pytest.mark.filterwarnings("default")
def test_a_task_works_in_the_folder_of_the_command(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with process_pool(1, engine="ray") as pool:
        assert list(pool.run(where, [0])) == [(0, tmp_path)]
    monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "lost")
    with (
        process_pool(1, engine="ray") as pool,
        pytest.raises(ConfigError, match=r"of the Ray cluster cannot enter .*lost, where this"),
    ):
        list(pool.run(where, [0]))


@pytest.mark.filterwarnings("default")
def test_an_error_of_a_task_is_the_users_without_a_traceback(cluster):
    with (
        process_pool(1, engine="ray") as pool,
        pytest.raises(MissingExtraError, match=r"^student\.lora needs peft, which") as caught,
    ):
        list(pool.run(refused, [0]))
    assert type(caught.value) is MissingExtraError


def pictures(folder: Path) -> Path:
    for label, color in (("dark", 40), ("light", 200)):
        (folder / label).mkdir(parents=True)
        for number in range(20):
            Image.new("RGB", (8, 8), (color + number, 90, 90)).save(
                folder / label / f"{number}.png"
            )
    return folder


@pytest.mark.filterwarnings("default")
def test_a_comparison_of_eight_runs_has_the_same_table(cluster, tmp_path, monkeypatch):
    """One worker is killed while it trains; its run continues from its checkpoint."""
    table = {
        "data": {"source": f"folder:{pictures(tmp_path / 'pictures')}"},
        "student": {"source": "timm:test_vit", "params": {"weights": "random"}},
        "transfer": {"method": "stl"},
        "train": {
            "steps": 30,
            "batch_size": 4,
            "checkpoint_every": 2,
            "workers": 0,
            "device": "cpu",
        },
        "compare": {"methods": ["stl"], "seeds": 8},
    }

    def config(name: str) -> ExperimentConfig:
        return ExperimentConfig.model_validate(table | {"output": {"dir": tmp_path / name}})

    def killed_once(one: ExperimentConfig) -> float | None:
        note = one.output.dir.parents[2] / "killed"

        def kill_at_checkpoint() -> None:
            while not (one.output.dir / "checkpoint.safetensors").exists():
                time.sleep(0.001)
            note.touch()
            os.kill(os.getpid(), signal.SIGKILL)

        if not note.exists() and one.seed == 3:
            threading.Thread(target=kill_at_checkpoint, daemon=True).start()
        return run_score(one)

    expected = compare(config("one"))
    monkeypatch.setattr("tutelage.sweeps.grid_runs.run_score", killed_once)
    found = compare(config("ray"), engine="ray")
    assert (tmp_path / "ray" / "killed").exists()
    assert [row.values for row in found.rows] == [row.values for row in expected.rows]
    assert len(found.rows[0].values) == 8


def test_gpus_of_a_run_are_a_share_or_whole_ones(monkeypatch):
    monkeypatch.setattr("tutelage.sweeps.processes.check_ray", lambda engine: None)
    for gpus in (None, 0.25, 1, 4):
        refuse_jobs(1, "ray", gpus)
    for gpus in (0, -1, 1.5, float("nan")):
        with pytest.raises(ConfigError, match=f"--gpus {gpus:g}: a run takes a share of one GPU"):
            refuse_jobs(1, "ray", gpus)
    with pytest.raises(
        ConfigError, match=r"--gpus 0\.5 is what a run takes of a cluster, with --eng"
    ):
        refuse_jobs(1, "local", 0.5)


@pytest.mark.filterwarnings("default")
def test_a_cluster_without_gpus_is_told_before_anything_is_computed(cluster, tmp_path):
    config = ExperimentConfig.model_validate(
        {
            "data": {"source": "folder:none"},
            "transfer": {"method": "stl"},
            "output": {"dir": tmp_path / "out"},
        }
    )
    for verb in (compare, tune):
        with pytest.raises(
            ConfigError, match=r"--gpus 0\.5: no machine of the Ray cluster has so many"
        ):
            verb(config, engine="ray", gpus=0.5)
    assert not (tmp_path / "out").exists()
