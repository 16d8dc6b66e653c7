"""What a plan tells before a teacher is run."""

from pathlib import Path

import pytest
from PIL import Image

from tutelage import run
from tutelage.config import ExperimentConfig
from tutelage.data import view_of
from tutelage.demo.data import minilm
from tutelage.errors import ConfigError, TutelageError
from tutelage.experiment.plan import Plan
from tutelage.sweeps.compare import compare
from tutelage.sweeps.tune import tune

FACTORIES = """
from torch import nn

def fails():
    raise RuntimeError("the teacher was run")

def fails_to_build(num_classes):
    raise RuntimeError("the student cannot be built")

def student(num_classes, hidden=8):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, hidden), nn.Linear(hidden, num_classes))
"""
INPUT = {"image_size": 8}
PRODUCT = """

class Product(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.words = nn.EmbeddingBag(40_000, 4)
        self.pixels = nn.Linear(3 * 8 * 8, 4)
        self.head = nn.Bilinear(4, 4, classes)

    def forward(self, pixels, input_ids):
        return self.head(self.pixels(pixels.flatten(1)), self.words(input_ids))

def product(num_classes):
    return Product(num_classes)
"""


@pytest.fixture
def config(digits, tmp_path, monkeypatch) -> ExperimentConfig:
    """A run whose teacher raises as soon as it is opened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    name = f"factories_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(str(tmp_path))
    return ExperimentConfig.model_validate(
        {
            "data": {"source": f"folder:{digits}"},
            "teachers": [{"source": f"python:{name}:fails", "input": INPUT}],
            "student": {"source": f"python:{name}:student", "input": INPUT},
            "train": {"steps": 2, "batch_size": 8, "workers": 0, "device": "cpu"},
        }
    )


def test_the_teacher_raises_when_a_run_comes_to_it(config):
    with pytest.raises(TutelageError, match="the teacher was run"):
        run(config)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"student": None}, "setting student is missing"),
        ({"student.source": "timm:no_such_model_1", "student.input": None}, "no_such_model_1"),
        ({"student.params": {"hiden": 3}}, "unknown student.params.hiden; did you mean 'hidden'"),
        ({"student.params": {"hidden": "three"}}, "student"),
        ({"teachers.0.params": {"size": 3}}, "unknown teachers.params.size"),
        ({"transfer.params": {"kernal": "rbf"}}, "transfer.params.kernal; did you mean 'kernel'"),
        ({"transfer.params": {"kernel": "cubic"}}, "kernel"),
        ({"transfer.params": {"inner_steps": -1}}, "inner_steps"),
        ({"transfer.method": "atf"}, "did you mean 'aft'"),
        (
            {"transfer.method": "aft-rbf", "transfer.params": {"kernel": "linear"}},
            "kernel = 'linear' contradicts method 'aft-rbf'",
        ),
        ({"train.class_weights": {"nine": 2.0}}, "train.class_weights names 'nine'"),
        ({"train.warmup": 9, "train.epochs": 1}, "warmup"),
        ({"data.metric": "f1"}, "f1"),
    ],
)
def test_a_mistake_is_told_before_any_teacher_is_opened(config, changes, says):
    with pytest.raises(TutelageError, match=r"^(?!.*the teacher was run)") as told:
        run(config.replace(changes))
    assert says in str(told.value)


def test_all_mistakes_are_told_at_once(config):
    changes = {
        "student.params": {"hiden": 3},
        "transfer.params": {"kernal": "rbf"},
        "teachers.0.params": {"size": 3},
        "train.class_weights": {"nine": 2.0},
    }
    with pytest.raises(ConfigError) as told:
        Plan.of(config.replace(changes))
    message = str(told.value)
    assert [word for word in ("hiden", "kernal", "size", "nine") if word not in message] == []


def test_augmented_texts_are_refused(reviews, config):
    changes = {"data.source": f"table:{reviews}", "data.id": "id", "train.augment": "invariant"}
    with pytest.raises(ConfigError, match="for texts choose 'none'"):
        Plan.of(config.replace(changes | {"transfer.method": "stl", "student.input": None}))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"train.augment": "invariant"}, "crops that no teacher saw"),
        (
            {"teachers.0.source": "features:emb.npy", "teachers.0.input": None},
            "leave this teacher out",
        ),
    ],
)
def test_what_cannot_have_views_is_refused(config, changes, says):
    with pytest.raises(TutelageError) as told:
        Plan.of(config.replace({"data.views": 3, **changes}))
    assert says in str(told.value)
    assert "data.views" in str(told.value)


def test_views_follow_the_rows_they_are_of(config):
    plan = Plan.of(config.replace({"data.views": 2}))
    rows = len(plan.seen)
    assert len(plan.looks) == 3 * rows
    assert list(plan.looks.ids) == 3 * list(plan.seen.ids)
    assert plan.looks.rows[0].tobytes() == plan.seen.rows[0].tobytes()
    second = view_of(plan.seen, 2, seed=0).rows[5]
    assert plan.looks.rows[2 * rows + 5].tobytes() == second.tobytes()
    assert plan.counts == {"train": 60, "test": 24}, "a view is no row"
    assert Plan.of(config.replace({"data.views": 2}), trains=False, probes=True).views == 0


def test_views_belong_to_the_digest(config):
    digests = {Plan.of(config.replace({"data.views": k})).digest([]) for k in (0, 1, 2)}
    assert len(digests) == 3


def test_a_plan_draws_no_random_numbers(config):
    import torch

    before = torch.get_rng_state()
    Plan.of(config)
    assert torch.equal(torch.get_rng_state(), before)


def test_steps_are_resolved(config):
    plan = Plan.of(config.replace({"train.epochs": 3}))
    assert plan.config.train.steps == 3 * (len(plan.training) // 8)
    assert plan.counts == {"train": 60, "test": 24}


@pytest.mark.parametrize("opened", [True, False])
def test_mistakes_are_told_beside_data_or_a_method_that_cannot_be_used(config, opened):
    changes = {"transfer.method": "atf", "student.params": {"hiden": 3}}
    if not opened:
        changes = {"data.source": "table:not_here.csv", "transfer.params": {"kernal": "rbf"}}
    with pytest.raises(ConfigError) as told:
        Plan.of(config.replace(changes))
    words = ("'aft'", "hiden") if opened else ("not_here.csv", "kernal")
    assert [word for word in words if word not in str(told.value)] == []


def pictures_and_texts(config: ExperimentConfig, tmp_path: Path) -> ExperimentConfig:
    """The run on rows of an image and a text, with a student of both sides."""
    rows = [
        f"{number},pictures/{number}.png,text {number},{'ab'[number % 2]}" for number in range(24)
    ]
    (tmp_path / "pictures").mkdir()
    for number in range(24):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / "pictures" / f"{number}.png")
    (tmp_path / "both.csv").write_text("\n".join(["id,image,text,label", *rows]))
    module = config.teachers[0].source.split(":")[1]
    (tmp_path / f"{module}.py").write_text(FACTORIES + PRODUCT)
    both = INPUT | {"tokenizer": str(minilm()), "max_length": 8}
    changes = {
        "data.source": f"table:{tmp_path / 'both.csv'}",
        "data.id": "id",
        "data.image": "image",
        "data.text": "text",
        "teachers.0.modality": "image",
        "student.source": f"python:{module}:product",
        "student.input": both,
    }
    return config.replace(changes)


@pytest.mark.parametrize(
    ("teachers", "method", "asked", "balanced"),
    [
        (1, "aft", "auto", False),
        (2, "aft", "auto", True),
        (3, "kd", "auto", True),
        (2, "stl", "auto", False),
        (2, "probe", "auto", False),
        (2, "aft", False, False),
        (1, "aft", True, True),
    ],
)
def test_several_teachers_are_balanced(config, teachers, method, asked, balanced):
    several = [
        config.teachers[0].model_copy(update={"name": f"t{number}"}) for number in range(teachers)
    ]
    changes = {"transfer.method": method, "transfer.standardize": asked, "teachers": several}
    plan = Plan.of(config.replace(changes))
    assert plan.standardized is balanced


@pytest.mark.parametrize("sides", [["image", "text"], ["text", "image", "text"]])
def test_teachers_of_different_sides_need_no_balance(config, tmp_path, sides):
    one = config.replace(
        {"teachers.0.input": INPUT | {"tokenizer": str(minilm()), "max_length": 8}}
    ).teachers[0]
    several = [
        one.model_copy(update={"name": f"t{number}", "modality": side}).model_dump()
        for number, side in enumerate(sides)
    ]
    plan = Plan.of(pictures_and_texts(config, tmp_path).replace({"teachers": several}))
    assert plan.standardized is (len(sides) > 2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"transfer.params": {"weihgts": "dense"}}, "did you mean 'weights'"),
        ({"transfer.method": "ft"}, "learns from the training rows first"),
        ({"transfer.params": {"kernel": "cubic"}}, "kernel"),
    ],
)
def test_methods_for_two_modalities_are_checked_before_any_teacher(config, tmp_path, changes, says):
    with_pictures = pictures_and_texts(config, tmp_path)
    with pytest.raises(TutelageError) as told:
        run(with_pictures.replace(changes))
    assert "the teacher was run" not in str(told.value)
    assert says in str(told.value)


@pytest.mark.parametrize("verb", [tune, compare])
def test_many_runs_are_refused_before_any_teacher_for_a_student_that_fails(config, verb):
    module = config.teachers[0].source.split(":")[1]
    failing = {"student.source": f"python:{module}:fails_to_build", "student.input": INPUT}
    with pytest.raises(TutelageError) as told:
        verb(config.replace(failing), methods=["aft"])
    assert "the student cannot be built" in str(told.value)
    assert "the teacher was run" not in str(told.value)


@pytest.mark.parametrize(("method", "told"), [("aft", False), ("aft+probe", True)])
def test_copies_of_labelled_rows_among_the_unlabelled_are_told(small, digits, method, told):
    given = {"transfer.method": method, "data.unlabelled": f"folder:{digits / 'train'}"}
    notes = " ".join(Plan.of(small.replace(given)).data.notes)
    assert ("60 have the content of labelled training rows" in notes) is told
