"""Recipes: each is a whole config, prints the paper's prompts, and reads the splits that it says."""

import datasets
import pytest
from datasets import ClassLabel, Features, Image, Value
from PIL import Image as Picture

import tutelage
from tutelage.config import ExperimentConfig, load_config
from tutelage.data import choose_splits, open_data
from tutelage.errors import ConfigError, DataError
from tutelage.recipes import recipe, recipes

STUDENT = {"student": {"source": "hf:student"}, "teachers": [{"source": "hf:teacher"}]}
ENTAILMENT = ["entailment", "neutral", "contradiction"]
TEXTS = {
    "imdb": (
        {"text": "I liked it. So did he."},
        ["neg", "pos"],
        "I liked it. So did he. Overall, the sentiment of my review is",
    ),
    "boolq": (
        {"question": "is it raining", "passage": "It rains."},
        None,
        "Question: is it raining\n Reference: It rains.\n Answer:",
    ),
    "mnli": (
        {"premise": "It rains.", "hypothesis": "It is wet.", "idx": 7},
        ENTAILMENT,
        "Premise: It rains.\n Hypothesis: It is wet.\n Does the premise entail the hypothesis? Answer:",
    ),
    "sst2": (
        {"sentence": "a fine film", "idx": 7},
        ["negative", "positive"],
        'Review: "a fine film"\n Sentiment:',
    ),
    "mrpc": (
        {"sentence1": "It rains.", "sentence2": "Rain falls.", "idx": 7},
        ["not_equivalent", "equivalent"],
        "Sentence 1: It rains.\n Sentence 2: Rain falls.\n Is Sentence 1 equivalent to Sentence 2? Answer:",
    ),
    "qqp": (
        {"question1": "Why?", "question2": "What for?", "idx": 7},
        ["not_duplicate", "duplicate"],
        "Question 1: Why?\n Question 2: What for?\n Are Question 1 and Question 2 equivalent? Answer:",
    ),
    "qnli": (
        {"question": "Who?", "sentence": "He did.", "idx": 7},
        ["entailment", "not_entailment"],
        "Question: Who?\n Sentence: He did.\n Does the sentence answer the question? Answer:",
    ),
    "rte": (
        {"sentence1": "It rains.", "sentence2": "Rain falls.", "idx": 7},
        ["entailment", "not_entailment"],
        "Sentence 1: It rains.\n Sentence 2: Rain falls.\n Does Sentence 1 entail Sentence 2? Answer:",
    ),
}
IMAGES = {
    "cifar10": ("img", "label"),
    "cifar100": ("img", "fine_label"),
    "flowers102": ("image", "label"),
    "pets": ("image", "label"),
    "dtd": ("image", "label"),
    "food101": ("image", "label"),
}
SPLITS = {  # as the hub has them, with the split that is tested on first
    "imdb": ("test", "train", "unsupervised"),
    "boolq": ("validation", "train"),
    "mnli": ("validation_matched", "train", "validation_mismatched", "test_matched"),
    **dict.fromkeys(("sst2", "mrpc", "qqp", "qnli", "rte"), ("validation", "train", "test")),
    **dict.fromkeys(("cifar10", "cifar100", "pets"), ("test", "train")),
    **dict.fromkeys(("flowers102", "dtd"), ("test", "train", "validation")),
    "food101": ("validation", "train"),
}


def config_of(name: str, *assignments: str) -> ExperimentConfig:
    return load_config([recipe(name), STUDENT], assignments=assignments)


def on_disk(name: str, folder) -> ExperimentConfig:
    """The recipe on a folder laid out as the hub's data: 40 rows to train on, 20 in each other split."""
    names, features, row = ["no", "yes"], {}, {}
    if name in TEXTS:
        row, names, _ = TEXTS[name]
        features = {key: Value("int64" if key == "idx" else "string") for key in row}
        label = recipe(name)["data"].get("label", "label")
    else:
        image, label = IMAGES[name]
        row, features = {image: Picture.new("RGB", (4, 4))}, {image: Image()}
        if name == "cifar100":
            row["coarse_label"], features["coarse_label"] = 0, ClassLabel(names=["a", "b"])
    features[label] = Value("bool") if names is None else ClassLabel(names=names)
    for split in SPLITS[name]:
        count, secret = (40 if split == "train" else 20), split.startswith(("test", "unsup"))
        hidden = secret and name in TEXTS and split != SPLITS[name][0]
        rows = [{**row, label: -1 if hidden else i % len(names or "10")} for i in range(count)]
        if names is None:
            rows = [{**one, label: bool(one[label])} for one in rows]
        columns = {key: [one[key] for one in rows] for key in features}
        table = datasets.Dataset.from_dict(columns, Features(features))
        table.to_parquet(folder / f"{split}.parquet")
    return config_of(name, f"data.source=table:{folder}")


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_prompts_are_the_papers(name, tmp_path):
    data, splits = open_data(on_disk(name, tmp_path).data)
    _, names, expected = TEXTS[name]
    assert splits.training.rows[0].text == expected
    assert data.classes == tuple(names or ("False", "True"))


@pytest.mark.parametrize("name", sorted({**TEXTS, **IMAGES}))
def test_splits_are_the_papers(name, tmp_path):
    """All training rows are trained on; the hold-out is a tenth of them; test rows are the labelled ones."""
    config = on_disk(name, tmp_path)
    data, splits = open_data(config.data)
    assert (len(splits.training), len(splits.evaluated), splits.unlabelled) == (40, 20, ())
    assert data.modality == ("text" if name in TEXTS else "image")
    tested = config.data.test
    assert tested == SPLITS[name][0]
    held = choose_splits(data, config.replace({"data.evaluate": "holdout"}).data)
    assert (len(held.training), len(held.evaluated)) == (36, 4)
    assert set(held.evaluated.ids) | set(held.training.ids) == set(splits.training.ids)


