"""Teachers' features are joined to the rows they belong to, and read from the cache again."""

import small_parts
import torch

from tutelage.cache.table import matrix
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import (
    evaluated_rows,
    extract_features,
    extraction_settings,
    run_digest,
    teacher_rows,
)
from tutelage.progress import Silent


class Labels(Silent):
    """Keeps the labels of the work that is reported."""

    def __init__(self):
        self.labels = []

    def track(self, label, total, *, unit, done=0):
        self.labels.append(label)
        return super().track(label, total, unit=unit, done=done)


def extracted(config, progress=None):
    plan, runtime = Plan.of(config), Runtime.of(config, progress)
    return plan, runtime, extract_features(plan, runtime)


def test_rows_have_the_features_of_their_own_images(small, digits):
    plan, _, teachers = extracted(small)
    table = teacher_rows(teachers, plan.training)
    images = small_parts.pixels(digits, "train", plan.training.ids)
    assert dict(table.widths) == {"wide": 9, "narrow": 4}
    found = table.gather(torch.arange(len(table)))
    for name in ("wide", "narrow"):
        expected = small_parts.features(getattr(small_parts, name)(), images)
        assert torch.allclose(found[name], expected, atol=1e-5), name


def test_test_rows_are_extracted(small, digits):
    plan, runtime, teachers = extracted(small)
    table = evaluated_rows(plan, teachers, runtime)
    images = small_parts.pixels(digits, "test", plan.evaluated.ids)
    expected = [
        small_parts.features(make(), images) for make in (small_parts.wide, small_parts.narrow)
    ]
    found = matrix(table, torch.arange(len(table)))
    assert torch.allclose(found, torch.cat(expected, dim=1), atol=1e-5)


def test_a_hold_out_of_the_training_rows_is_read_from_their_features(small, digits):
    config = small.replace({"data.evaluate": "holdout", "data.holdout": 0.3})
    progress = Labels()
    plan, runtime, teachers = extracted(config, progress)
    before = list(progress.labels)
    table = evaluated_rows(plan, teachers, runtime)
    assert progress.labels == before, "nothing was extracted"
    images = small_parts.pixels(digits, "train", plan.evaluated.ids)
    expected = small_parts.features(small_parts.wide(), images)
    assert torch.allclose(table.gather(torch.arange(len(table)))["wide"], expected, atol=1e-5)
    assert set(plan.evaluated.ids).isdisjoint(plan.training.ids)


def test_features_are_extracted_once(small):
    first, again = Labels(), Labels()
    _, _, teachers = extracted(small, first)
    assert len(first.labels) == 2
    _, _, cached = extracted(small, again)
    assert again.labels == []
    assert [t.keys for t in cached] == [t.keys for t in teachers]


def test_a_teacher_describes_its_features(small):
    plan, _, (wide, narrow) = extracted(small)
    assert (wide.name, narrow.name) == ("wide", "narrow")
    assert wide.parameters == 3 * 32 * 32 * 9 + 9
    rows = len(plan.splits.extracted)
    assert wide.bytes >= rows * 9 * 4
    assert wide.bytes > narrow.bytes >= rows * 4 * 4
    assert wide.keys != narrow.keys


def test_the_run_is_another_one_where_features_are(small):
    plan, _, teachers = extracted(small)
    whole = run_digest(plan, teachers)
    assert whole == run_digest(plan, teachers)
    assert whole != run_digest(plan, teachers[:1])
    assert whole != run_digest(plan, teachers[::-1])


def test_settings_of_the_extraction_are_the_configs(small):
    config = small.replace({"teachers.1.batch_size": 5, "cache.dtype": "float16"})
    plan, runtime = Plan.of(config), Runtime.of(config)
    settings = [extraction_settings(plan, teacher, runtime) for teacher in plan.teachers]
    assert [s.batch_size for s in settings] == [small.teachers[0].batch_size, 5]
    assert {(s.dtype, s.workers, s.device.type) for s in settings} == {("float16", 0, "cpu")}
