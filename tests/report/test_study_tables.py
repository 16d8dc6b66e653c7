"""Tables, pictures and page of a study say what is there and what is not."""

import csv
import re
from itertools import pairwise

import pytest
from matplotlib.text import Text

from tutelage.report.study_page import study_headline, study_page, write_study_files
from tutelage.report.study_plots import FIGURES, study_plot
from tutelage.report.study_tables import (
    normalized_columns,
    study_columns,
    study_csv,
    study_markdown,
    study_notes,
)
from tutelage.results.comparison import Scores, compare_scores
from tutelage.results.learned_weights import BINS, WeightLevel
from tutelage.results.statistics import sample_mean
from tutelage.results.studies import study_of
from tutelage.tasks import Regression, SingleLabel


def scores(method, values, *, teachers=(), probe=None, fraction=1.0) -> Scores:
    return Scores(
        student="small<b>",
        fraction=fraction,
        method=method,
        teachers=teachers,
        settings={"beta": 3} if teachers else {},
        values=dict(enumerate(values)),
        failures={} if values else {0: "it diverged"},
        probe=probe,
    )


def comparison(*rows, metric=None):
    metric = metric or SingleLabel.metric()
    return compare_scores(list(rows), name="x", data="y", evaluated="test", metric=metric)


@pytest.fixture
def study():
    return study_of(
        {
            "a": comparison(
                scores("stl", [0.5, 0.6, 0.55]),
                scores("aft", [0.7, 0.8, 0.75], teachers=("t",), probe=0.8),
                scores("aft", [0.6, 0.7, 0.65], teachers=("u",), probe=0.7),
                scores("kd", [], teachers=("t",)),
            ),
            "b": comparison(
                scores("stl", [0.2, 0.3, 0.1]),
                scores("aft", [0.4, 0.5, 0.3], teachers=("t",), probe=0.6),
                scores("aft", [0.3, 0.4, 0.2], teachers=("u",), probe=0.5),
                scores("kd", [0.2, 0.3, 0.4], teachers=("t",)),
                metric=Regression.metric(),
            ),
        },
        title="Two | sets",
        missing={"c": "no such folder"},
    )


def test_rows_have_their_own_metric(study):
    columns = {column.head: column.cells for column in study_columns(study)}
    assert columns["data"] == ("a",) * 4 + ("b",) * 4
    assert columns["score"][0].startswith("55.00")
    assert columns["score"][4].startswith("0.200")
    assert columns["failed"][3] == "it diverged"


def test_what_is_not_there_is_said(study):
    columns = {column.head: column.cells for column in normalized_columns(study)}
    assert columns["method"] == ("Standard fine-tuning", "AFT", "AFT", "KD")
    assert columns["cells"] == ("1", "1", "1", "1")  # where KD finished
    assert columns["its cells"] == ("2", "2", "2", "1")
    notes = " ".join(study_notes(study))
    assert "c is missing, since nothing could be finished: no such folder" in notes
    assert "KD with t has no relative error on a, small<b>" in notes
    assert "correlation of scores with the teachers' probe is 1.000" in notes


def test_the_headline_names_the_lowest_and_how_sure_it_is(study):
    assert "over one data set, too few to tell" in study_headline(study)
    whole = [
        comparison(scores("stl", [0.5]), scores("aft", [0.75 + step / 100], teachers=("t",)))
        for step in range(3)
    ]
    clear = study_of(dict(zip("abc", whole, strict=True)), title="x")
    assert study_headline(clear) == (
        "AFT with t has 0.480 ± 0.012 of the error of standard fine-tuning over 3 data sets and students."
    )


def test_numbers_at_the_tiny_scale_are_said_to_mean_nothing(study):
    tiny = study.model_copy(update={"scale": "tiny"})
    assert "mean nothing else" in study_notes(tiny)[0]
    assert "mean nothing else" in study_page(tiny)


def test_seconds_of_an_epoch_are_in_the_table_that_they_are_drawn_from(study):
    timed = tuple(
        row.model_copy(update={"epoch_seconds": sample_mean([1.0, 3.0])}) for row in study.rows
    )
    one = study.model_copy(update={"figures": ("epochs",), "rows": timed})
    columns = {column.head: column.cells for column in study_columns(one)}
    for cell in columns["seconds an epoch"]:
        assert cell.split() == ["2.000", "±", "1.000"]
    lines = list(csv.DictReader(study_csv(one).splitlines()))
    assert {line["seconds_an_epoch"] for line in lines} == {"2.0"}
    assert "seconds an epoch" not in {column.head for column in study_columns(study)}


def test_texts(study):
    text = study_markdown(study)
    assert text.startswith("# Two \\| sets\n")
    assert "small\\<b\\>" in text
    lines = study_csv(study).splitlines()
    assert lines[0].startswith("data,student,fraction,method")
    assert len(lines) == 9


