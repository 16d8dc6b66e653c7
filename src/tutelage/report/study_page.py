"""A study as a self-contained page, as tables and as pictures."""

from pathlib import Path

from tutelage.files import write_atomically, writing_to
from tutelage.regularizers.catalogue import BASELINE
from tutelage.report.facts import as_table
from tutelage.report.figures import plot_of
from tutelage.report.study_plots import study_plot
from tutelage.report.study_tables import (
    method_title,
    normalized_columns,
    study_columns,
    study_csv,
    study_markdown,
    study_notes,
)
from tutelage.report.style import light
from tutelage.report.svg import save_figure
from tutelage.report.templates import fill_page
from tutelage.results.studies import Study

__all__ = ["study_headline", "write_study_files"]

TITLES = {
    "normalized-error": "Error relative to standard fine-tuning",
    "scores": "Scores by data set",
    "probe": "Scores against the teachers' probe",
    "fractions": "Error relative to standard fine-tuning, by the share of the rows",
}
CLEARLY = 2.0
"""Standard errors from 1 beyond which a normalized error counts."""


def study_headline(study: Study) -> str:
    """Return one sentence: which method has the lowest normalized error, and how sure that is."""
    if study.scale == "tiny":
        return "Tiny scale: the study runs from end to end, and its numbers mean nothing."
    others = [one for one in study.methods if one.method != BASELINE and one.common is not None]
    if not others:
        return "Nothing can be compared with standard fine-tuning."
    best = min(others, key=lambda one: one.common.mean if one.common else 1.0)
    mean = best.common
    assert mean is not None
    error = "" if mean.error is None else f" ± {mean.error:.2f}"
    cells = f"{mean.count} data sets and students" if mean.count > 1 else "one data set"
    lowest = " is lowest: it" if len(others) > 1 else ""
    text = (
        f"{method_title(best)}{lowest} has {mean.mean:.2f}{error} of the error of standard fine-tuning "
        f"over {cells}"
    )
    if mean.error is None or mean.count < 3:
        return f"{text}, too few to tell."
    beyond = abs(mean.mean - 1) > CLEARLY * mean.error
    return f"{text}." if beyond else f"{text}, which is within noise."


def write_study_files(study: Study, folder: Path) -> list[Path]:
    """Write ``study.csv`` and ``.md``, the picture as SVG, PDF and PNG, and the page ``study.html``.

    The same study gives the same bytes.

    Returns:
        What was written; the picture is left out where there are no numbers for it.

    Raises:
        OutputError: If the folder cannot be written.
    """
    written = [folder / "study.csv", folder / "study.md"]
    with writing_to(folder, name="the study's folder", advice="choose another one (--out)"):
        for path, text in zip(written, (study_csv(study), study_markdown(study)), strict=True):
            path.write_text(text, encoding="utf-8", newline="")
        if (drawing := study_plot(study, palette=light())) is not None:
            written += save_figure(drawing, folder / study.figure)
        page = folder / "study.html"
        write_atomically(page, study_page(study))
    return [*written, page]


def study_page(study: Study) -> str:
    """Return the page as text."""
    drawing = study_plot(study)
    title = TITLES[study.figure]
    return fill_page(
        "study",
        title=study.title,
        source=" · ".join(filter(None, (study.source, f"{len(study.data)} data sets"))),
        headline=study_headline(study),
        notes=[*filter(None, [study.shows]), *study_notes(study)],
        picture=None if drawing is None else plot_of(drawing, "study", title, ""),
        methods=as_table(normalized_columns(study)),
        data=[
            (name, as_table(study_columns(study, [row for row in study.rows if row.data == name])))
            for name in study.data
        ],
    )
