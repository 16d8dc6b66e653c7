"""``train.device`` is obeyed by all that computes on teachers' features."""

import pytest
import torch

from tutelage import run
from tutelage.config import ExperimentConfig
from tutelage.experiment.probe import probe
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_probe import probe_score
from tutelage.probes import fit
from tutelage.sweeps.rank import rank
from tutelage.tasks import SingleLabel


@pytest.fixture
def config(digits, tmp_path, monkeypatch) -> ExperimentConfig:
    """Two small teachers, a small student, and no way to ask which accelerator there is."""

    def asked() -> torch.device:
        raise AssertionError("a probe was given no device")

    monkeypatch.setattr(fit, "_accelerator", asked)
    small = {"params": {"weights": "random"}}
    return ExperimentConfig.model_validate(
        {
            "data": {"source": f"folder:{digits}"},
            "teachers": [
                {"source": "timm:test_vit", **small},
                {"source": "timm:test_resnet", **small},
            ],
            "student": {"source": "timm:test_vit2", **small},
            "transfer": {"method": "aft+probe"},
            "train": {"steps": 2, "batch_size": 16, "workers": 0, "device": "cpu"},
            "cache": {"dir": str(tmp_path / "cache"), "workers": 0},
            "output": {"dir": str(tmp_path / "run")},
        }
    )


def test_the_device_of_a_config_is_the_cpu_where_it_says_so(config):
    assert Runtime.of(config).device == torch.device("cpu")


@pytest.mark.parametrize("verb", [run, rank, probe, probe_score])
def test_every_probe_is_given_the_device(config, verb):
    verb(config)


def test_a_probe_without_a_device_asks(config):
    with pytest.raises(AssertionError, match="no device"):
        fit.fit_probe(torch.randn(20, 3), torch.arange(20) % 2, task=SingleLabel.numbered(2), c=1.0)
