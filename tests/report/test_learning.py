"""Learning curves of a search: their points are the record's."""

from tutelage.report import write_report
from tutelage.report.learning import learning_curve

POINTS = {"stl": [0.6, 0.65, 0.7], "aft beta=3": [0.7, 0.74, 0.77]}
CURVES = {
    "student": {40: [0.5, 0.52], 80: [0.55, 0.58], 160: [0.6, 0.62]},
    "teachers": {40: [0.7, 0.72], 80: [0.75, 0.78], 160: [0.8, 0.82]},
}


def test_a_curve_for_student_and_teachers(choice_of):
    plot = learning_curve(choice_of(POINTS, **CURVES))
    for words in ("teachers' features", "student's own features", "160", "accuracy, %"):
        assert words in plot.svg
    assert plot.title == "Learning curves"


def test_nothing_is_drawn_of_a_single_point(choice_of):
    assert learning_curve(choice_of(POINTS, student={40: [0.5]})) is None
    assert learning_curve(choice_of(POINTS)) is None
    assert learning_curve(None) is None


def test_the_page_of_a_search_has_the_curves(tmp_path, choice_of, write_choice):
    page = write_report([write_choice(tmp_path / "auto", choice_of(POINTS, **CURVES))])
    assert "Learning curves" in page.read_text(encoding="utf-8")
