"""Tables and sentences of the measured speed and size of a student, its teachers and its files."""

from tutelage.files import human_size
from tutelage.report.tables import Column
from tutelage.report.units import EN_DASH, SPACE, parameters
from tutelage.results.latency import Latency, Spread, TimedModel

__all__ = ["size_columns", "speed_columns", "speed_notes"]

UNKNOWN = "not known"


def size_columns(latency: Latency) -> list[Column]:
    """A row a model: its parameters, the size of its files, and its operations for a row."""
    models = latency.models
    return [
        Column("model", tuple(one.name for one in models), text=True),
        Column("parameters", tuple(_parameters(one) for one in models)),
        Column("size", tuple(_size(one) for one in models)),
        Column("GFLOPs a row", tuple(_flops(one) for one in models)),
    ]


def speed_columns(latency: Latency) -> list[Column]:
    """A row for each device, batch size and model: times with quartiles, and against the student."""
    rows = sorted(
        (
            (timing.device != latency.models[0].timings[0].device, timing.device),
            timing.batch_size,
            number,
            model.name,
            timing,
        )
        for number, model in enumerate(latency.models)
        for timing in model.timings
    )
    timings = [row[-1] for row in rows]
    return [
        Column("device", tuple(one.device for one in timings), text=True),
        Column("model", tuple(row[3] for row in rows), text=True),
        Column("batch", tuple(str(one.batch_size) for one in timings)),
        Column("ms a row", tuple(_spread(one.milliseconds) for one in timings)),
        Column("rows/s", tuple(_three(one.rows_per_second) for one in timings)),
        Column(
            "time / student",
            tuple("1" if row[2] == 0 else _spread(row[-1].ratio) for row in rows),
        ),
    ]


def speed_notes(latency: Latency) -> list[str]:
    """Sentences that say what was measured and how, and what was not."""
    rounds = sorted({timing.rounds for one in latency.models for timing in one.timings})
    often = f"{rounds[0]}" if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]}"
    threads = f"{latency.threads} thread" + "s" * (latency.threads > 1)
    return [
        f"Run on {latency.rows}; {latency.machine}, {threads}, PyTorch {latency.versions['torch']}.",
        f"Times are medians of {often} rounds with quartiles in brackets, in float32, from decoded "
        "pixels or token ids to outputs. Models take turns in each round, and ratios are within a "
        f"round; before, each was called {latency.warm_up} times.",
        f"FLOPs are of {latency.counted}. Sizes are of the student's files and of the teachers' "
        "loaded weights.",
        *(f"Not measured: {sentence}." for sentence in latency.left_out),
    ]


def _parameters(model: TimedModel) -> str:
    if model.role == "export":
        return ""
    return UNKNOWN if model.parameters is None else parameters(model.parameters)


def _size(model: TimedModel) -> str:
    return UNKNOWN if model.bytes is None else human_size(model.bytes).replace(" ", SPACE)


def _flops(model: TimedModel) -> str:
    if model.role == "export":
        return ""
    return UNKNOWN if model.flops is None else _three(model.flops / 1e9)


def _spread(spread: Spread) -> str:
    return f"{_three(spread.median)}{SPACE}({_three(spread.low)}{EN_DASH}{_three(spread.high)})"


def _three(number: float) -> str:
    """Three digits, never an exponent: ``0.0123``, ``1.23``, ``12,300``."""
    if number >= 100:
        return f"{float(f'{number:.3g}'):,.0f}"
    return f"{number:#.3g}" if number >= 1e-4 else f"{number:.7f}"
