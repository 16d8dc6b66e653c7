"""Whole runs on rows that are an image and a text, with a teacher of each."""

import json
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import load_file

from tutelage import run
from tutelage.config import load_config
from tutelage.errors import ConfigError
from tutelage.experiment.extract import estimate_extraction, extract
from tutelage.experiment.plan import Plan
from tutelage.experiment.rehearsal import _Stopwatch
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import teacher_rows
from tutelage.progress import Silent
from tutelage.results.result import read_rho
from tutelage.sweeps.compare import compare
from tutelage.sweeps.rank import rank

WORDS = {"three": "film of critics", "five": "music and plot", "eight": "acting in the story"}


class Notes(Silent):
    """Keeps what is noted."""

    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


@pytest.fixture(scope="module")
def captioned(digits, tmp_path_factory):
    """The digits, each with words that tell part of what the picture shows."""
    folder = tmp_path_factory.mktemp("captioned")
    for split in ("train", "test"):
        lines = []
        for number, path in enumerate(sorted((digits / split).rglob("*.jpg"))):
            name = path.parent.name
            words = WORDS[name] if number % 3 else "no words"
            row = {"image": str(path), "title": f"{words} {number}", "label": name}
            lines.append(row | {"height": 100.0 + 7 * (number % 5)})
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{split}.jsonl").write_text(text)
    return folder


@pytest.fixture
def pairs(captioned, small_bert, tmp_path):
    return {
        "data": {
            "source": f"table:{captioned}",
            "image": "image",
            "text": "title",
            "params": {"outside_paths": True},
        },
        "teachers": [
            {
                "source": "timm:test_vit",
                "name": "vit",
                "params": {"weights": "random", "image_size": 32},
            },
            {"source": f"hf:{small_bert}", "name": "bert", "params": {"pooling": "mean"}},
        ],
        "student": {
            "source": f"timm:test_resnet+hf:{small_bert}",
            "params": {
                "image": {"weights": "random", "image_size": 32},
                "text": {"layers": 1, "max_length": 16},
            },
        },
        "transfer": {"beta": 3.0},
        "train": {
            "steps": 6,
            "batch_size": 16,
            "lr": 1e-3,
            "workers": 0,
            "device": "cpu",
            "checkpoint_every": 0,
        },
        "cache": {"dir": str(tmp_path / "cache"), "workers": 0},
        "output": {"dir": str(tmp_path / "run")},
    }


def with_(config, *assignments):
    return load_config([config], assignments=assignments)


def test_aft_weighs_the_columns_of_both_sides(pairs, tmp_path):
    result = run(with_(pairs))
    assert {teacher.name: teacher.width for teacher in result.teachers} == {"vit": 64, "bert": 32}
    rho = read_rho(tmp_path / "run")
    assert {name: len(weights) for name, weights in rho.items()} == {"vit": 64, "bert": 32}
    assert all((weights != 0.5).all() for weights in rho.values())
    head = load_file(tmp_path / "run/student/head.safetensors")
    assert head["weight"].shape[0] == 3
    assert result.student.width == sum(head["weight"].shape[1:])
    assert (tmp_path / "run/student/image/model.safetensors").is_file()
    assert (tmp_path / "run/student/text/config.json").is_file()


@pytest.mark.parametrize("method", ["kd", "rkd", "aft-identity", "probe", "aft+probe", "stl"])
def test_other_methods(method, pairs, tmp_path):
    result = run(with_(pairs, f"transfer.method={method}"))
    assert 0 <= result.metrics["test"]["accuracy"] <= 1
    again = run(with_(pairs, f"transfer.method={method}", f"output.dir={tmp_path}/again"))
    assert again.metrics == result.metrics


def test_each_side_is_cached_once(pairs, tmp_path, captioned):
    run(with_(pairs))
    entries = {p for p in (tmp_path / "cache").rglob("*.safetensors") if ".derived" not in p.parts}
    # A run on the texts alone finds the same features of texts.
    alone = with_(
        {
            **pairs,
            "data": {"source": f"table:{captioned}", "text": "title"},
            "teachers": pairs["teachers"][1:],
            "student": {
                "source": pairs["student"]["source"].partition("+")[2],
                "params": {"layers": 1, "max_length": 16},
            },
        },
        f"output.dir={tmp_path}/alone",
    )
    run(alone)
    after = {p for p in (tmp_path / "cache").rglob("*.safetensors") if ".derived" not in p.parts}
    assert after == entries


