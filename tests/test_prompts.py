"""Runs on prompts: what is said of rows that were cut, and that features are those of what was kept."""

import pytest
import torch
from transformers import AutoTokenizer

from tutelage import run
from tutelage.config import DataConfig, load_config
from tutelage.progress import Silent

TEMPLATE = "Review: {text}\n Sentiment:"


class Notes(Silent):
    """What is said of rows that were cut."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        if "were cut" in message:
            self.said.append(message)


@pytest.fixture
def config(reviews, small_bert, tmp_path) -> dict[str, object]:
    student = {"source": f"hf:{small_bert}", "params": {"layers": 1, "max_length": 24}}
    teacher = {"source": f"hf:{small_bert}", "name": "bert", "params": {"max_length": 20}}
    teacher["params"]["pooling"] = "mean"
    train = {"steps": 3, "batch_size": 16, "workers": 0, "device": "cpu"}
    return {
        "data": {"source": f"table:{reviews}", "template": TEMPLATE},
        "teachers": [teacher],
        "student": student,
        "train": train,
        "cache": {"dir": str(tmp_path / "cache"), "workers": 0},
        "output": {"dir": str(tmp_path / "run")},
    }


def test_rows_that_were_cut_are_counted_for_teachers_and_student(config, small_bert, reviews):
    from tutelage.data import read_data

    notes = Notes()
    run(load_config([config]), progress=notes)
    tokenizer = AutoTokenizer.from_pretrained(small_bert)
    data = read_data(DataConfig(source=f"table:{reviews}", template=TEMPLATE))

    def share(split: str, length: int) -> str:
        lengths = [len(tokenizer(row.text)["input_ids"]) for row in data.splits[split].rows]
        return f"{100 * sum(n > length for n in lengths) / len(lengths):.1f} % of {len(lengths)}"

    assert notes.said == [
        f"bert: {share('train', 20)} train rows were cut to 20 tokens (max_length)",
        f"student: {share('train', 24)} train rows were cut to 24 tokens (max_length)",
        f"student: {share('test', 24)} test rows were cut to 24 tokens (max_length)",
    ]
    again = Notes()
    run(load_config([config], assignments=["output.overwrite=true"]), progress=again)
    assert again.said == notes.said[1:], "what is cached is not cut again"


def test_workers_count_too(config):
    told = []
    for workers in (0, 2):
        notes = Notes()
        settings = [f"cache.workers={workers}", "cache.dtype=float32", "output.overwrite=true"]
        settings.append(f"cache.dir={config['cache']['dir']}-{workers}")
        run(load_config([config], assignments=settings), progress=notes)
        told.append(notes.said)
    assert told[0] == told[1]
    assert len(told[0]) == 3


def test_nothing_is_said_where_all_fits(config):
    config["student"]["params"]["max_length"] = config["teachers"][0]["params"]["max_length"] = 200
    notes = Notes()
    run(load_config([config]), progress=notes)
    assert notes.said == []


def test_a_prompt_alone_has_the_features_it_has_in_a_batch(config):
    """Also where it was cut: padding changes nothing."""
    from tutelage.data import read_data
    from tutelage.teachers import open_teacher

    teacher = open_teacher(
        config["teachers"][0]["source"],
        modality="text",
        params={"pooling": "last", "max_length": 20},
    )
    rows = (
        read_data(DataConfig(source=config["data"]["source"], template=TEMPLATE))
        .splits["test"]
        .rows
    )
    prepared = [teacher.prepare(rows[i]) for i in range(12)]
    assert len({row.cut_to for row in prepared}) == 2
    with torch.inference_mode():
        together = teacher.encode(teacher.collate(prepared))
        alone = torch.cat([teacher.encode(teacher.collate([row])) for row in prepared])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