@pytest.mark.parametrize("kind", FIGURES)
def test_every_picture_is_drawn(study, kind):
    rows = [
        row.model_copy(
            update={
                "noise": 8 * number,
                "epoch_seconds": sample_mean([1.5, 2.0 + number]),
                "weights": dict.fromkeys((*row.teachers, "noise-8"), (1 / BINS,) * BINS),
            }
        )
        for number, row in enumerate(study.rows)
    ]
    one = study.model_copy(update={"figures": (kind,), "rows": tuple(rows)})
    assert study_plot(one, kind) is not None
    empty = one.model_copy(update={"rows": (), "methods": ()})
    assert study_plot(empty, kind) is None
    page = study_page(one)
    assert "small&lt;b&gt;" in page
    assert page.count("<svg") == 1
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_points_of_many_rows_do_not_overlap():
    """Their lines are farther apart than a point is high, in both blocks."""
    methods = ("aft", "aft-identity", "aft-dense", "aft-rbf", "kd", "rkd", "ft")
    rows = [scores("stl", [0.5]), *(scores(one, [0.5], teachers=("t",)) for one in methods)]
    many = study_of({"a": comparison(*rows), "b": comparison(*rows)}, title="x")
    drawing = study_plot(many, "scores")
    assert drawing is not None
    drawing.draw_without_rendering()
    (axes,) = drawing.axes
    points = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    assert len(points) == 2 * len(rows)
    heights = sorted(axes.transData.transform(line.get_xydata())[0, 1] for line in points)
    apart = min(high - low for low, high in pairwise(heights)) * 72 / drawing.dpi
    assert apart > max(line.get_markersize() for line in points)


