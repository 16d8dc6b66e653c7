"""A task is a class: no other part of the house asks which kind it is."""

import re
from pathlib import Path

import pytest

import tutelage
from tutelage.tasks import TASKS, Task

SOURCE = Path(tutelage.__file__).parent
AT_HOME = ("tasks", "config", "recipes")


def test_every_task_is_named_as_it_says():
    for kind, task in TASKS.items():
        assert issubclass(task, Task)
        assert task.kind == kind


@pytest.mark.parametrize("pattern", [r'"regression"', r'"multi-label"', r"\.is_floating_point\(\)"])
def test_no_other_package_compares_kinds(pattern):
    found = [
        str(path.relative_to(SOURCE))
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] not in AT_HOME
        and re.search(pattern, path.read_text(encoding="utf-8"))
    ]
    features = ["cache/table.py", "regularizers/columns.py"]  # ask it of features, not of labels
    assert [path for path in found if path not in features] == []
