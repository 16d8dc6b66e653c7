"""Doubt about a teacher's features that tell nothing of the labels: they may be of other rows."""

from tutelage.cache import Features, JoinedTable
from tutelage.data import Split
from tutelage.experiment.plan import TeacherPlan
from tutelage.probes.chance import rows_at_chance

__all__ = ["label_doubts"]

OTHER_ROWS = (
    "so they may be those of other rows, or in another order; compute them from the file that "
    "'tutelage rows DATA --out rows.csv' writes, and keep its ids"
)
OTHER_INPUT = (
    "so there may be nothing to learn from it; check that it suits these rows, and its input"
)


def label_doubts(teacher: TeacherPlan, features: Features, split: Split) -> tuple[str, ...]:
    """Return a sentence if a linear probe tells no more of the labels than chance does.

    Args:
        teacher: The teacher; features of files are advised otherwise than those of models.
        features: Its features, of these rows at least.
        split: The rows. Nothing is said about those without labels.
    """
    if teacher.config.source.startswith("noise:"):
        return ()  # that is what it is for
    rows = rows_at_chance(JoinedTable({teacher.name: features}, split.ids), split.labels)
    if rows is None:
        return ()
    advice = OTHER_ROWS if teacher.config.source.startswith("features:") else OTHER_INPUT
    return (
        f"on {rows:,} rows of {split.name}, a linear probe on its features tells no more of the "
        f"labels than chance, {advice}",
    )
