"""Unlabelled rows that are evaluated too."""

import json

import pytest

from tutelage.config import DataConfig
from tutelage.data import open_data
from tutelage.data.overlap import not_evaluated, without_rows_of
from tutelage.errors import DataError


@pytest.fixture
def splits(tmp_path):
    """Six labelled rows, three test rows, and five without a label, of which two are test rows."""

    def write(name, texts, label):
        rows = [{"id": f"{name}-{n}", "text": t} | label(n) for n, t in enumerate(texts)]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")

    def read(more):
        write("train", "abcdef", lambda n: {"label": "xy"[n % 2]})
        write("test", "ghi", lambda n: {"label": "xy"[n % 2]})
        (tmp_path / "more").mkdir(exist_ok=True)
        write("more/rows", more, lambda n: {})
        source = f"table:{tmp_path / 'more' / 'rows.jsonl'}"
        return open_data(DataConfig(source=f"table:{tmp_path}", unlabelled=source))[1]

    return read


def test_rows_of_equal_content_are_left_out_and_counted(splits):
    (rows,), notes = not_evaluated(splits("pgqih"))
    assert list(rows.ids) == ["more/rows-0", "more/rows-2"]
    assert [rows.rows[n] for n in range(len(rows))] == [("p",), ("q",)]
    assert notes == (
        "unlabelled rows: left out 3 whose content is that of test rows; near copies stay, which "
        "'tutelage check' lists",
    )


def test_labelled_rows_for_training_may_be_there_again(splits):
    (rows,), notes = not_evaluated(splits("pabq"))
    assert len(rows) == 4
    assert notes == ()


def test_copies_of_labelled_rows_are_counted_for_soft_labels(splits):
    """Their soft labels come from a probe that learned their labels."""
    opened = splits("pabgq")
    rows, notes = not_evaluated(opened, soft_labels=True)
    assert rows[0].ids == not_evaluated(opened)[0][0].ids
    assert notes[0] in not_evaluated(opened)[1]
    assert "unlabelled rows: 2 have the content of labelled training rows" in notes[1]
    assert not_evaluated(splits("pq"), soft_labels=True)[1] == ()


def test_a_split_without_evaluated_rows_is_the_same_object(splits):
    opened = splits("pq")
    assert without_rows_of(opened.unlabelled[0], opened.evaluated) is opened.unlabelled[0]


def test_nothing_left_is_an_error(splits):
    with pytest.raises(DataError, match="all 2 unlabelled rows have the content of test rows"):
        not_evaluated(splits("gh"))
