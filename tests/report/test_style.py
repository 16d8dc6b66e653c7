"""Colors: those of the page everywhere, and the same for a method in every comparison."""

from tutelage.regularizers.catalogue import METHODS
from tutelage.report.style import PAGE, VARIABLES, light, strokes

STL = {0: 0.70, 1: 0.72}


def test_files_have_the_pages_colors() -> None:
    assert light().series[1] == "#0c6e66"
    assert len(light().series) == len(PAGE.series) == len(VARIABLES) - 4


def test_built_in_methods_have_colors_of_their_own() -> None:
    names = [*(name for name in METHODS if "-" not in name), "probe", "aft+probe"]

    assert len({PAGE.method(name) for name in names}) == len(names)


def test_a_method_keeps_its_color_whatever_it_is_compared_with(table, scores) -> None:
    few = table(scores("stl", STL), scores("kd", STL))
    many = table(
        scores("aft", STL), scores("stl", STL), scores("my.losses:Cosine", STL), scores("kd", STL)
    )

    assert strokes(few.rows)["KD"] == strokes(many.rows)["KD"]
    assert len(set(strokes(many.rows).values())) == 4


def test_rows_of_one_method_differ_by_their_dashes(table, scores) -> None:
    rows = table(
        scores("aft", STL, settings={"beta": 1.0}), scores("aft", STL, settings={"beta": 3.0})
    ).rows
    first, second = strokes(rows).values()

    assert first.color == second.color
    assert first.dashes != second.dashes
