"""Columns that are found: in any case of their names, by their values, and what is not read."""

import datasets
import pytest

from tutelage.config import DataConfig
from tutelage.data import Columns, read_data
from tutelage.data.tables.detection import complete, unread_columns
from tutelage.errors import DataError


def found(columns: Columns | None = None, **values) -> Columns:
    table = datasets.Dataset.from_dict({name: [value] * 3 for name, value in values.items()})
    return complete(columns or Columns(), table, where="a.csv")


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({"Image": "a.png"}, "Image"),
        ({"image": "a.png", "Image": "b.png"}, "image"),
        ({"image_url": "a.jpg"}, "image_url"),
        ({"photo": "https://example.org/a.JPG?size=2"}, "photo"),
        ({"anything": " a.png "}, "anything"),
        ({"anything": "data:image/png;base64,iVBORw0KGgo"}, "anything"),
        ({"Image": "a.png", "text": "b"}, "Image"),
        ({"image": "", "photo": "a.png"}, "photo"),
    ],
)
def test_images(values, image):
    columns = found(**values, label="x")
    assert (columns.image, columns.text) == (image, None)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"text": "a", "thumbnail": "a.png"}, ("text",)),
        ({"Review": "a", "liked": "b"}, ("Review",)),
        ({"Text": "a", "title": "b"}, ("title",)),
        ({"Sentence1": "a", "Sentence2": "b", "text": "c"}, ("Sentence1", "Sentence2")),
        ({"snippet": "a", "Unnamed: 0": "3", "score": "0.5"}, ("snippet",)),
        ({"image": "a cat"}, ("image",)),
        ({"path": "1.5"}, ("path",)),
    ],
)
def test_texts(values, text):
    columns = found(**values, label="x")
    assert (columns.image, columns.text) == (None, text)


def test_file_names_without_ending_are_no_texts():
    """keras-preprocessing#88."""
    for name in ("image", "Filename"):
        with pytest.raises(
            DataError, match=rf"'{name}' of a.csv is called like images.* \('f38a6'\); add the end"
        ):
            found(**{name: "f38a6"}, label="dog")
    assert found(image="a cat on a mat", label="dog").text == ("image",)
    assert found(Columns(text=("image",)), image="f38a6", label="dog").text == ("image",)


def test_ids():
    assert found(text="a", id=1, label="x").id == "id"
    assert found(Columns(id=False), text="a", id=1, label="x").id is False
    assert found(Columns(label="id"), text="a", id=1).id is None
    both = found(Columns(id="image"), image="a.png", label="x")
    assert (both.id, both.image) == ("image", "image")
    both = found(Columns(id="snippet"), snippet="a", label="x")
    assert (both.id, both.text) == ("snippet", ("snippet",))
    assert found(Columns(id="code"), code="b", snippet="a", label="x").text == ("snippet",)


def test_labels():
    assert found(text="a", Label="x").label == "Label"
    with pytest.raises(
        DataError, match=r"name the label's column, as in --set data\.label=Sentiment; it"
    ):
        found(text="a", Sentiment="x")
    with pytest.raises(DataError, match=r"as in --set data\.label=NAME; it has: text, foo"):
        found(text="a", foo="x")


@pytest.mark.parametrize("option", ["text", "image"])
def test_inputs_that_tell_the_label_are_refused(option):
    asked = {"text": ("text", "label")} if option == "text" else {"image": "label"}
    with pytest.raises(DataError, match=f"data.{option} tells the label: it names the column 'la"):
        found(Columns(**asked), text="a", label="x")


def test_what_is_not_read():
    columns = found(question="a", passage="b", title="c", label="x", score=1, id=3)
    table = datasets.Dataset.from_dict({n: ["a"] for n in ("question", "passage", "title")})
    assert columns.text == ("question",)
    assert unread_columns(columns, table.features) == ("passage", "title")


def test_a_test_split_without_labels(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\na,x\nb,y\n")
    (tmp_path / "test.csv").write_text("id,text\n1,a\n")
    with pytest.raises(
        DataError,
        match=r"test\.csv has no column 'label' .* set data\.evaluate = 'holdout'.*id, text",
    ):
        read_data(DataConfig(source=f"table:{tmp_path}"))
    data = read_data(DataConfig(source=f"table:{tmp_path}", evaluate="holdout"))
    assert list(data.splits) == ["train"]


def test_ids_that_are_not_unique(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text,label\n7,a,x\n7,b,y\n")
    with pytest.raises(DataError, match=r"'7' occurs twice .* or set data\.id = false"):
        read_data(DataConfig(source=f"table:{path}"))
    data = read_data(DataConfig(source=f"table:{path}", id=False))
    assert data.splits["train"].ids == ["0", "1"]
    assert data.columns is not None
    assert data.columns.text == ("text",)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([b"a", b"b"], None),
        (
            [None, 3],
            r"row 0 of the train rows .* has no id in column 'id'; fill it, .* data\.id = false",
        ),
        (["a", ""], r"row 1 of the train rows .* has no id in column 'id'"),
        ([1e19, 2.0], r"holds ids as floating-point numbers \(1e\+19\), which are not exact"),
    ],
)
def test_ids_that_identify_no_row(ids, message, tmp_path):
    rows = datasets.Dataset.from_dict({"id": ids, "text": ["a", "b"], "label": ["x", "y"]})
    rows.to_parquet(tmp_path / "a.parquet")
    config = DataConfig(source=f"table:{tmp_path / 'a.parquet'}")
    if message is None:
        assert read_data(config).splits["train"].ids == ["a", "b"]
    else:
        with pytest.raises(DataError, match=message):
            read_data(config)