def test_all_are_whole_configs():
    assert set(recipes()) == {*TEXTS, *IMAGES, "snli-ve"}
    for name in recipes():
        config = config_of(name)
        text = name in TEXTS or name == "snli-ve"
        assert config.name == name
        assert config.train.batch_size == (64 if text else 128)
        assert (config.train.optimizer, config.train.schedule) == ("adam", "cosine")
        assert config.train.augment == "none"
        assert config.data.holdout == 0.1
        assert (config.compare.seeds, config.compare.tune) == (3, True)
        if name == "snli-ve":
            assert config.train.epochs == 1
        else:
            assert (config.train.steps, config.train.whole_epochs) == (5000, True)
        assert config.data.source.startswith("hub:")
    pair = config_of("snli-ve").data
    assert (pair.image, pair.text) == ("image", "hypothesis")


def test_from_python():
    table = tutelage.recipe("rte")
    table["data"]["source"] = "table:elsewhere"
    assert tutelage.recipe("rte")["data"]["source"] == "hub:nyu-mll/glue/rte"
    with pytest.raises(ConfigError, match="there is no recipe 'mnly'; did you mean 'mnli'"):
        recipe("mnly")


def test_the_command_knows_them(command, tmp_path, monkeypatch):
    code, out, _ = command("list", "recipes")
    assert code == 0
    for name, about in recipes().items():
        assert f"recipe:{name} " in out
        assert about in out
    code, _, err = command("train", "recipe:cifar-10", "--student", "timm:x")
    assert code == 2
    assert "there is no recipe 'cifar-10'; did you mean 'cifar10'" in err
    code, _, err = command("list", "recipe")
    assert "did you mean 'recipes'" in err
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for verb in ("train", "compare", "tune"):
        code, _, err = command(
            verb, "recipe:mnli", "--student", "hf:a", "--teacher", "hf:b", "--out", "here"
        )
        assert code == 2
        assert "there is no data set 'nyu-mll/glue/mnli' on the hub or in its local cache" in err
        assert "HF_HUB_OFFLINE" in err
    for verb in ("extract", "rank", "probe"):
        code, _, err = command(verb, "recipe:mnli", "--teacher", "hf:b")
        assert "there is no data set 'nyu-mll/glue/mnli'" in err


def test_init_writes_one_out(command, tmp_path):
    code, out, _ = command("init", "recipe:mnli", "--out", "mnli.toml")
    assert (code, out) == (0, "wrote mnli.toml; next: tutelage train mnli.toml\n")
    config = load_config([tutelage.recipes.config_table(tmp_path / "mnli.toml")])
    assert config.student.source == "hf:distilbert/distilbert-base-uncased"
    assert config.data == config_of("mnli").data
    command("init", "recipe:dtd", "--out", "dtd.toml")
    assert "timm:vit_small" in (tmp_path / "dtd.toml").read_text()


def test_a_recipe_on_data_of_ones_own(command, reviews, small_bert, tmp_path):
    """The shortest way to a paper's task on local files, with settings on top."""
    code, _, err = command(
        "train",
        "recipe:imdb",
        *("--student", f"hf:{small_bert}", "--teacher", f"hf:{small_bert}", "--beta", "1"),
        *("--set", f"data.source=table:{reviews}", "--set", "train.steps=5"),
        *("--set", "train.batch_size=16", "--set", "train.device=cpu"),
        *("--set", "student.params.layers=1", "--set", "student.params.max_length=20"),
        *("--set", "teachers.0.params.pooling=mean", "--set", "teachers.0.name=bert"),
        *("--set", "train.workers=0", "--set", "cache.workers=0"),
    )
    assert code == 0, err
    assert "train rows were cut to 20 tokens (max_length)" in err
    result = tutelage.results.result.read_result(tmp_path / "runs/imdb")
    assert (result.steps, result.method) == (6, "aft"), "two epochs of three batches"
    assert result.config["data"]["template"].endswith("the sentiment of my review is")


@pytest.mark.parametrize("missing", [None, "hypothesis"])
def test_pictures_with_sentences_are_read_from_parquet(tmp_path, missing):
    """As the hub's card has them: pictures within the file, and columns that are not read."""
    picture = Picture.new("RGB", (4, 4))
    texts = {"filename": "1.jpg", "premise": "a premise", "hypothesis": "a sentence"}
    texts.pop(missing, None)
    names = ["entailment", "neutral", "contradiction"]
    features = Features(
        {
            "image": Image(),
            **dict.fromkeys(texts, Value("string")),
            "label": ClassLabel(names=names),
        }
    )
    for split, count in (("train", 40), ("validation", 9), ("test", 9)):
        rows = {"image": [picture] * count, "label": [i % 3 for i in range(count)]}
        rows |= {name: [text] * count for name, text in texts.items()}
        datasets.Dataset.from_dict(rows, features).to_parquet(tmp_path / f"{split}.parquet")
    config = config_of("snli-ve", f"data.source=table:{tmp_path}").data
    if missing:
        with pytest.raises(DataError, match=r"no column 'hypothesis' for data.text; it has: image"):
            open_data(config)
        return
    data, splits = open_data(config)
    assert (len(splits.training), len(splits.evaluated)) == (40, 9)
    assert data.classes == tuple(names)
    row = splits.training.rows[0]
    assert (row.image.size, row.text) == ((4, 4), ("a sentence",))
