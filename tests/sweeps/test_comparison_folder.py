"""A comparison's folder refuses another comparison, whether it is begun or only looked at."""

from pathlib import Path

import pytest

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError
from tutelage.sweeps.comparison_folder import begin_comparison, refuse_other_comparison

ROWS = {"train": "a", "test": "b"}


def comparison(folder: Path, **train: object) -> ExperimentConfig:
    return ExperimentConfig.model_validate(
        {
            "data": {"source": "folder:x"},
            "transfer": {"method": "stl"},
            "train": {"steps": 40, **train},
            "output": {"dir": str(folder)},
        }
    )


def test_an_empty_folder_takes_any_comparison_and_stays_empty(tmp_path):
    refuse_other_comparison(comparison(tmp_path / "out"), ROWS)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("refuse", [begin_comparison, refuse_other_comparison])
def test_other_settings_and_other_rows_are_refused(tmp_path, refuse):
    begin_comparison(comparison(tmp_path), ROWS)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    more = comparison(tmp_path).replace({"compare.methods": ("stl", "aft"), "compare.seeds": 5})
    refuse_other_comparison(more, ROWS)
    with pytest.raises(ConfigError, match="holds a comparison with other settings, those in"):
        refuse(comparison(tmp_path, lr=0.5), ROWS)
    with pytest.raises(ConfigError, match="holds a comparison on other test rows"):
        refuse(comparison(tmp_path), ROWS | {"test": "c"})
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
