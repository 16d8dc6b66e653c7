"""Rows that a program gives, as a student reads them; see also deploy/test_predict.py."""

import numpy as np
import pytest
from PIL import Image

from tutelage.data import Columns
from tutelage.data.decoding import Decoding
from tutelage.data.given import GivenRows
from tutelage.data.templates import Template
from tutelage.errors import DataError


def test_a_template_that_repeats_a_column():
    template = Template.parse("{a}: {b}, {a}")
    columns = Columns(text=template.columns, template=template)
    rows = GivenRows([["x", "y"], {"a": "x", "b": "y"}], "text", columns)
    assert rows[0].text == rows[1].text == "x: y, x"


def test_transparency_as_in_files():
    clear = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    assert GivenRows([clear], "image", Columns())[0].getpixel((0, 0)) == (255, 255, 255)
    black = GivenRows([clear], "image", Columns(), Decoding(background=None))
    assert black[0].getpixel((0, 0)) == (0, 0, 0)
    gray = Image.fromarray(np.full((2, 2), 7, np.uint8))
    assert GivenRows([gray], "image", Columns())[0].getpixel((0, 0)) == (7, 7, 7)


def test_a_picture_that_is_too_large():
    rows = GivenRows([Image.new("RGB", (30, 30))], "image", Columns(), Decoding(max_pixels=800))
    with pytest.raises(DataError, match=r"in row 0 has 900 pixels, more than data.max_pixels"):
        rows[0]


def test_some_of_them():
    rows = GivenRows(["a", "b", "c"], "text", Columns()).select([2, 0])
    assert [rows[0], rows[1], len(rows)] == [("c",), ("a",), 2]
    with pytest.raises(TypeError, match="no stored content"):
        rows.content(0)
