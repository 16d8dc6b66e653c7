"""Text files of any encoding, compressed or not, as UTF-8."""

import bz2
import gzip
import lzma

import pyarrow
import pytest

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.data.tables.encodings import as_utf8, wrong_encoding
from tutelage.errors import ConfigError, DataError

TEXT = "text,label\r\ncafé,a\r\n旅,b\r\n"


def decoded(path, **options):
    with as_utf8(path, **options) as (copy, encoding):
        assert copy == path or copy.exists()
        content = copy.read_bytes().decode()
    assert path.exists()
    return content, encoding


def test_a_plain_file_is_given_itself(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode())
    with as_utf8(path) as (copy, encoding):
        assert (copy, encoding) == (path, "utf-8")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_tells_the_encoding(encoding, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode(encoding))
    assert decoded(path) == (TEXT, encoding)
    rows = read_data(DataConfig(source=f"table:{path}")).splits["train"].rows
    assert [rows[0], rows[1]] == [("café",), ("旅",)]


class Zstd:
    @staticmethod
    def compress(content):
        return pyarrow.Codec("zstd").compress(content, asbytes=True)


@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip), (".bz2", bz2), (".xz", lzma), (".zst", Zstd)]
)
def test_compressed_tables(ending, pack, tmp_path):
    path = tmp_path / f"a.csv{ending}"
    path.write_bytes(pack.compress(TEXT.encode()))
    assert decoded(path) == (TEXT, "utf-8")
    assert read_data(DataConfig(source=f"table:{path}")).splits["train"].rows[1] == ("旅",)
    path.write_bytes(pack.compress(TEXT.encode())[:-9])
    with pytest.raises(DataError, match=r"a\.csv\.\w+ cannot be decompressed"):
        decoded(path)


def test_an_encoding_that_is_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\ncafé,a\nbar,b\n".encode("cp1252"))
    with pytest.raises(
        DataError, match=r"line 2 of .* not UTF-8; .* data\.params\.encoding.*cp1252"
    ):
        read_data(DataConfig(source=f"table:{path}"))
    data = read_data(DataConfig(source=f"table:{path}", params={"encoding": "cp1252"}))
    assert data.splits["train"].rows[0] == ("café",)
    assert any("its encoding is cp1252" in note for note in data.notes)
    with pytest.raises(ConfigError, match=r"encoding = 'klingon' is no known encoding"):
        read_data(DataConfig(source=f"table:{path}", params={"encoding": "klingon"}))
    with pytest.raises(DataError, match=r"is not in the encoding ascii .* data\.params\.encoding"):
        read_data(DataConfig(source=f"table:{path}", params={"encoding": "ascii"}))


def test_the_line_that_is_not_utf8(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"a\nb\n\xff\n")
    assert "line 3 of x.csv is not UTF-8" in str(wrong_encoding(path, name="x.csv"))
