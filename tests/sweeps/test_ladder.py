"""How many settings a budget allows, and what is left of it, without training anything."""

import hashlib
from pathlib import PurePath

import pytest
from small_search import AUTO_SPACE

from tutelage.config import ExperimentConfig
from tutelage.progress import Silent
from tutelage.sweeps import ladder as ladders
from tutelage.sweeps.budget import Budget
from tutelage.sweeps.choice import Tried
from tutelage.sweeps.climb import search
from tutelage.sweeps.jobs import Failed
from tutelage.sweeps.ladder import Ladder, _Run
from tutelage.sweeps.processes import process_pool
from tutelage.sweeps.repeats import Repeat
from tutelage.sweeps.search_space import SearchPoint


@pytest.fixture
def ladder(tmp_path):
    def of(budget: str, *, folds: int = 5, jobs: int = 1) -> Ladder:
        config = ExperimentConfig.model_validate(
            {
                "data": {"source": "folder:x"},
                "teachers": [{"source": "timm:x"}],
                "transfer": {"method": "stl"},
                "output": {"dir": str(tmp_path)},
            }
        )
        repeats = [Repeat(fold, fold, PurePath(f"fold-{fold}")) for fold in range(folds)]
        with process_pool(1) as processes:
            return Ladder(config, repeats, Budget.parse(budget), jobs, processes, Silent())

    return of


def cost(count: int, *, folds: int) -> int:
    """Runs of so many settings with teachers, counted one by one, with those of the baseline."""
    middle = min(3, folds)
    third, ninth = -(-count // 3), min(count, max(2, -(-count // 9)))
    plain = 2 * (middle - 1) + (folds - middle)
    return 2 + plain + count + third * (middle - 1) + ninth * (folds - middle)


@pytest.mark.parametrize("folds", [2, 3, 5, 8])
@pytest.mark.parametrize("budget", [3, 10, 20, 40, 100])
def test_as_many_as_the_budget_pays_for_with_all_that_follows(ladder, budget, folds):
    count = ladder(str(budget), folds=folds).affordable(so_far=0)
    if count:
        assert cost(count, folds=folds) <= budget
    assert cost(count + 1, folds=folds) > budget


def test_costs_that_are_not_known_yet_do_not_count_for_ever(ladder):
    assert ladder("10m").affordable(so_far=0) == 1000


def test_nothing_is_best_before_anything_was_tried(ladder):
    fresh = ladder("40")
    assert fresh.best(plain=True) == []
    assert fresh.tried == []
    assert fresh.runs == 0


@pytest.mark.parametrize(
    ("budget", "seconds", "pace"),
    [("100", 1e6, 1.0), ("1h", 10.0, 1.0), ("10m", 20.0, 0.5), ("1m", 20.0, 0.25)],
)
def test_runs_are_shortened_only_where_time_is_short(ladder, budget, seconds, pace):
    begun = ladder(budget)
    point = SearchPoint("stl", {"lr": 1e-3, "patience": 0.25})
    begun.taught = 3.0
    begun.points[point.name] = point
    begun._results[point.name] = [_Run(0.5, seconds / 4, 0.0)]
    assert begun.pace() == pytest.approx(pace)  # 15 runs of 20 s, 15 of 60 s are 1,200 s


def test_what_teachers_took_once_is_not_expected_again(ladder):
    begun = ladder("1h")
    point = SearchPoint("probe", {"lr": 1e-3, "views": 4})
    begun.points[point.name] = point
    begun._results[point.name] = [_Run(0.5, 100.0, 80.0)]
    assert begun._cost("probe") == pytest.approx(20.0)
    assert begun._spent == pytest.approx(100.0)


def drawn(budget: str, place: str) -> float | Failed:
    """A score of a run that is not trained, by its folder, other for each budget; some fail."""
    lot = hashlib.blake2b(f"{budget} {place}".encode(), digest_size=1).digest()[0] / 255
    plain = "stl" in place and "fold-0" in place
    return Failed("it did not train") if lot < 0.3 and not plain else lot


@pytest.fixture
def tried(ladder, tmp_path, monkeypatch):
    """What a search tries whose runs are not trained."""
    configs: dict[tuple[str, int], ExperimentConfig] = {}
    config_of = Ladder._config

    def config(self: Ladder, point: SearchPoint, number: int) -> ExperimentConfig:
        if (point.name, number) not in configs:
            configs[point.name, number] = config_of(self, point, number)
        return configs[point.name, number]

    def place(config: ExperimentConfig) -> str:
        return config.output.dir.relative_to(tmp_path).as_posix()

    def on_disk(self: Ladder, point: SearchPoint, number: int) -> _Run | None:
        found = drawn(self.budget.text, place(self._config(point, number)))
        return None if isinstance(found, Failed) else _Run(found, 1.0, 0.0)

    monkeypatch.setattr(Ladder, "_on_disk", on_disk)
    monkeypatch.setattr(Ladder, "_config", config)

    def of(budget: int, *, jobs: int) -> tuple[list[Tried], bool]:
        climbed = ladder(str(budget), jobs=jobs)

        def attempt_all(_: object, runs: list[ExperimentConfig], **__: object) -> list[object]:
            return [drawn(str(budget), place(one)) for one in runs]

        monkeypatch.setattr(ladders, "attempt_all", attempt_all)
        search(climbed, AUTO_SPACE)
        assert climbed.runs + ladders.FINAL_RUNS <= budget
        return climbed.tried, climbed.used_up

    return of


def test_what_a_number_of_runs_pays_for_does_not_depend_on_jobs(tried):
    failed = 0
    for budget in range(3, 36):
        alone = tried(budget, jobs=1)
        failed += any(one.reason for one in alone[0])
        assert all(tried(budget, jobs=jobs) == alone for jobs in (3, 8)), budget
    assert failed
