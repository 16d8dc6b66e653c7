"""Columns of images: paths with blanks, URLs, base64, pixels; texts have tests of the table."""

import base64
from io import BytesIO

import pandas
import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.errors import DataError


def picture(number: int, kind: str = "PNG") -> bytes:
    content = BytesIO()
    Image.new("RGB", (5, 4), (10 * number, 0, 0)).save(content, kind)
    return content.getvalue()


def read(path, values, **options):
    frame = pandas.DataFrame({"image": values, "label": ["x", "y"]})
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return read_data(DataConfig(source=f"table:{path}", **options))


def test_blanks_around_paths(tmp_path):
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(picture(number))
    rows = read(tmp_path / "a.csv", ["0.png ", " 1.png"]).splits["train"].rows
    assert rows.content(1) == picture(1)


Image.init()
KINDS = ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000"]
WRITTEN = [kind for kind in KINDS if kind in Image.SAVE]  # an old Pillow has no AVIF


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("prefix", ["", "data:image/x;base64,"])
def test_base64(kind, prefix, tmp_path):
    contents = [picture(number, kind) for number in range(2)]
    texts = [prefix + base64.b64encode(content).decode() for content in contents]
    data = read(tmp_path / "a.csv", texts, image="image")
    rows = data.splits["train"].rows
    assert [rows.content(0), rows.content(1)] == contents
    assert rows.select([1])[0].size == (5, 4)
    with pytest.raises(
        DataError, match=r"row 1 of the train rows .* has no image in column 'image'"
    ):
        read(tmp_path / "a.csv", [texts[0], ""], image="image")
    damaged = read(tmp_path / "a.csv", [texts[0], texts[1][:-3]], image="image").splits["train"]
    with pytest.raises(DataError, match=r"column 'image' of row 1 of .* is not base64"):
        damaged.rows.content(1)


@pytest.mark.parametrize("kind", [one for one in WRITTEN if one in ("PNG", "JPEG", "AVIF")])
def test_base64_of_urls(kind, tmp_path):
    """pydatalab#388: ``-`` and ``_`` stand for ``+`` and ``/``; the column is found by itself."""
    contents = []
    for _ in range(2):
        content = BytesIO()
        Image.effect_noise((16, 16), 60).save(content, kind)
        contents.append(content.getvalue())
    texts = [base64.urlsafe_b64encode(content).decode() for content in contents]
    assert any("_" in text or "-" in text for text in texts)
    rows = read(tmp_path / "a.csv", texts).splits["train"].rows
    assert [rows.content(0), rows.content(1)] == contents


@pytest.mark.parametrize(
    "values",
    [
        [None, picture(1)],
        [b"", picture(1)],
        [{"bytes": None, "path": None}, {"bytes": picture(1), "path": None}],
        [{"bytes": None, "path": None}] * 2,
        [{"path": ""}, {"path": "1.png"}],
    ],
)
def test_an_empty_cell_is_told_before_pictures_are_decoded(values, tmp_path):
    (tmp_path / "1.png").write_bytes(picture(1))
    with pytest.raises(DataError, match=r"row 0 of the train rows .* has no image in column 'ima"):
        read(tmp_path / "a.parquet", values, image="image")


def test_a_missing_image_is_shortly_named(tmp_path):
    with pytest.raises(DataError, match=r"there is no image") as refused:
        read(tmp_path / "a.csv", ["a" * 5000, "b\0c"], image="image")
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize(
    ("values", "kind"),
    [([[[1, 2], [3, 4]]] * 2, "lists"), ([3, 4], "int64"), ([{"a": 1}] * 2, "fields")],
)
def test_what_is_no_image(values, kind, tmp_path):
    with pytest.raises(DataError, match=f"'image' of .* holds {kind}, not images; give paths"):
        read(tmp_path / "a.parquet", values, image="image")
