"""Settings that a search does not use are named."""

from tutelage.config import ExperimentConfig, load_config
from tutelage.sweeps.unused import runs_kept, unused_by_auto


def config(*assignments: str) -> ExperimentConfig:
    data = {"data": {"source": "folder:x"}, "teachers": [{"source": "timm:x", "name": "a"}]}
    return load_config([data], assignments=assignments)


def test_auto_names_what_it_chooses_itself():
    assert unused_by_auto(config("tune.folds=3", "transfer.temperature=2.0")) == []
    assert unused_by_auto(config("train.unlabelled_share=0")) == []
    told = unused_by_auto(
        config("transfer.beta=2", "train.unlabelled_share=0.3", "tune.lr=[0.1]", "tune.prune=true")
    )
    assert [line.partition(" is not used: --auto chooses ")[::2] for line in told] == [
        ("transfer.beta = 2.0", "the method and its settings"),
        ("train.unlabelled_share = 0.3", "it"),
        ("tune.lr = (0.1,)", "what it tries"),
        ("tune.prune = True", "what it tries"),
    ]


def test_finished_runs_are_not_replaced():
    assert runs_kept(config()) == []
    (told,) = runs_kept(config("output.overwrite=true", "output.dir=runs/x"))
    assert told.startswith("output.overwrite = True is not used: ")
    assert told.endswith("remove runs/x")
