"""A folder keeps the digests of the rows that its search was begun on."""

import pytest
from small_search import search

from tutelage.errors import ConfigError
from tutelage.sweeps.same_rows import keep_rows


def test_a_folder_is_refused_where_a_split_differs(tmp_path):
    keep_rows(tmp_path, {"train": "a", "test": "b"}, what="a search")
    keep_rows(tmp_path, {"train": "a"}, what="a search")  # one that does not read the test rows
    with pytest.raises(
        ConfigError, match="holds a search on other test rows than the data has now"
    ):
        keep_rows(tmp_path, {"train": "a", "test": "c"}, what="a search")


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_file_is_told(tmp_path, content):
    (tmp_path / "rows.json").write_text(content)
    with pytest.raises(ConfigError, match=r"rows\.json is damaged"):
        keep_rows(tmp_path, {"train": "a"}, what="a search")


def test_a_study_in_a_storage_keeps_them_too(tmp_path):
    storage = str(tmp_path / "study.journal")
    search(tmp_path / "ours", storage=storage)
    search(tmp_path / "theirs", storage=storage)
    with pytest.raises(ConfigError, match=r"choose another tune\.storage"):
        search(tmp_path / "other", storage=storage, rows="others")


def test_a_study_of_an_earlier_version_is_continued_on_the_rows_of_now(tmp_path):
    began = search(tmp_path)
    began._study().set_user_attr("rows", None)  # it kept none
    (tmp_path / "rows.json").unlink()
    search(tmp_path, rows="of now")
    with pytest.raises(ConfigError, match="on other train rows"):
        search(tmp_path, rows="others")
