"""What unlabelled rows brought, in plain words, or how to find out."""

from tutelage.regularizers.catalogue import label_of
from tutelage.report.units import amount
from tutelage.results.comparison import Comparison, Row
from tutelage.results.shell import command_line
from tutelage.results.unlabelled import UnlabelledGain, learns_from_unlabelled, unlabelled_gain
from tutelage.tasks import Metric

__all__ = ["unlabelled_sentences"]


def unlabelled_sentences(comparison: Comparison) -> list[str]:
    """Return a sentence for each row that learned from unlabelled rows.

    It gives the paired difference from the same runs without these rows. Where there are none, one
    sentence has the command that makes them.
    """
    sentences, alone = [], []
    for row in comparison.finished:
        if row.runs and learns_from_unlabelled(row.runs[0].result):
            gain = unlabelled_gain(row, comparison.rows)
            if gain is None:
                alone.append(row)
            else:
                sentences.append(_brought(row, gain, comparison.metric))
    return sentences + [_how_to_find_out(row) for row in alone[:1]]


def _brought(row: Row, gain: UnlabelledGain, metric: Metric) -> str:
    difference = gain.difference
    seeds = "one seed" if difference.count == 1 else f"{difference.count} seeds"
    sure = {
        "unknown": f"; {seeds} {'is' if difference.count == 1 else 'are'} not enough to tell",
        "none": ", which is within noise",
    }.get(difference.sign, "")
    text = (
        f"{gain.rows:,} unlabelled rows brought {amount(difference, metric)}: {row.label} against the same "
        f"without them, over {seeds}{'' if difference.paired else ', unpaired'}{sure}."
    )
    if gain.steps[0] != gain.steps[1]:
        text += (
            f" With them it was trained for {gain.steps[0]:,} steps, without for {gain.steps[1]:,}."
        )
    return text


def _how_to_find_out(row: Row) -> str:
    result = row.runs[0].result
    folder = result.config.get("output", {}).get("dir", "runs/run")
    return (
        f"{label_of(row.method)} learned from {result.rows['unlabelled']:,} unlabelled rows, too. To see what they "
        "brought, train the same without them: "
        + command_line(
            *("tutelage", "train", f"{folder}/config.toml"),
            *("--set", "train.unlabelled_share=0", "--out", f"{folder}-labelled"),
        )
    )