def test_short_texts_have_no_views_and_are_extracted_once(pairs, tmp_path):
    config = with_(pairs, "data.views=2", "transfer.method=aft+probe", "train.steps=2")
    expected = {one.name: one.estimate.rows for one in estimate_extraction(config)}
    noted = Notes()
    teachers = extract(config, progress=noted)
    assert {one.name: one.rows for one in teachers} == expected == {"vit": 180, "bert": 60}
    assert not any("are cached" in note for note in noted.notes)
    sizes = {one.name: one.bytes for one in teachers}
    assert sizes["bert"] == teachers[1].features.bytes
    assert sizes["vit"] == 3 * teachers[0].features.bytes
    assert len(Runtime.of(config).cache.entries()) == 4

    looks = teacher_rows(teachers, Plan.of(config).training, views=2)
    (first, second, third) = (
        looks.gather(torch.arange(60 * look, 60 * (look + 1))) for look in range(3)
    )
    assert torch.equal(first["bert"], second["bert"])
    assert torch.equal(first["bert"], third["bert"])
    assert not torch.equal(first["vit"], second["vit"])
    run(config)
    assert len(Runtime.of(config).cache.entries()) == 4, "the run reads these"


def test_augmented_views_change_images_only(pairs):
    plain = run(with_(pairs))
    varied = run(
        with_(pairs, "train.augment=invariant", f"output.dir={pairs['output']['dir']}-views")
    )
    assert varied.metrics != plain.metrics


def test_both_teachers_are_ranked(pairs):
    ranking = rank(with_(pairs))
    assert {one.teachers for one in ranking.candidates} == {("vit",), ("bert",), ("vit", "bert")}
    assert ranking.student is not None


def test_targets_come_out_in_their_own_units(pairs, tmp_path):
    result = run(with_(pairs, "data.task=regression", "data.label=height"))
    head = load_file(tmp_path / "run/student/head.safetensors")
    assert head["weight"].shape[0] == 1
    assert 80 < head["bias"].item() < 150  # the mean of heights is folded into the head
    assert result.metrics["test"]["rmse"] < 60


@pytest.mark.parametrize("limit", ["student.frozen=true", "student.lora.rank=2"])
def test_less_of_both_towers_is_trained(limit, pairs, tmp_path):
    run(with_(pairs, limit))
    head = load_file(tmp_path / "run/student/head.safetensors")
    assert set(head) == {"weight", "bias"}
    text = load_file(tmp_path / "run/student/text/model.safetensors")
    assert not [name for name in text if "lora" in name]


def test_who_reads_what_must_be_clear(pairs, tmp_path):
    with pytest.raises(ConfigError, match="no teacher is of text; add one"):
        run(with_({**pairs, "teachers": pairs["teachers"][:1]}))
    file = tmp_path / "both_{split}.npy"
    unclear = {**pairs, "teachers": [*pairs["teachers"], {"source": f"features:{file}"}]}
    with pytest.raises(ConfigError, match="may read either; set modality = 'image' or 'text'"):
        run(with_(unclear, f"output.dir={tmp_path}/unclear"))
    with pytest.raises(ConfigError, match="FactorTransfer learns from the training rows"):
        run(with_(pairs, "transfer.method=ft", f"output.dir={tmp_path}/ft"))
    with pytest.raises(ConfigError, match=r"train\.compile is for students of images or of texts"):
        run(with_(pairs, "train.compile=aot_eager", f"output.dir={tmp_path}/compiled"))


def test_a_modality_is_for_rows_of_both(pairs, captioned, tmp_path):
    teacher = {**pairs["teachers"][1], "modality": "image"}
    texts = {
        **pairs,
        "data": {"source": f"table:{captioned}", "text": "title"},
        "teachers": [teacher],
    }
    with pytest.raises(ConfigError, match="modality = 'image', but the rows are texts"):
        run(with_(texts))


def test_bf16_and_accumulation(pairs):
    step = "transfer.batch=step"
    result = run(with_(pairs, "train.mixed_precision=bf16", "train.accumulate=2", step))
    assert torch.tensor(result.metrics["test"]["loss"]).isfinite()


def test_a_method_that_needs_teachers_of_both_modalities_is_compared(pairs):
    """Its teachers are checked together, although each one's features are cached alone."""
    one = load_config([pairs, {"train": {"steps": 1}, "output": {"examples": 0}}])
    compared = compare(one, methods=["aft"], seeds=1)
    assert [row.failures for row in compared.rows] == [{}]


class Phases(Silent):
    """Keeps what was worked on."""

    def __init__(self):
        self.labels = []

    @contextmanager
    def track(self, label, total, *, unit, done=0):
        self.labels.append(label)
        yield lambda count: None


def test_each_side_that_is_prepared_has_a_name_of_its_own(pairs):
    progress = Phases()
    run(with_(pairs, "train.inputs=memory"), progress=progress)
    prepared = [label for label in progress.labels if label.startswith("prepare ")]
    assert prepared == [
        "prepare train, images",
        "prepare train, texts",
        "prepare test, images",
        "prepare test, texts",
    ]


def test_the_time_to_decode_a_pair_is_that_of_both_sides():
    watch = _Stopwatch()
    for label in ("prepare train, images", "prepare train, texts", "prepare test, images"):
        with watch.track(label, 10, unit="rows"):
            pass
    assert {side: rows for side, (rows, _) in watch.decoded.items()} == {
        ", images": 20,
        ", texts": 10,
    }
    watch.decoded = {", images": (20, 4.0), ", texts": (10, 1.0)}
    assert watch.decode() == pytest.approx(0.3)
