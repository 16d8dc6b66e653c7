"""Damaged settings of a folder are one message, with what to do."""

from pathlib import Path
from typing import Any

import pytest

from tutelage.config import ExperimentConfig, load_study
from tutelage.errors import ConfigError
from tutelage.experiment.plan import Plan
from tutelage.sweeps import auto
from tutelage.sweeps.comparison_folder import begin_comparison
from tutelage.sweeps.study_folder import begin_study


def begin(file: str, table: dict[str, Any], folder: Path) -> None:
    if file == "study.toml":
        study = {"title": "x", "experiment": table, "data": [table["data"]["source"]]}
        begin_study(load_study(study), folder)
        return
    config = ExperimentConfig.model_validate(table | {"output": {"dir": str(folder)}})
    if file == "auto.toml":
        auto._begin(config, Plan.of(config))
    else:
        begin_comparison(config, {})


@pytest.mark.parametrize("content", ["", "[data]\nsource =", "name = 3", "\x00"])
@pytest.mark.parametrize("file", ["compare.toml", "auto.toml", "study.toml"])
def test_damaged_settings_are_told(digits, tmp_path, file, content):
    table = {
        "data": {"source": f"folder:{digits}"},
        "transfer": {"method": "stl"},
        "student": {"source": "timm:test_vit2"},
    }
    begin(file, table, tmp_path)
    path = tmp_path / file
    path.write_text(content)
    with pytest.raises(ConfigError, match=rf"{file} is damaged \(.*; remove it and repeat"):
        begin(file, table, tmp_path)
    assert path.read_text() == content
