"""Columns and names of splits come from the config, and from it alone."""

import pytest

from tutelage.config import DataConfig
from tutelage.data import Columns, SplitNames
from tutelage.errors import ConfigError


def test_defaults_of_the_config_are_those_of_the_reader():
    config = DataConfig(source="folder:.")
    assert Columns.of(config) == Columns()
    assert SplitNames.of(config) == SplitNames()


def test_a_single_text_column_is_one_of_several():
    assert Columns.of(DataConfig(source="", text="a")).text == ("a",)
    assert Columns.of(DataConfig(source="", text=["a", "b"])).text == ("a", "b")


def test_a_template_names_its_columns():
    columns = Columns.of(DataConfig(source="", template="{b} and {a}"))
    assert columns.text == ("b", "a")
    with pytest.raises(ConfigError, match="names no column"):
        Columns.of(DataConfig(source="", template="nothing"))


def test_labels_left_unread_keep_the_inputs():
    config = DataConfig(source="", image="i", id="n", task="regression", label="y")
    assert Columns.of(config).without_labels() == Columns(image="i", id="n", label=None)


def test_test_rows_are_read_only_to_be_evaluated():
    assert SplitNames.of(DataConfig(source="")).read_test
    assert not SplitNames.of(DataConfig(source="", evaluate="holdout")).read_test
