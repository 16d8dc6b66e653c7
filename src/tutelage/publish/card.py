"""The model card of a finished run's student: a README that the hub reads, too."""

import re
from dataclasses import dataclass, replace
from importlib.resources import files
from os import PathLike
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from tutelage.deploy.saved import SavedRun
from tutelage.errors import DataError, OutputError
from tutelage.files import digest_of, write_atomically, writing_to
from tutelage.publish import card_facts
from tutelage.publish.licences import licence_in
from tutelage.publish.measured import Measured
from tutelage.publish.origins import base_model, citation, licences_of, papers
from tutelage.publish.public import public_result, public_source
from tutelage.publish.usage import library, pipeline_tag, usage
from tutelage.results.comparison import Comparison
from tutelage.results.folders import comparison_around
from tutelage.results.latency import read_latency
from tutelage.results.predictions import read_predictions
from tutelage.results.result import RESULT, Result
from tutelage.tasks import TASKS

__all__ = ["CARD", "Card", "card", "model_card"]

CARD = "README.md"
_MARK = re.compile(r"\n<!-- by tutelage: run ([0-9a-f]{32}), text ([0-9a-f]{32}) -->\n\Z")


@dataclass(frozen=True)
class Card:
    """A card as it lies in a folder.

    Attributes:
        path: The file.
        text: Its content.
        run: Digest of the result that it was written from; None where nothing says so.
        edited: Whether somebody has changed it since.
    """

    path: Path
    text: str
    run: str | None
    edited: bool

    @property
    def license(self) -> str | None:
        """The licence in its header; None where there is none."""
        return licence_in(self.text)

    @classmethod
    def read(cls, path: Path) -> "Card | None":
        """Read a card; None where there is none.

        Raises:
            DataError: If it is no text.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read: {error}") from error
        mark = _MARK.search(text)
        if mark is None:
            return cls(path, text, None, edited=True)
        body = text[: mark.start()]
        return cls(path, text, mark[1], edited=_digest(body) != mark[2])


def card(
    run: str | PathLike[str],
    *,
    name: str | None = None,
    license: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the model card of a finished run: ``README.md`` in its ``student/``.

    Args:
        run: The folder of a finished run.
        name: The student's name on the hub, ``USER/NAME``, for the lines that load it.
        license: The student's licence, as the hub names it: ``apache-2.0``, ``mit``, ``other``. By
            default that of the card before.
        overwrite: Replace a card that was changed by hand.

    Returns:
        The card's path.

    Raises:
        DataError: If it is not the folder of a finished run.
        OutputError: If there is a card that was changed by hand, or the folder cannot be written.

    Example:
        >>> import tutelage
        >>> tutelage.card("runs/flowers", license="apache-2.0")  # doctest: +SKIP
        PosixPath('runs/flowers/student/README.md')
    """
    saved = SavedRun.open(run)
    if saved.published:
        raise DataError(f"{run} is a published student; its card is {CARD} there")
    path = saved.student_folder / CARD
    before = Card.read(path)
    if before is not None and before.edited and not overwrite:
        raise OutputError(
            f"{path} was changed by hand; keep it, or replace it with --overwrite (overwrite=True)"
        )
    if license is None and before is not None:
        license = before.license
    text = model_card(saved, name=name, license=license)
    with writing_to(path):
        write_atomically(path, text)
    return path


def model_card(saved: SavedRun, *, name: str | None = None, license: str | None = None) -> str:
    """Return the text of a card.

    It names no folder of this machine. Figures are those of the run, with intervals from its
    predictions; what the transfer changed, from the runs next to it; speed, from ``latency.json``.

    Args:
        saved: The run.
        name: The student's name on the hub.
        license: The student's licence.
    """
    result = public_result(saved.result)
    measured = Measured.of(result, read_predictions(saved.folder))
    comparison = _public_comparison(comparison_around(saved.folder))
    written = ModelCard.from_template(
        _card_data(saved, result, measured, name=name, license=license),
        template_str=(files("tutelage.publish") / "card.md.jinja").read_text(encoding="utf-8"),
        title=name or result.name,
        summary=card_facts.summary(result, saved.modality),
        results=card_facts.results(result, measured),
        verdict=card_facts.verdict_with_table(comparison),
        speed=card_facts.speed(read_latency(saved.folder)),
        training=card_facts.training(comparison),
        models=card_facts.models(result, licences_of(saved.result)),
        use=usage(saved, name),
        limits=card_facts.limits(result, measured, license=license),
        citation=citation(result),
    )
    body = re.sub(r"\n{3,}", "\n\n", str(written)).rstrip("\n") + "\n"
    return f"{body}\n<!-- by tutelage: run {run_digest(saved)}, text {_digest(body)} -->\n"


def run_digest(saved: SavedRun) -> str:
    """Return the digest of a run's result, by which a card tells what it was written from."""
    return digest_of((saved.folder / RESULT).read_bytes())


def _card_data(
    saved: SavedRun,
    result: Result,
    measured: Measured,
    *,
    name: str | None,
    license: str | None,
) -> ModelCardData:
    tag, source = pipeline_tag(saved), result.config["data"]["source"]
    scheme, _, data = source.partition(":")
    on_the_hub = scheme == "hub"
    metrics = TASKS[result.task].metrics
    return ModelCardData(
        license=license,
        library_name=library(saved),
        pipeline_tag=tag,
        tags=["tutelage", *([result.method] if result.teachers else []), *_arxiv(result)],
        base_model=base_model(saved.result),
        datasets=[data] if on_the_hub else None,
        metrics=[one for one in measured.metrics if one in metrics] or None,
        model_name=(name or result.name).rpartition("/")[2],
        eval_results=[
            EvalResult(
                task_type=tag or "other",
                dataset_type=data if on_the_hub else "local",
                dataset_name=data or source,
                dataset_split=measured.split,
                metric_type=metric,
                metric_name=metrics[metric].label if metric in metrics else metric,
                metric_value=round(interval.value, 6),
            )
            for metric, interval in measured.metrics.items()
        ],
    )


def _arxiv(result: Result) -> list[str]:
    return [f"arxiv:{number}" for number in papers(result)]


def _public_comparison(comparison: Comparison) -> Comparison:
    """The comparison with nothing in it that tells of this machine."""
    rows = tuple(
        row.model_copy(
            update={
                "folders": {},
                "runs": tuple(
                    replace(one, result=public_result(one.result), folder=None) for one in row.runs
                ),
            }
        )
        for row in comparison.rows
    )
    return comparison.model_copy(
        update={"rows": rows, "data": public_source(comparison.data), "left_out": ()}
    )


def _digest(body: str) -> str:
    return digest_of(body.rstrip("\n").encode())
