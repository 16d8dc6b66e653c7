"""The files of a comparison: tables and charts, the same bytes each time."""

from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

from tutelage.report import write_table
from tutelage.results.comparison import Comparison


def test_charts_stand_alone(wide: Comparison, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    written, again = write_table(wide, tmp_path), write_table(wide, tmp_path / "again")

    assert [path.name for path in written] == [
        "compare.csv", "compare.md", "compare.tex",
        "accuracy.svg", "accuracy.pdf", "accuracy.png", "probe.svg", "probe.pdf", "probe.png",
    ]  # fmt: skip
    assert [p.read_bytes() for p in written] == [p.read_bytes() for p in again]
    dots, points = (" ".join(ElementTree.parse(tmp_path / f"{name}.svg").getroot().itertext())
                    for name in ("accuracy", "probe"))  # fmt: skip
    assert "0.1 · AFT · dino+clip" in dots
    assert "correlation" in points
    with Image.open(tmp_path / "probe.png") as picture:
        assert min(picture.size) > 500


def test_charts_of_what_failed(table, scores, tmp_path: Path) -> None:
    written = write_table(table(scores("k$d", {}, failures={0: "x"})), tmp_path)

    assert "accuracy.svg" in [path.name for path in written]
    assert "probe.svg" not in [path.name for path in written]
    assert "failed" in (tmp_path / "accuracy.svg").read_text()


def test_probes_that_are_all_alike_are_not_drawn(plain: Comparison, tmp_path: Path) -> None:
    assert not any("probe" in path.name for path in write_table(plain, tmp_path))


def test_a_chart_that_is_no_longer_drawn_is_removed(
    wide: Comparison, plain: Comparison, tmp_path: Path
) -> None:
    before = {path for path in write_table(wide, tmp_path) if path.stem == "probe"}
    assert len(before) == 3
    written = write_table(plain, tmp_path)
    assert set(tmp_path.iterdir()) == set(written)
