"""Settings of studies: every mistake of every data set, before anything runs."""

from pathlib import Path

import pytest

from tutelage.config import StudyConfig, load_study
from tutelage.errors import ConfigError

TABLES = {
    "recipe:dtd": {
        "data": {"source": "hub:dtd"},
        "train": {"steps": 5000},
        "transfer": {"method": "stl"},
    },
    "own/pets.toml": {"data": {"source": "folder:pets"}, "transfer": {"method": "stl"}},
}


def experiments(**settings):
    study = load_study({"title": "Two sets", "data": list(TABLES)} | settings)
    return study.experiments(Path("out"), table_of=TABLES.__getitem__)


def test_settings_lie_on_top_of_each_other():
    configs = experiments(
        experiment={"train": {"steps": 10, "lr": 0.1}}, each={"pets": {"train": {"steps": 3}}}
    )
    assert list(configs) == ["dtd", "pets"]
    assert [config.train.steps for config in configs.values()] == [10, 3]
    assert configs["pets"].train.lr == 0.1
    assert configs["dtd"].output.dir == Path("out/dtd")


def test_all_mistakes_at_once():
    with pytest.raises(ConfigError) as caught:
        experiments(experiment={"train": {"stebs": 3}}, each={"pest": {}})
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("each.pest is no data set of this study; did you mean 'pets'?")
    assert lines[1].startswith("recipe:dtd: unknown setting train.stebs; did you mean 'steps'?")
    assert lines[2].startswith("own/pets.toml: unknown setting train.stebs")


def test_names_must_differ():
    study = StudyConfig(title="x", data=("recipe:dtd", "other/dtd.toml"))
    with pytest.raises(ConfigError, match="two sets of the name 'dtd'"):
        study.experiments(Path("out"), table_of=lambda place: TABLES["recipe:dtd"])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"data": ["recipe:dtd"]}, "setting title is missing"),
        ({"title": "x", "data": []}, "data = ()"),
        ({"title": "x", "data": ["recipe:dtd"], "figur": "probe"}, "did you mean 'figures'?"),
        ({"title": "x", "data": ["recipe:dtd"], "figures": ["pie"]}, "figures.0 = 'pie'"),
    ],
)
def test_mistakes_in_the_study_itself(table, said):
    with pytest.raises(ConfigError, match=said.replace("?", r"\?").replace("()", r".*")):
        load_study(table)