def drawn_texts(drawing):
    """All texts of a picture, those of ticks and legends included."""
    assert drawing is not None
    drawing.draw_without_rendering()
    return [text.get_text() for text in drawing.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("kind", ["epochs", "weights"])
def test_long_names_of_teachers_leave_method_and_share_readable(kind):
    teachers = ("vit_small_patch16_224.augreg_in1k", "vit_giant_patch14_dinov2.lvd142m")
    rows = [
        scores(method, [0.5], teachers=teachers, fraction=fraction)
        for method in ("aft", "aft-dense")
        for fraction in (0.5, 1.0)
    ]
    plain = study_of({"digits": comparison(*rows)}, title="x")
    known = {
        "epoch_seconds": sample_mean([1.0]),
        "weights": dict.fromkeys(teachers, (1 / BINS,) * BINS),
    }
    one = plain.model_copy(update={"rows": tuple(r.model_copy(update=known) for r in plain.rows)})
    texts = drawn_texts(study_plot(one, kind))
    cells = ["digits, small<b>, 0.5 of the rows", "digits, small<b>"]
    if kind == "epochs":
        assert set(cells) <= set(texts)
        assert texts.count("AFT") == 2
    else:
        assert {f"{cell}: AFT" for cell in cells} <= set(texts)
        assert texts.count(teachers[0]) == 4
    assert not [text for text in texts if "…" in text]


def test_a_legend_of_weights_lies_above_them():
    teachers = ("vit_small_patch16_224.augreg_in1k", "vit_giant_patch14_dinov2.lvd142m")
    level = WeightLevel(mean=sample_mean([0.5, 0.7]), top=sample_mean([0.2, 0.3]))
    plain = study_of({"a": comparison(scores("aft", [0.5], teachers=teachers))}, title="x")
    update = {
        "weights": dict.fromkeys(teachers, (1 / BINS,) * BINS),
        "weight_levels": dict.fromkeys(teachers, level),
    }
    row = plain.rows[0].model_copy(update=update)
    drawing = study_plot(plain.model_copy(update={"rows": (row,)}), "weights")
    assert drawing is not None
    drawing.draw_without_rendering()
    (axes,) = drawing.axes
    _, highest = axes.transData.transform((0, 100 / BINS))
    assert axes.get_legend().get_window_extent().ymin > highest


def test_sets_of_teachers_are_told_apart_below_their_scores():
    sets = [("vit.augreg_in1k",), ("vit.augreg_in1k", "R50"), ("llama-3.1",), ("llama-3.2",)]
    sets += [("bit.a1_in1k",), ("bit.a2_in1k",)]
    rows = [scores("aft", [0.5], teachers=names) for names in sets]
    drawing = study_plot(study_of({"a": comparison(*rows)}, title="x"), "teachers")
    assert drawing is not None
    names = [label.get_text().replace("\n", "") for label in drawing.axes[-1].get_xticklabels()]
    assert names == ["vit", "vit+R50", "llama-3.1", "llama-3.2", "bit.a1_in1k", "bit.a2_in1k"]


def test_cells_with_one_probe_are_not_drawn_against_it(study):
    one = comparison(scores("aft", [0.5], teachers=("t",), probe=0.5), scores("stl", [0.4]))
    other = comparison(scores("aft", [0.5], teachers=("t",), probe=0.6), scores("stl", [0.4]))
    assert study_plot(study_of({"a": one, "b": other}, title="x"), "probe") is None


def test_pictures_of_before_do_not_stay(study, tmp_path):
    both = study.model_copy(update={"figures": ("scores", "probe")})
    (tmp_path / "mine.png").write_bytes(b"")
    assert tmp_path / "probe.png" in write_study_files(both, tmp_path)
    write_study_files(study.model_copy(update={"figures": ("scores",)}), tmp_path)
    pictures = {path.name for path in tmp_path.iterdir() if path.suffix in (".png", ".svg", ".pdf")}
    assert pictures == {"mine.png", "scores.png", "scores.svg", "scores.pdf"}


def test_a_variant_is_not_drawn_as_kd():
    """Neither in color nor, where lines may lie on each other, in dashes."""
    rows = [
        scores("stl", [0.5]),
        *(
            scores(method, [0.4], teachers=("t",), fraction=fraction)
            for method in ("kd", "aft", "aft-identity")
            for fraction in (0.5, 1.0)
        ),
        scores("stl", [0.5], fraction=0.5),
    ]
    drawing = study_plot(study_of({"a": comparison(*rows)}, title="x"), "fractions")
    assert drawing is not None
    lines = [each.lines[0] for each in drawing.axes[0].containers]
    colors, dashes = zip(*((one.get_color(), one.get_linestyle()) for one in lines), strict=True)
    assert len(set(colors)) == len(lines) == 4
    assert sorted(dashes) == ["-", "-", "-", "--"]


def test_each_set_of_teachers_has_a_bar_of_its_own(study):
    """AFT under ``t`` and under ``u``, which share a color; at the largest share of the rows there is."""
    half = [row.model_copy(update={"fraction": 0.5}) for row in study.rows]
    drawing = study_plot(
        study_of({}, title="x").model_copy(update={"rows": tuple(half)}), "students"
    )
    assert drawing is not None
    axes = drawing.axes[0]
    tops = [bar.get_y() + bar.get_height() for bar in axes.patches]
    assert tops == pytest.approx([0.75, 0.875, 0.875])
    assert len({bar.get_alpha() for bar in axes.patches[:2]}) == 2
    texts = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert texts == ["AFT, t", "AFT, u", "KD"]
    assert axes.get_ylabel() == "normalized error at 0.5 of the rows"


@pytest.mark.parametrize("kind", ["scores", "probe"])
def test_scores_of_unlike_metrics_share_the_unit_of_their_axis(study, kind):
    """Accuracies beside R² are not a hundred times as large."""
    drawing = study_plot(study, kind)
    assert drawing is not None
    (axes,) = drawing.axes
    places = [abs(at) for line in axes.lines for at in line.get_xydata().flatten()]
    assert max(places) < 1.0 if kind == "probe" else axes.dataLim.xmax < 1.0
    assert "%" not in axes.get_xlabel()


def test_means_over_other_cells_are_said_to_be_so():
    rows = {
        "a": comparison(scores("stl", [0.5]), scores("aft", [0.6], teachers=("t",)),
                        scores("kd", [], teachers=("t",))),
        "b": comparison(scores("stl", [0.5]), scores("kd", [0.6], teachers=("t",)),
                        scores("aft", [], teachers=("t",))),
    }  # fmt: skip
    apart = study_of(rows, title="x")
    assert study_headline(apart).startswith("No data set has results of all methods")
    for kind in ("normalized-error", "students", "fractions"):
        (axes,) = study_plot(apart, kind).axes
        label = axes.get_xlabel() if kind == "normalized-error" else axes.get_ylabel()
        assert label == "normalized error, over its own cells where none is common"


def test_weights_are_drawn_with_their_mean_and_sparsity(study):
    level = WeightLevel(mean=sample_mean([0.5, 0.7]), top=sample_mean([0.2, 0.3]))
    row = study.rows[1].model_copy(
        update={"weights": {"t": (1 / BINS,) * BINS}, "weight_levels": {"t": level}}
    )
    drawing = study_plot(study.model_copy(update={"rows": (row,)}), "weights")
    assert drawing is not None
    (text,) = drawing.axes[0].get_legend().get_texts()
    assert " ".join(text.get_text().split()) == "t 0.600 ± 0.100, 25 %"


def test_teachers_that_all_methods_share_are_not_on_each_bar(study):
    def titles(one):
        drawing = study_plot(one, "normalized-error")
        assert drawing is not None
        return [text.get_text() for text in drawing.axes[0].texts]

    assert "AFT with t" in titles(study)
    same = comparison(scores("stl", [0.5]), scores("aft", [0.6], teachers=("t",)))
    assert titles(study_of({"a": same}, title="x")) == ["Standard fine-tuning", "AFT"]


def test_files_are_the_same_each_time(study, tmp_path):
    written = write_study_files(study, tmp_path)
    assert [path.name for path in written] == [
        "study.csv", "study.md", "normalized-error.svg", "normalized-error.pdf",
        "normalized-error.png", "study.html",
    ]  # fmt: skip
    before = [path.read_bytes() for path in written]
    write_study_files(study, tmp_path)
    assert [path.read_bytes() for path in written] == before
