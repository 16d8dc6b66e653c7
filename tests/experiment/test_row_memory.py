"""A memory of recent rows that cannot be, or holds rows twice, is told."""

import re

import pytest

from tutelage.errors import ConfigError
from tutelage.experiment.parts import build_student, check_method
from tutelage.experiment.plan import Plan
from tutelage.experiment.row_memory import refuse_what_does_not_fit, words_of_copies
from tutelage.memory import free_memory


def test_what_does_not_fit_is_refused_before_the_teachers_run(small):
    plan = Plan.of(small.replace({"transfer.memory": 10**12}))
    with pytest.raises(ConfigError, match=r"transfer\.memory = 1000000000000 rows of .* are free"):
        check_method(plan, build_student(plan))


def test_all_bytes_count():
    rows = free_memory() // 800
    refuse_what_does_not_fit(rows, columns=50)
    refuse_what_does_not_fit(0, columns=50)
    with pytest.raises(ConfigError, match="give fewer rows"):
        refuse_what_does_not_fit(rows, columns=200)


def test_each_process_has_no_memory_of_its_own(small, monkeypatch):
    config = small.replace({"transfer.memory": 24, "transfer.batch": "local"})
    plan = Plan.of(config)
    check_method(plan, build_student(plan))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"the memory of process 0.*transfer\.batch = 'global'"):
        check_method(plan, build_student(plan))
    plan = Plan.of(config.replace({"transfer.batch": "global"}))
    check_method(plan, build_student(plan))


def test_copies_are_told():
    assert words_of_copies(120, trained=120) == []
    (word,) = words_of_copies(121, trained=120)
    assert re.search("transfer.memory = 121 is more than the 120 rows", word)
