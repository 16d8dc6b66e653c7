"""Figures inside the page and as files."""

import re
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from tutelage.report.style import PAGE, light
from tutelage.report.svg import inline_svg, save_figure


@pytest.fixture
def figure():
    figure = Figure(figsize=(2, 1))
    axes = figure.subplots()
    axes.plot([0, 1], [1, 0], color=PAGE.ink)
    axes.set_title("Loss <of> α")
    return figure


def test_an_inline_figure_is_one_element_with_a_description(figure):
    svg = inline_svg(figure, name="loss", title='Loss "of" <all>')
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'Loss "of" <all>'
    assert root.get("width") is None  # as wide as its column
    assert not re.search(r"<(style|metadata|script)", svg)


def test_two_figures_share_no_id(figure):
    first, second = (
        set(re.findall(r'\bid="([^"]+)"', inline_svg(figure, name=name, title="Loss")))
        for name in ("a", "b")
    )
    assert first
    assert not first & second


def test_every_reference_inside_is_met(figure):
    svg = inline_svg(figure, name="loss", title="Loss")
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    assert referred
    assert referred <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_colors_follow_the_readers_theme(figure):
    svg = inline_svg(figure, name="loss", title="Loss")
    assert "var(--" in svg
    assert PAGE.ink not in svg


def test_files_repeat_byte_for_byte(figure, tmp_path):
    with_color = Figure(figsize=(2, 1))
    with_color.subplots().plot([0, 1], [1, 0], color=light().ink)
    first = save_figure(with_color, tmp_path / "a.b")  # the name's own point stays
    assert [path.name for path in first] == ["a.b.svg", "a.b.pdf", "a.b.png"]
    second = save_figure(with_color, tmp_path / "second")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
