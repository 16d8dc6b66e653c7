"""The chart of a search: points where their scores are, one ring, methods that never finished."""

import pytest

from tutelage.report.search_view import Lane, SearchView, scaled, search_plot
from tutelage.report.style import PAGE
from tutelage.results.statistics import SampleMean, sample_mean

LANES = (
    Lane("stl", "Standard fine-tuning", (sample_mean([70, 72]),)),
    Lane("aft", "AFT", (SampleMean(75, None, 1), sample_mean([78, 82])), chosen=1),
    Lane("kd", "KD: none finished", ()),
)


def view(lanes: tuple[Lane, ...] = LANES, mark: float | None = None) -> SearchView:
    words = {
        "heading": "Search",
        "title": "Accuracy by method",
        "caption": "",
        "axis": "accuracy, %",
    }
    return SearchView(**words, reasons=(), columns=(), short=(), lanes=lanes, mark=mark)


def test_points_are_at_their_scores_and_the_ring_is_around_the_chosen_one() -> None:
    axes = search_plot(view(mark=71)).axes[0]
    lines = [(list(line.get_xdata()), line.get_markersize(), line.get_mec()) for line in axes.lines]

    dashed, *drawn = lines
    assert dashed[0] == [71, 71]
    assert [pytest.approx([71]), pytest.approx([70, 72])] == [line[0] for line in drawn[:2]]
    rings = [line[0] for line in drawn if line[2] == PAGE.ink]
    assert rings == [pytest.approx([80])]
    ends = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 1.6]
    assert ends == [pytest.approx([70, 72]), pytest.approx([78, 82])]


def test_without_fine_tuning_there_is_no_line_across() -> None:
    drawing = search_plot(view(LANES[1:]))

    assert all(len(set(line.get_ydata())) <= 1 for line in drawing.axes[0].lines)
    assert "KD: none finished" in {text.get_text() for text in drawing.axes[0].texts}


def test_a_line_is_as_high_as_a_phone_reads() -> None:
    one, three = (search_plot(view(LANES[:n])) for n in (1, 3))

    assert three.get_figheight() - one.get_figheight() == pytest.approx(2 * 46 / 72)


def test_the_chart_in_words() -> None:
    assert view().description == (
        "Accuracy by method. The best of each method: Standard fine-tuning; AFT, chosen; "
        "KD: none finished."
    )


def test_a_score_in_units_of_an_axis() -> None:
    assert scaled(SampleMean(0.5, 0.01, 3), 100) == SampleMean(50, 1, 3)
    assert scaled(SampleMean(0.5, None, 1), 1) == SampleMean(0.5, None, 1)
