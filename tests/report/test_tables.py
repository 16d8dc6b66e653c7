"""A comparison's table in every form: the same numbers, and nothing that breaks the form."""

import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from tutelage.report.charts import colors
from tutelage.report.svg import VARIABLES
from tutelage.report.tables import (
    caption,
    csv_text,
    latex_text,
    markdown_text,
    row_cells,
    summary_cells,
    write_table,
)
from tutelage.results.table import ResultTable, Scores, result_table
from tutelage.tasks import SingleLabel

STL = {0: 0.70, 1: 0.72, 2: 0.71}
NASTY = r"a_b|c&d%e$f#{g}~h^i\j[k]*<l> 漢"


def scores(method: str, accuracies: dict[int, float], **changes: object) -> Scores:
    row = {"student": "vit", "fraction": 1.0, "teachers": (), "settings": {}} | changes
    return Scores(method=method, values=accuracies, **row)


def table(*rows: Scores) -> ResultTable:
    return result_table(
        rows,
        name="flowers",
        data="folder:flowers",
        evaluated="test",
        tuned=False,
        metric=SingleLabel.metric(),
    )


@pytest.fixture
def plain() -> ResultTable:
    """Standard fine-tuning, one method that finished, one that did not."""
    return table(
        scores("stl", STL),
        scores(
            "aft",
            {seed: accuracy + 0.03 for seed, accuracy in STL.items()},
            teachers=("dino",),
            settings={"beta": 3.0},
            probe=0.81,
        ),
        scores("kd", {}, teachers=("dino",), failures=dict.fromkeys(STL, "the loss is 1 | nan"), probe=0.81),
    )  # fmt: skip


@pytest.fixture
def wide() -> ResultTable:
    """Two shares of the rows, three sets of teachers."""
    sets = {("dino",): 0.80, ("clip",): 0.85, ("dino", "clip"): 0.90}
    return table(
        *(
            row
            for fraction in (1.0, 0.1)
            for row in (
                scores("stl", STL, fraction=fraction),
                *(
                    scores(
                        "aft",
                        {s: a + 0.1 * (probe - 0.7) * fraction for s, a in STL.items()},
                        fraction=fraction,
                        teachers=names,
                        settings={"beta": 10.0, "lr": 1e-3},
                        probe=probe,
                    )
                    for names, probe in sets.items()
                ),
            )
        )
    )


def test_cells_leave_out_what_is_the_same_in_every_row(plain: ResultTable) -> None:
    head, stl, aft, kd = row_cells(plain)

    assert head == [
        "method", "settings", "seeds", "accuracy %", "relative error", "difference", "probe %", "failed",
    ]  # fmt: skip
    assert stl == ["stl", "", "3", "71.00\xa0±\xa00.58", "1.000", "", "", ""]
    assert aft == [
        "aft", "β 3", "3", "74.00\xa0±\xa00.58", "0.897", "+3.00\xa0±\xa00.00", "81.00", "",
    ]  # fmt: skip
    assert kd == ["kd", "", "0", "", "", "", "81.00", "the loss is 1 | nan"]
    assert summary_cells(plain) is None


def test_cells_tell_rows_and_methods_apart(wide: ResultTable) -> None:
    head, *rows = row_cells(wide)
    summary = summary_cells(wide)

    assert head[:4] == ["fraction", "method", "teachers", "settings"]
    assert rows[3][:4] == ["1", "aft", "dino+clip", "β 10, lr 0.001"]
    assert summary is not None
    assert [row[0] for row in summary] == ["method", "stl", "aft"]
    assert [row[2] for row in summary] == ["rows", "2", "6"]
    assert "correlates with the teachers' probe by 0." in caption(wide)


def test_caption_says_where_a_correlation_says_nothing(plain: ResultTable) -> None:
    assert "Too few rows with different probes" in caption(plain)
    assert "Relative error" not in caption(table(scores("aft", STL)))


def test_csv_holds_every_digit(plain: ResultTable) -> None:
    lines = list(csv.DictReader(io.StringIO(csv_text(plain))))

    assert [line["method"] for line in lines] == ["stl", "aft", "kd"]
    assert float(lines[1]["accuracy"]) == plain.rows[1].score.mean
    assert float(lines[1]["difference"]) == plain.rows[1].difference.mean
    assert float(lines[1]["beta"]) == 3
    assert lines[0]["beta"] == lines[2]["accuracy"] == lines[0]["difference"] == ""
    assert lines[2]["failed"] == "the loss is 1 | nan"


def test_json_comes_back_whole(wide: ResultTable) -> None:
    assert ResultTable.model_validate_json(wide.model_dump_json()) == wide


def test_markdown_keeps_its_columns(plain: ResultTable) -> None:
    lines = [line for line in markdown_text(plain).splitlines() if line.startswith("|")]

    assert len(lines) == 5
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {9}
    assert "the loss is 1 \\| nan" in lines[-1]


def test_latex_sets_any_text_as_it_stands() -> None:
    text = latex_text(
        table(
            scores("stl", STL, student=NASTY),
            scores("[x]:*Y", {}, failures={0: f"{NASTY}\nand so on"}, student=NASTY + "2"),
        )
    )
    body = re.search(r"\\midrule\n(.*)\n\\bottomrule", text, re.DOTALL)
    assert body is not None
    rows = body[1].splitlines()

    assert len(rows) == 2
    assert all(row.endswith(r" \\") for row in rows)
    columns = re.search(r"tabular\}\{(.*)\}\n", text)[1].replace("p{4cm}", "p")
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}
    assert (
        r"a\_b|c\&d\%e\$f\#\{g\}\textasciitilde{}h\textasciicircum{}i\textbackslash{}j{[}k{]}{*}"
        r"\textless{}l\textgreater{} \texttt{U+6F22}"
    ) in rows[0]
    assert rows[0].count("{") == rows[0].count("}")
    assert text.isascii()
    assert r"{[}x{]}:{*}Y" in rows[1]


def test_charts_stand_alone(wide: ResultTable, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    written, again = write_table(wide, tmp_path), write_table(wide, tmp_path / "again")

    assert [path.name for path in written] == [
        "compare.csv", "compare.md", "compare.tex",
        "accuracy.svg", "accuracy.png", "probe.svg", "probe.png",
    ]  # fmt: skip
    assert [p.read_bytes() for p in written] == [p.read_bytes() for p in again]
    bars, points = (" ".join(ElementTree.parse(tmp_path / f"{name}.svg").getroot().itertext())
                    for name in ("accuracy", "probe"))  # fmt: skip
    assert "0.1 · aft · dino+clip" in bars
    assert "the axis begins at 60" in bars
    assert "correlates" in points
    with Image.open(tmp_path / "probe.png") as picture:
        assert min(picture.size) > 500


def test_charts_of_what_failed(plain: ResultTable, tmp_path: Path) -> None:
    names = [
        path.name for path in write_table(table(scores("k$d", {}, failures={0: "x"})), tmp_path)
    ]

    assert "accuracy.svg" in names
    assert "probe.svg" not in names
    assert "failed" in (tmp_path / "accuracy.svg").read_text()


def test_charts_have_the_pages_colours() -> None:
    assert set(VARIABLES) <= set(colors())
    assert colors()["accent"] == "#0c6e66"
