"""Real data and small models that the tests share; nothing is downloaded, nothing is left behind."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, one a core
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import jaxtyping
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from tutelage import cli
from tutelage.demo.data import minilm, snippets


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Switch off the check of annotations, as it is for users: the library's own message is tested."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> Path:
    """A folder of JPEG files: handwritten threes, fives and eights of scikit-learn, 32 pixels wide."""
    folder = tmp_path_factory.mktemp("digits")
    source = load_digits()
    names = {3: "three", 5: "five", 8: "eight"}
    counts = dict.fromkeys(names, 0)
    for image, target in zip(source.images, source.target, strict=True):
        if target not in names or counts[target] == 28:
            continue
        split = "train" if counts[target] < 20 else "test"
        place = folder / split / names[target]
        place.mkdir(parents=True, exist_ok=True)
        pixels = Image.fromarray((image * 15.9).astype(np.uint8)).resize((32, 32))
        pixels.save(place / f"{counts[target]:02d}.jpg", quality=95)
        counts[target] += 1
    return folder


@pytest.fixture(scope="session")
def reviews(tmp_path_factory) -> Path:
    """A folder of tables: 60 and 24 critics' snippets with the columns id, text and label."""
    folder = tmp_path_factory.mktemp("reviews")
    for split, rows in snippets(60, test=24).items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def small_bert(tmp_path_factory) -> Path:
    """A BERT of 2 layers and 32 columns with MiniLM's tokenizer, its weights drawn once and saved."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(1)
    config = BertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        vocab_size=30522,
    )
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(minilm()).save_pretrained(folder)
    return folder


@pytest.fixture
def command(tmp_path, monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run the command in this process, in an empty folder with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["tutelage", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run
