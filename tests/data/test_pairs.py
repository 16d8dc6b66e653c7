"""Rows that are an image and a text."""

import json

import numpy as np
import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import chained, read_data, read_unlabelled
from tutelage.errors import DataError


@pytest.fixture
def table(tmp_path):
    draw = np.random.default_rng(0)
    rows = []
    for number in range(6):
        pixels = draw.integers(0, 256, (5, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        label = "ab"[number % 2]
        rows.append({"image": f"{number}.png", "title": f"t{number}", "more": "", "label": label})
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_an_image_column_and_a_text_column(table):
    data = read_data(DataConfig(source=f"table:{table}", image="image", text="title"))
    rows = data.splits["train"].rows
    assert data.modality == rows.modality == "image+text"
    assert rows[3].text == ("t3",)
    assert rows[3].image.size == (4, 5)
    some = rows.select([4, 1])
    assert [row.text for row in some] == [("t4",), ("t1",)]
    assert some.content(1) == rows.content(1)
    assert len({rows.content(number) for number in range(6)}) == 6


def test_each_side_is_what_the_column_alone_would_be(table):
    both = read_data(DataConfig(source=f"table:{table}", image="image", text="title")).splits[
        "train"
    ]
    images = read_data(DataConfig(source=f"table:{table}", image="image")).splits["train"]
    texts = read_data(DataConfig(source=f"table:{table}", text="title")).splits["train"]
    for side, alone in (("image", images), ("text", texts)):
        part = both.side(side)
        assert part.rows.modality == side
        assert [part.rows.content(n) for n in range(6)] == [alone.rows.content(n) for n in range(6)]
        assert (part.ids, part.labels.tolist()) == (alone.ids, alone.labels.tolist())
        assert part.origin == alone.origin
    assert images.side("image") is images
    with pytest.raises(DataError, match="the train rows are images, not texts"):
        images.side("text")


def test_chained_rows_have_sides_too(table):
    data = read_data(DataConfig(source=f"table:{table}", image="image", text="title"))
    more = read_unlabelled(
        DataConfig(source="", unlabelled=f"table:{table}", image="image", text="title"), like=data
    )
    both = chained([data.splits["train"], more])
    assert both.rows.modality == "image+text"
    assert both.side("text").rows[7] == ("t1",)
    assert both.side("image").rows[7].size == (4, 5)


def test_unlabelled_rows_must_have_both(table):
    data = read_data(DataConfig(source=f"table:{table}", image="image", text="title"))
    with pytest.raises(DataError, match="holds texts, but the labelled rows are image"):
        read_unlabelled(DataConfig(source="", unlabelled=f"table:{table}", text="title"), like=data)


def test_the_image_alone_where_only_it_is_found(table):
    assert read_data(DataConfig(source=f"table:{table}")).modality == "image"


def test_missing_columns_and_files(table):
    with pytest.raises(DataError, match=r"no column 'tilte' for data.text; did you mean 'title'"):
        read_data(DataConfig(source=f"table:{table}", image="image", text="tilte"))
    (table.parent / "2.png").unlink()
    with pytest.raises(DataError, match=r"row 2 of .*there is no image"):
        read_data(DataConfig(source=f"table:{table}", image="image", text="title"))
