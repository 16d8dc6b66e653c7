"""Whether a row and its standard fine-tuning were trained alike, and with the same seeds."""

from collections.abc import Mapping

from tutelage.results.comparison import Comparison, Row
from tutelage.results.grouping import training_differences
from tutelage.results.shell import command_line, started_by

__all__ = ["fine_tuning_of", "how_fair", "unlike_training"]


def unlike_training(row: Row, baseline: Row | None) -> str:
    """Return the settings in which a row's training differs from its baseline's.

    For example ``steps 400 against 200, lr 0.001 against 0.0003``; empty where they were trained
    alike, or each with its tuned settings.
    """
    if row.fair or baseline is None or not row.runs or not baseline.runs:
        return ""
    pairs = training_differences(row.runs[0].result, baseline.runs[0].result)
    return ", ".join(
        f"{name} {_plain(ours)} against {_plain(theirs)}" for name, (ours, theirs) in pairs.items()
    )


def how_fair(comparison: Comparison, row: Row) -> list[str]:
    """Return sentences on what, but for the transfer, sets a row and its baseline apart."""
    baseline, difference = comparison.baseline_of(row), row.difference
    sentences = []
    if not row.fair and row.runs:
        sentences.append(
            "The two were not trained alike, so the difference is not due to the transfer alone. "
            "This trains standard fine-tuning alike: " + fine_tuning_of(row, suffix="stl-alike")
        )
    sentences += _other_lengths(row, baseline)
    if baseline is not None and difference is not None and not difference.paired:
        sentences.append(
            f"The two share no seed ({_list(row)} against {_list(baseline)}), "
            "so the difference cannot be paired by seed."
        )
    return sentences


def _other_lengths(row: Row, baseline: Row | None) -> list[str]:
    """Say where automatic numbers of steps differ."""
    if not row.fair or baseline is None or not row.runs or not baseline.runs:
        return []
    ours, theirs = row.runs[0].result, baseline.runs[0].result
    if not ours.automatic_steps or ours.steps == theirs.steps:
        return []
    return [
        f"Each had its automatic number of steps, {ours.steps:,} against {theirs.steps:,} for standard "
        "fine-tuning; a number in train.steps gives both the same."
    ]


def fine_tuning_of(
    row: Row, *, suffix: str = "stl", train: Mapping[str, float] | None = None
) -> str:
    """Return the command that trains standard fine-tuning with the settings of a row's first run.

    Args:
        row: The row.
        suffix: Of the new run's folder.
        train: Other settings of ``train``, by name.
    """
    result = row.runs[0].result
    folder, processes = result.config.get("output", {}).get("dir", "runs/run"), result.processes
    changes = [
        word
        for name, value in (train or {}).items()
        for word in ("--set", f"train.{name}={value:g}")
    ]
    return command_line(
        *(*started_by(processes), "train", f"{folder}/config.toml", "--method", "stl"),
        *(*changes, "--out", f"{folder}-{suffix}"),
    )


def _plain(value: object) -> str:
    if value is None:
        return "not stated"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _list(row: Row) -> str:
    return ", ".join(str(seed) for seed in row.seeds)
