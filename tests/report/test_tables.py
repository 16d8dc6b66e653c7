"""The table of a comparison: its cells for people, CSV and Markdown."""

import csv
import io
import re

from tutelage.report.tables import (
    caption,
    columns,
    csv_text,
    markdown_text,
    summary_columns,
)
from tutelage.results.comparison import Comparison

STL = {0: 0.70, 1: 0.72, 2: 0.71}
NAMES = (
    "student", "fraction", "method", "teachers", "settings", "seeds", "score",
    "relative error", "difference", "probe", "mean rho", "seconds", "failed",
)  # fmt: skip


def lines(comparison: Comparison) -> list[list[str]]:
    table = columns(comparison, NAMES)
    return [
        [column.head for column in table],
        *map(list, zip(*(column.cells for column in table), strict=True)),
    ]


def test_cells_leave_out_what_is_the_same_in_every_row(plain: Comparison) -> None:
    head, stl, aft, kd = lines(plain)

    assert head == [
        "method", "settings", "seeds", "accuracy %", "relative error", "difference", "probe %", "failed",
    ]  # fmt: skip
    assert stl == ["Standard fine-tuning", "", "3", "71.00\xa0±\xa00.58", "1.000", "", "", ""]
    assert aft == [
        "AFT", "β 3", "3", "74.00\xa0±\xa00.58", "0.897", "+3.00\xa0±\xa00.00", "81.00", "",
    ]  # fmt: skip
    assert kd == ["KD", "", "0", "", "", "", "81.00", "the loss is 1 | nan"]
    assert summary_columns(plain) is None


def test_cells_tell_rows_and_methods_apart(wide: Comparison) -> None:
    head, *rows = lines(wide)
    summary = summary_columns(wide)

    assert head[:4] == ["fraction", "method", "teachers", "settings"]
    assert rows[3][:4] == ["1", "AFT", "dino+clip", "β 10, lr 0.001"]
    assert summary is not None
    assert summary[0].cells == ("Standard fine-tuning", "AFT")
    assert summary[2].cells == ("2", "6")
    assert "correlation of accuracy with the teachers' probe is 0." in caption(wide)


def test_caption_says_where_a_correlation_is_undefined(table, scores, plain: Comparison) -> None:
    assert "correlat" not in caption(plain)  # one set of teachers: nobody expects a correlation
    two = table(
        scores("aft", STL, teachers=("a",), probe=0.8),
        scores("aft", STL, teachers=("b",), probe=0.9),
    )
    assert "Not enough distinct sets of teachers to correlate accuracy" in caption(two)
    assert "elative error" not in caption(table(scores("aft", STL)))


def test_csv_holds_every_digit(plain: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(plain))))

    assert [row["method"] for row in rows] == ["stl", "aft", "kd"]
    assert float(rows[1]["accuracy"]) == plain.rows[1].score.mean
    assert float(rows[1]["difference"]) == plain.rows[1].difference.mean
    assert float(rows[1]["beta"]) == 3
    assert rows[0]["beta"] == rows[2]["accuracy"] == rows[0]["difference"] == ""
    assert rows[2]["failed"] == "the loss is 1 | nan"


def test_markdown_keeps_its_columns(plain: Comparison) -> None:
    rows = [line for line in markdown_text(plain).splitlines() if line.startswith("|")]

    assert len(rows) == 5
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {9}
    assert "the loss is 1 \\| nan" in rows[-1]


def test_words_of_users_are_no_formula_and_no_markup(table, scores) -> None:
    formula, markup = "=HYPERLINK(0)", "<img src=x onerror=alert(1)>[a](javascript:b)"
    evil = table(
        scores("stl", STL),
        scores("aft", STL, teachers=(formula, markup)),
        scores("aft", STL, teachers=("b",)),
    )
    cells = [row["teachers"] for row in csv.DictReader(io.StringIO(csv_text(evil)))]

    assert cells[1].startswith("'" + formula)
    assert r"\<img src=x onerror=alert(1)\>\[a\](javascript:b)" in markdown_text(evil)
    assert not re.search(r"(?<!\\)[<\[]", markdown_text(evil))
