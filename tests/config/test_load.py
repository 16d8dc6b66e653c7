"""The schema: what it takes, and that it names all mistakes at once."""

import pytest

from tutelage import ExperimentConfig
from tutelage.config import load_config, read_toml
from tutelage.errors import ConfigError

PLAIN = {
    "data": {"source": "folder:x"},
    "student": {"source": "timm:y"},
    "transfer": {"method": "stl"},
}


def test_later_tables_and_assignments_win():
    config = load_config(
        [PLAIN, {"train": {"lr": 0.1, "steps": 7}, "teachers": [{"source": "timm:a"}]}],
        assignments=[
            "train.lr=1e-3",
            "name=roses",
            "teachers.0.params.weights=random",
            "train.warmup=3",
        ],
    )
    assert (config.train.lr, config.train.steps, config.train.warmup) == (1e-3, 7, 3)
    assert config.name == "roses"
    assert config.teachers[0].params == {"weights": "random"}


def test_an_assignment_changes_one_place_and_none_of_what_was_given():
    model = {"source": "python:a:b", "input": {"image_size": 8}}
    teachers = [model, model | {"name": "c"}]
    tables = {"data": {"source": "folder:x"}, "student": model, "teachers": teachers}
    config = load_config([tables], assignments=["teachers.1.input.image_size=9"])
    assert [one.input.image_size for one in (config.student, *config.teachers)] == [8, 8, 9]
    assert model == {"source": "python:a:b", "input": {"image_size": 8}}


def test_all_mistakes_at_once():
    wrong = PLAIN | {
        "trian": {},
        "train": {"steps": 0, "optimizer": "adamm"},
        "data": {"sauce": "x"},
    }
    with pytest.raises(ConfigError) as caught:
        load_config([wrong])
    said = str(caught.value).splitlines()
    assert len(said) == 5
    for part in (
        "unknown setting trian; did you mean 'train'?",
        "setting data.source is missing",
        "unknown setting data.sauce; did you mean 'source'?",
        "train.steps = 0",
        "train.optimizer = 'adamm'",
    ):
        assert any(line.startswith(part) for line in said), (part, said)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train", "path=value"),
        ("teachers.0.name=x", "no entry '0' in a list of 0"),
        ("data.source.x=1", "is not a section"),
        ("train.epochs=0", r"train\.epochs = 0: input should be greater than 0$"),
        ("train.steps=0", r"train\.steps = 0: input should be greater than 0, or 'auto'$"),
        (
            "train.steps=soon",
            r"train\.steps = 'soon': input should be a valid integer, .*, or 'auto'$",
        ),
        ("train.scored_rows=some", r"train\.scored_rows = 'some': .*, or 'all'$"),
        ("train.class_weights={a = 0}", r"train\.class_weights = \{'a': 0\}: .*'balanced'"),
        (
            "train.device=cuda",
            r"train\.device: 'cuda' is no choice; 'auto' takes the GPU where there",
        ),
        ("student.input={crop = 0.5}", "give image_size"),
        ("transfer.method=aft", "needs at least one teacher"),
    ],
)
def test_wrong_assignments_are_named(assignment, message):
    with pytest.raises(ConfigError, match=message):
        load_config([PLAIN | {"teachers": []}], assignments=[assignment])


def test_folders_of_users_are_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    config = load_config([PLAIN], assignments=["output.dir=~/runs", "cache.dir=~/cache"])
    assert (str(config.output.dir), str(config.cache.dir)) == (
        "/home/somebody/runs",
        "/home/somebody/cache",
    )
    with pytest.raises(ConfigError, match=r"output.dir: ~nobody-here/runs"):
        load_config([PLAIN], assignments=["output.dir=~nobody-here/runs"])


def test_resolved_config_is_the_config(tmp_path):
    import tomli_w

    config = load_config([PLAIN], assignments=["data.text=['a', 'b']", "output.dir=here"])
    file = tmp_path / "config.toml"
    file.write_text(tomli_w.dumps(config.model_dump(mode="json", exclude_none=True)))
    assert load_config([read_toml(file)]) == config
    assert ExperimentConfig.model_validate(config.model_dump()) == config


@pytest.mark.parametrize("name", ["ticket.toml", "tickets", "Tickets.toml"])
def test_a_config_file_that_is_not_there_is_answered_by_the_nearest(name, tmp_path):
    (tmp_path / "tickets.toml").touch()
    (tmp_path / "tickets.toml.d").mkdir()
    with pytest.raises(
        ConfigError, match=rf"no config file .*{name}; did you mean '.*/tickets.toml'"
    ):
        read_toml(tmp_path / name)
    with pytest.raises(ConfigError, match=r"no config file .*; 'tutelage init' writes one$"):
        read_toml(tmp_path / "flowers.toml")
