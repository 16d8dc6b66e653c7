"""Repeated runs on held-out rows: which rows, which seed, which folder."""

import pytest

from tutelage.config import DataConfig, ExperimentConfig, TuneConfig
from tutelage.errors import ConfigError
from tutelage.sweeps.repeats import refuse_holdout, repeats_of


def places(**tune: object) -> list[str]:
    return [one.place.as_posix() for one in repeats_of(TuneConfig(**tune))]


def test_places_name_what_differs():
    assert places() == ["."]
    assert places(seeds=2) == ["seed-0", "seed-1"]
    assert places(folds=2) == ["fold-0", "fold-1"]
    assert places(folds=2, seeds=2) == [f"fold-{k}/seed-{s}" for k in (0, 1) for s in (0, 1)]


def test_a_repeat_holds_its_fold_out_and_adds_to_the_seed():
    config = ExperimentConfig.model_validate(
        {"data": {"source": "folder:x"}, "transfer": {"method": "stl"}, "seed": 7}
    )
    last = repeats_of(TuneConfig(folds=3, seeds=2))[-1].applied(config, folds=3)
    assert (last.data.folds, last.data.fold, last.seed) == (3, 2, 8)
    assert last.data.evaluate == "holdout"
    (plain,) = repeats_of(TuneConfig())
    assert plain.applied(config, folds=None) == config.replace(
        {"data.evaluate": "holdout", "output.examples": 0}
    )


def test_a_final_run_on_the_holdout_is_refused():
    refuse_holdout(DataConfig(source="folder:x"), advice="")
    with pytest.raises(ConfigError, match="chosen by; use others"):
        refuse_holdout(DataConfig(source="folder:x", evaluate="holdout"), advice="use others")
