"""Rows without a label: how they are read, mixed into batches, and learned from."""

import json

import pytest

from tutelage import ExperimentConfig, run
from tutelage.config import DataConfig, load_config
from tutelage.data import chained, choose_splits, read_data, read_unlabelled
from tutelage.demo.data import snippets
from tutelage.errors import ConfigError, DataError
from tutelage.tasks import UNLABELLED


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    """A table of 40 snippets that are neither in the training nor in the test rows; no labels."""
    file = tmp_path_factory.mktemp("more") / "more.jsonl"
    rows = snippets(100, test=24)["train"][60:]
    lines = [json.dumps({"id": row["id"], "text": row["text"]}) + "\n" for row in rows]
    file.write_text("".join(lines), encoding="utf-8")
    return file


@pytest.fixture
def texts(reviews, small_bert, more, tmp_path) -> dict[str, object]:
    return {
        "data": {"source": f"table:{reviews}", "unlabelled": f"table:{more}"},
        "teachers": [{"source": f"hf:{small_bert}", "name": "bert", "params": {"pooling": "mean"}}],
        "student": {"source": f"hf:{small_bert}", "params": {"layers": 1, "max_length": 32}},
        "train": {"steps": 4, "batch_size": 12, "lr": 1e-3, "log_every": 2, "device": "cpu"},
        "cache": {"dir": str(tmp_path / "cache")},
        "output": {"dir": str(tmp_path / "run")},
    }


def with_(config: dict[str, object], *assignments: str) -> ExperimentConfig:
    return load_config([config], assignments=assignments)


def unlabelled(source: str) -> DataConfig:
    return DataConfig(source="folder:.", unlabelled=source)


def test_a_folder_without_labels_is_all_its_images(digits):
    data = read_data(DataConfig(source=f"folder:{digits}"))
    rows = read_unlabelled(unlabelled(f"folder:{digits / 'train'}"), like=data)
    assert rows.name == "unlabelled"
    assert len(rows) == len(data.splits["train"])
    assert set(rows.labels.tolist()) == {UNLABELLED}
    loose = read_unlabelled(unlabelled(f"folder:{digits / 'train' / 'three'}"), like=data)
    assert len(loose) == 20


def test_rows_of_another_kind_are_refused(digits, more):
    with pytest.raises(DataError, match=r"holds texts, but the labelled rows are images"):
        read_unlabelled(
            unlabelled(f"table:{more}"), like=read_data(DataConfig(source=f"folder:{digits}"))
        )


TEXTS = [f"the snippet number {n} of many" for n in range(6)]


@pytest.fixture
def from_anywhere(reviews, tmp_path):
    """A function that writes a file and reads it as unlabelled rows of the snippets' config."""

    def read(name, content, **options):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
        source = options.pop("source", name)
        config = DataConfig(
            source=f"table:{reviews}", unlabelled=f"table:{tmp_path / source}", **options
        )
        return read_unlabelled(config, like=read_data(config))

    return read


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("more.csv", "text\n" + "\n".join(TEXTS)),
        ("more.csv", "author,text\n" + "\n".join(f"somebody,{text}" for text in TEXTS)),
        ("more.csv", "comment\n" + "\n".join(TEXTS)),
        ("more.json", json.dumps(TEXTS)),
        ("more.txt", "\n".join(TEXTS)),
    ],
)
def test_texts_may_come_in_any_table(from_anywhere, name, content):
    rows = from_anywhere(name, content)
    assert [rows.rows[n] for n in range(len(rows))] == [(text,) for text in TEXTS]
    assert list(rows.ids) == list("012345")


def test_several_tables_without_names_of_splits_are_one(from_anywhere, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.csv").write_text("text\n" + "\n".join(TEXTS[:2]))
    rows = from_anywhere("more/b.csv", "text\n" + "\n".join(TEXTS[2:]), source="more")
    assert len(rows) == 6
    assert "the tables a, b are read as one" in rows.notes


def test_a_named_id_may_be_missing_and_a_named_text_may_not(from_anywhere):
    content = "text\n" + "\n".join(TEXTS)
    rows = from_anywhere("more.csv", content, id="id", text="text")
    assert rows.notes == ("there is no column 'id'; the rows are numbered",)
    with pytest.raises(
        DataError, match=r"no column 'text', which is read of the labelled .*data\.text=NAME"
    ):
        from_anywhere("other.csv", content.replace("text", "comment", 1), text="text")


def test_any_split_may_be_learned_from(from_anywhere, reviews):
    rows = from_anywhere("unused.csv", "", source=reviews, unlabelled_split="test")
    assert len(rows) == 24


def test_what_cannot_be_meant_is_refused(from_anywhere, tmp_path, digits):
    with pytest.raises(DataError, match=r"looks like a row.*data\.unlabelled_params = "):
        from_anywhere("more.csv", "\n".join(TEXTS))
    with pytest.raises(DataError, match=r"call it 'text', as in the labelled rows"):
        from_anywhere("two.csv", "author,body\n" + "\n".join(f"me,{text}" for text in TEXTS))
    with pytest.raises(
        ConfigError, match=r"data\.unlabelled: data .* has no scheme; write folder:"
    ):
        read_unlabelled(
            unlabelled(str(tmp_path)), like=read_data(DataConfig(source=f"folder:{digits}"))
        )


def test_training_rows_without_a_label_are_kept_apart(tmp_path, reviews):
    lines = (reviews / "train.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows[::3]:
        row["label"] = None
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "test.jsonl").write_bytes((reviews / "test.jsonl").read_bytes())
    options = DataConfig(source=f"table:{tmp_path}", evaluate="holdout", holdout=0.2)
    splits = choose_splits(read_data(options), options)
    assert [len(split) for split in splits.unlabelled] == [20]
    assert len(splits.extracted) == 40
    assert len(splits.training) + len(splits.evaluated) == 40
    everything = chained([splits.training, *splits.unlabelled])
    assert len(everything) == len(splits.training) + 20
    assert everything.rows[len(splits.training)] == (rows[0]["text"],)


@pytest.mark.parametrize("method", ["aft", "probe", "aft+probe"])
def test_unlabelled_rows_are_learned_from(texts, method, tmp_path):
    config = with_(texts, f"transfer.method={method}")
    result = run(config)
    assert result.rows == {"train": 60, "test": 24, "unlabelled": 40}
    assert result.metrics["train"]["accuracy"] <= 1
    alone = with_(
        texts,
        f"transfer.method={method}",
        "train.unlabelled_share=0.0",
        f"output.dir={tmp_path / 'alone'}",
    )
    without = run(alone)
    assert "unlabelled" not in without.rows
    assert without.metrics != result.metrics


def test_standard_fine_tuning_leaves_them_aside(texts, tmp_path):
    with_them = run(with_(texts, "transfer.method=stl"))
    texts["data"] = {"source": texts["data"]["source"]}
    without = run(with_(texts, "transfer.method=stl", f"output.dir={tmp_path / 'without'}"))
    assert with_them.metrics == without.metrics
    assert "unlabelled" not in with_them.rows
