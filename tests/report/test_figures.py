"""A figure's description is its title and caption."""

from tutelage.report.figures import plot_of
from tutelage.report.style import figure


def test_a_figure_is_described():
    plot = plot_of(figure(height=80)[0], "tiny", 'A "title"', "Its caption.")
    assert (plot.title, plot.caption) == ('A "title"', "Its caption.")
    assert 'aria-label="A &quot;title&quot;. Its caption."' in plot.svg
    assert 'id="tiny-' in plot.svg
