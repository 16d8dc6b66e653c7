"""Readers and joins under whatever Hypothesis writes: what is there is read, or one error names it."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet
from safetensors.numpy import save as as_safetensors

from tutelage.config import DataConfig, load_config, read_toml
from tutelage.data import Split, read_data
from tutelage.data.decoding import Decoding
from tutelage.data.texts import TextColumns
from tutelage.errors import SourceError, TutelageError
from tutelage.teachers import open_teacher

QUICK = settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MANY = settings(QUICK, max_examples=75)

WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=12
).filter(lambda word: any(letter.isprintable() and not letter.isspace() for letter in word))
IDS = st.lists(WORDS.map(str.strip), min_size=2, max_size=8, unique=True)


@st.composite
def tables(draw):
    """Rows with ids, texts and labels; both labels occur."""
    ids = draw(IDS)
    texts = draw(st.lists(WORDS, min_size=len(ids), max_size=len(ids)))
    return [
        {"id": name, "text": text, "label": ("bad", "good")[number % 2]}
        for number, (name, text) in enumerate(zip(ids, texts, strict=True))
    ]


def saved(folder, ending, rows):
    path = folder / f"reviews.{ending}"
    if ending == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
        return path
    buffer = io.StringIO()
    if ending == "jsonl":
        buffer.writelines(json.dumps(row) + "\n" for row in rows)
    else:
        writer = csv.DictWriter(buffer, ["id", "text", "label"], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    path.write_bytes(buffer.getvalue().encode())
    return path


def read(path):
    data = read_data(DataConfig(source=f"table:{path}", id="id", text="text", label="label"))
    train = data.splits["train"]
    return [
        {"id": name, "text": train.rows[number][0], "label": data.classes[label]}
        for number, (name, label) in enumerate(zip(train.ids, train.labels.tolist(), strict=True))
    ]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@QUICK
@given(rows=tables())
@example(
    rows=[
        {"id": "a", "text": 'x"y,\n"', "label": "bad"},
        {"id": "b", "text": ";\t", "label": "good"},
    ]
)
def test_every_value_of_a_table_is_read_as_it_stands(ending, rows, tmp_path):
    assert read(saved(tmp_path, ending, rows)) == rows


def attempt(act: Callable[[], Any], *, named: str) -> Any:
    """Return what came of it; None if it was refused by an error that names the file."""
    try:
        return act()
    except TutelageError as error:
        return None if named in str(error) else pytest.fail(f"{error} does not name {named}")


@st.composite
def damages(draw, content):
    """A file of which some bytes were replaced, removed or added."""
    start = draw(st.integers(0, len(content)))
    stop = draw(st.integers(start, min(len(content), start + 40)) | st.just(len(content)))
    return content[:start] + draw(st.binary(max_size=8)) + content[stop:]


ROWS = [{"id": f"r{row}", "text": f"text {row}", "label": "ab"[row % 2]} for row in range(6)]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@QUICK
@given(data=st.data())
def test_a_damaged_table_is_read_or_refused(ending, data, tmp_path):
    path = saved(tmp_path, ending, ROWS)
    path.write_bytes(data.draw(damages(path.read_bytes())))
    found = attempt(lambda: read_data(DataConfig(source=f"table:{path}")), named="reviews")
    assert found is None or len(found.splits["train"])


MATRIX = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def array(ending):
    buffer = io.BytesIO()
    if ending == "safetensors":
        return as_safetensors({"features": MATRIX})
    if ending == "npy":
        np.save(buffer, MATRIX)
    else:
        ids = [f"r{row}" for row in range(6)]
        parquet.write_table(pa.table({"id": ids, "features": list(MATRIX)}), buffer)
    return buffer.getvalue()


def split(ids):
    texts = TextColumns((pa.chunked_array([[f"text of {name}" for name in ids]]),), range(len(ids)))
    return Split("train", texts, ids, torch.arange(len(ids)) % 2)


@pytest.mark.parametrize("ending", ["npy", "safetensors", "parquet"])
@MANY
@given(data=st.data())
def test_damaged_features_are_read_or_refused(ending, data, tmp_path):
    path = tmp_path / f"emb_train.{ending}"
    path.write_bytes(data.draw(damages(array(ending))))
    rows = split([f"r{row}" for row in range(6)])

    def features():
        teacher = open_teacher(f"features:{tmp_path}/emb_{{split}}.{ending}", modality="text")
        return teacher.read(rows, range(6))

    found = attempt(features, named="emb_train")
    assert found is None or (len(found) == 6 and found.is_floating_point())


@MANY
@given(ids=IDS, data=st.data())
def test_features_join_the_row_that_was_meant_or_are_refused(ids, data, tmp_path):
    order = data.draw(st.permutations(ids))
    kept = data.draw(st.sampled_from([len(ids), len(ids), len(ids) - 1]))
    more = [name for name in data.draw(IDS) if name not in ids]
    names = data.draw(st.permutations([*order[:kept], *more]))
    number = {name: float(place) for place, name in enumerate([*ids, *more])}
    path = tmp_path / "emb.parquet"
    features = pa.array([[number[name], 1.0] for name in names])
    parquet.write_table(pa.table({"id": names, "features": features}), path)
    teacher = open_teacher(f"features:{path}", modality="text")
    rows = data.draw(st.lists(st.sampled_from(range(len(ids))), max_size=6))
    try:
        found = teacher.read(split(ids), rows)
    except SourceError:
        assert not set(ids) <= set(names)
    else:
        assert found[:, 0].tolist() == [float(row) for row in rows]


@pytest.mark.parametrize("format", ["png", "jpeg", "gif", "bmp", "tiff", "webp"])
@MANY
@given(data=st.data())
def test_a_damaged_picture_is_decoded_or_refused(format, data):
    buffer = io.BytesIO()
    Image.fromarray((np.arange(192) % 256).astype(np.uint8).reshape(8, 8, 3)).save(buffer, format)
    content = data.draw(damages(buffer.getvalue()))
    image = attempt(lambda: Decoding().decode(content, name="x.img"), named="x.img")
    assert image is None or image.mode == "RGB"


CONFIG = b'[data]\nsource = "table:x"\n\n[train]\nsteps = 3\nlr = 1e-3\n\n[[teachers]]\nsource = "timm:a"\n'


@MANY
@given(content=damages(CONFIG))
def test_a_damaged_config_is_read_or_refused(content, tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    config = attempt(lambda: load_config([read_toml(path)]), named="")
    assert config is None or config.data.source
