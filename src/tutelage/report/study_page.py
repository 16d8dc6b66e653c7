"""A study as a self-contained page, as tables and as pictures."""

from pathlib import Path

from tutelage.files import write_atomically, writing_to
from tutelage.regularizers.catalogue import BASELINE
from tutelage.report.facts import as_table
from tutelage.report.figures import plot_of
from tutelage.report.study_plots import FIGURES, study_plot
from tutelage.report.study_tables import (
    method_title,
    normalized_columns,
    study_columns,
    study_csv,
    study_markdown,
    study_notes,
)
from tutelage.report.style import light
from tutelage.report.svg import remove_figure, save_figure
from tutelage.report.templates import fill_page
from tutelage.results.studies import Study

__all__ = ["study_headline", "write_study_files"]

TITLES = {
    "normalized-error": "Error relative to standard fine-tuning",
    "students": "Error relative to standard fine-tuning, by student",
    "scores": "Scores by data set",
    "teachers": "Scores by teachers",
    "probe": "Scores against the teachers' probe",
    "fractions": "Error relative to standard fine-tuning, by the share of the rows",
    "noise": "Scores by columns of noise",
    "weights": "Learned weights of the teachers' columns",
    "epochs": "Time of an epoch",
}
CAPTIONS = {
    "normalized-error": "Means over data sets and students with one standard error; the dashed line "
    "is standard fine-tuning.",
    "scores": "Points with one standard error over seeds.",
    "probe": "A point is a set of teachers, with one standard error over seeds; r is the correlation.",
    "fractions": "Means over data sets and students with one standard error.",
    "students": "Bars end at the mean over data sets, below 1 where the method is better, with one "
    "standard error; of several shares of the rows it is the largest.",
    "teachers": "Points with one standard error over seeds; the dashed line is standard fine-tuning.",
    "noise": "Points with one standard error over seeds; the dashed line is standard fine-tuning.",
    "weights": "Share of a teacher's columns by weight, the mean over seeds. Numbers are the mean weight "
    "with one standard error over seeds, and the share of ρ² in the top tenth of the columns, 10 % "
    "where all are alike. Where sets of several teachers are compared, single ones are left out.",
    "epochs": "Training alone, with one standard error over seeds; extraction is done once before.",
}
CLEARLY = 2.0
"""Standard errors from 1 beyond which a normalized error counts."""


def study_headline(study: Study) -> str:
    """Return one sentence: which method has the lowest normalized error, and how sure that is."""
    if study.scale == "tiny":
        return "Tiny scale: the study runs from end to end, and its numbers mean nothing."
    others = [one for one in study.methods if one.method != BASELINE and one.common is not None]
    if not others:
        if any(one.method != BASELINE and one.own is not None for one in study.methods):
            return "No data set has results of all methods; the table has the mean of each over its own."
        return "Nothing can be compared with standard fine-tuning."
    best = min(others, key=lambda one: one.common.mean if one.common else 1.0)
    mean = best.common
    assert mean is not None
    error = "" if mean.error is None else f" ± {mean.error:.3f}"
    cells = f"{mean.count} data sets and students" if mean.count > 1 else "one data set"
    lowest = " is lowest: it" if len(others) > 1 else ""
    text = (
        f"{method_title(best)}{lowest} has {mean.mean:.3f}{error} of the error of standard fine-tuning "
        f"over {cells}"
    )
    if mean.error is None or mean.count < 3:
        return f"{text}, too few to tell."
    beyond = abs(mean.mean - 1) > CLEARLY * mean.error
    return f"{text}." if beyond else f"{text}, which is within noise."


def write_study_files(study: Study, folder: Path) -> list[Path]:
    """Write ``study.csv`` and ``.md``, the pictures as SVG, PDF and PNG, and the page ``study.html``.

    The same study gives the same bytes. Pictures that are no longer drawn are removed.

    Returns:
        What was written; pictures are left out where there are no numbers for it.

    Raises:
        OutputError: If the folder cannot be written.
    """
    written = [folder / "study.csv", folder / "study.md"]
    with writing_to(folder, name="the study's folder", advice="choose another one (--out)"):
        for path, text in zip(written, (study_csv(study), study_markdown(study)), strict=True):
            path.write_text(text, encoding="utf-8", newline="")
        for kind in FIGURES:
            drawing = study_plot(study, kind, palette=light()) if kind in study.figures else None
            if drawing is not None:
                written += save_figure(drawing, folder / kind)
            else:
                remove_figure(folder / kind)
        page = folder / "study.html"
        write_atomically(page, study_page(study))
    return [*written, page]


def _data_sets(count: int) -> str:
    return "1 data set" if count == 1 else f"{count} data sets"


def study_page(study: Study) -> str:
    """Return the page as text."""
    drawn = [(kind, study_plot(study, kind)) for kind in study.figures]
    pictures = [
        plot_of(drawing, kind, TITLES[kind], CAPTIONS.get(kind, ""))
        for kind, drawing in drawn
        if drawing is not None
    ]
    return fill_page(
        "study",
        title=study.title,
        source=" · ".join(filter(None, (study.source, _data_sets(len(study.data))))),
        headline=study_headline(study),
        notes=[*filter(None, [study.shows]), *study_notes(study)],
        pictures=pictures,
        methods=as_table(normalized_columns(study)),
        data=[
            (name, as_table(study_columns(study, [row for row in study.rows if row.data == name])))
            for name in study.data
        ],
    )
