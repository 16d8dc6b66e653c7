"""Templates: what they print, what the cache's key sees of them, and what is refused."""

import pickle

import datasets
import pytest
from pydantic import ValidationError

from tutelage.cache.key import rows_digest
from tutelage.config import DataConfig
from tutelage.data import Columns, Data, read_data, read_unlabelled
from tutelage.data.base import SplitNames
from tutelage.data.tables import Place, Table, from_tables
from tutelage.data.templates import Template
from tutelage.errors import ConfigError, DataError

ROWS = [
    {
        "premise": "It rains.",
        "hypothesis": "It's {wet}.",
        "stars": 4,
        "fresh": True,
        "label": "yes",
    },
    {"premise": "", "hypothesis": "So it goes", "stars": 1, "fresh": False, "label": "no"},
]


@pytest.fixture
def table(tmp_path) -> str:
    datasets.Dataset.from_list(ROWS).to_parquet(tmp_path / "train.parquet")
    return f"table:{tmp_path}/train.parquet"


def first(table: str, template: str) -> str:
    return read_data(DataConfig(source=table, template=template)).splits["train"].rows[0].text


def test_columns_stand_where_the_braces_name_them(table):
    prompt = "Premise: {premise}\n Hypothesis: {hypothesis}\n {{entailed}}?"
    rows = read_data(DataConfig(source=table, template=prompt)).splits["train"].rows
    assert list(rows[0]) == ["Premise: It rains.\n Hypothesis: It's {wet}.\n {entailed}?"]
    assert rows[0].fields == ("It rains.", "It's {wet}.")
    assert rows[1].text == "Premise: \n Hypothesis: So it goes\n {entailed}?"
    again = pickle.loads(pickle.dumps(rows.select([1]))).select([0])
    assert again[0] == rows[1]
    assert first(table, "{hypothesis}{hypothesis}") == "It's {wet}.It's {wet}."
    assert first(table, "{stars} stars, fresh: {fresh}. {hypothesis}") == (
        "4 stars, fresh: True. It's {wet}."
    )
    assert first(table, "{{{hypothesis}}}") == "{It's {wet}.}"


def test_classes_are_printed_by_name(tmp_path):
    features = datasets.Features(
        {
            "topic": datasets.ClassLabel(names=["film", "book"]),
            "text": datasets.Value("string"),
            "label": datasets.Value("int64"),
        }
    )
    columns = {"topic": [1, 0], "text": ["a", "b"], "label": [0, 1]}
    datasets.Dataset.from_dict(columns, features).to_parquet(tmp_path / "a.parquet")
    assert first(f"table:{tmp_path / 'a.parquet'}", "{topic}: {text}") == "book: a"


def test_the_key_covers_the_template(table):
    def digest(**options) -> str:
        return rows_digest(read_data(DataConfig(source=table, **options)).splits["train"])

    digests = [
        digest(text="hypothesis"),
        digest(text=["premise", "hypothesis"]),
        digest(template="{hypothesis}"),
        digest(template="{premise}{hypothesis}"),
        digest(template=" {premise}{hypothesis}"),
        digest(template="{premise} {hypothesis}"),
        digest(template="{hypothesis}{premise}"),
    ]
    assert len(set(digests)) == len(digests)
    assert digest(template="{premise} {hypothesis}") == digests[5]


def test_unlabelled_rows_take_the_same_template(table):
    data = read_data(DataConfig(source=table, template="Say: {hypothesis}"))
    more = read_unlabelled(
        DataConfig(source="", unlabelled=table, template="Say: {hypothesis}"), like=data
    )
    assert more.rows[1].text == "Say: So it goes"


def test_a_row_is_empty_only_if_all_its_fields_are(tmp_path):
    def read(*rows, **options) -> Data:
        table = datasets.Dataset.from_list([{**row, "label": i} for i, row in enumerate(rows)])
        columns = Columns(text=("a", "b"), **options)
        return from_tables(
            {"train": lambda: Table(table, "here")},
            columns=columns,
            names=SplitNames(),
            where="here",
            place=Place(tmp_path, (tmp_path,)),
        )

    full = {"a": "", "b": "x"}
    assert read(full, full).splits["train"].rows[0] == ("", "x")
    blank = {"a": " \u00a0", "b": "\u0001\n"}
    for template in (None, Template.parse("A: {a} B: {b}")):
        faults = read(full, blank, template=template).splits["train"].faults
        assert list(faults) == [1]
        assert faults[1].startswith(
            "row 1 of the train rows of here is empty: there is only white space in 'a' and 'b'; fill"
        )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("No column", "names no column; write one as {column}"),
        ("{premise", r"a brace without a partner at character 1: '{premise'"),
        ("{premise}} {hypothesis}", "a brace without a partner at character 10"),
        ("So: {}", r"braces without a column's name at character 5"),
    ],
)
def test_braces_that_cannot_be_read(template, message, table):
    with pytest.raises(ConfigError, match=message):
        read_data(DataConfig(source=table, template=template))


def test_columns_that_cannot_be_used(table):
    with pytest.raises(
        DataError, match=r"no column 'premiss' for data.template; did you mean 'prem"
    ):
        read_data(DataConfig(source=table, template="{premiss}"))
    with pytest.raises(ValidationError, match="both set; a template names its columns itself"):
        read_data(DataConfig(source=table, text="premise", template="{premise}"))
    with pytest.raises(DataError, match="template tells the label: it names the column 'label'"):
        read_data(DataConfig(source=table, template="{premise} {label}"))
    with pytest.raises(ConfigError, match=r"a folder has no columns: .*data.template"):
        read_data(DataConfig(source="folder:.", template="{a}"))


def test_values_that_are_no_text(tmp_path):
    rows = [{"words": ["a", "b"], "text": "x", "label": i} for i in range(2)]
    datasets.Dataset.from_list(rows).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"column 'words' .* holds List.*, not text"):
        read_data(DataConfig(source=f"table:{tmp_path / 'a.parquet'}", template="{words}"))
