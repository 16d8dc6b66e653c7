"""A place for trials: inputs, a fresh working folder, and what undisturbed runs leave."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from outcome import Facts, facts
from scenarios import Scenario, prepare
from server import run
from shim import Fault

__all__ = ["Bench", "Reference"]

PAGES = (".html", ".csv", ".md", ".tex")
"""Files that show how long a run took, which two runs may agree on by chance."""


@dataclass(frozen=True)
class Reference:
    """An undisturbed run of a scenario: what it leaves, and what it takes."""

    facts: Facts
    volatile: frozenset[str]
    seconds: float
    operations: int
    readings: int


class Bench:
    """A place for trials: one folder of inputs, and a fresh working folder for each trial."""

    def __init__(self, folder: Path) -> None:
        self.inputs = folder / "inputs"
        self.work = folder / "work"
        shutil.rmtree(folder, ignore_errors=True)
        prepare(self.inputs)
        self._references: dict[str, Reference] = {}
        self._operations: dict[tuple[str, int], int] = {}

    def fresh(self) -> Path:
        """Return an empty working folder with links to the inputs."""
        for name in ("work", "work.tmp"):
            shutil.rmtree(self.work.with_name(name), ignore_errors=True)
            self.work.with_name(name).mkdir()
        for path in self.inputs.iterdir():
            (self.work / path.name).symlink_to(path)
        return self.work

    def operations(self, scenario: Scenario, kinds: int) -> int:
        """Return how many file operations of some kinds a scenario takes."""
        if (scenario.name, kinds) not in self._operations:
            ended = run(scenario.words, folder=self.fresh(), fault=Fault(kinds=kinds))
            self._operations[scenario.name, kinds] = ended.operations
        return self._operations[scenario.name, kinds]

    def reference(self, scenario: Scenario) -> Reference:
        """Run a scenario undisturbed, twice; what differs then is volatile."""
        if scenario.name not in self._references:
            ended, held = [], []
            for _ in range(2):
                ended.append(run(scenario.words, folder=self.fresh()))
                held.append(facts(self.work, below=scenario.writes))
                if ended[-1].status != 0:
                    raise SystemExit(f"{scenario.name} fails undisturbed:\n{ended[-1].said}")
            volatile = {
                name
                for name in held[0]
                if name.endswith(PAGES) or held[0][name] != held[1].get(name)
            }
            self._references[scenario.name] = Reference(
                held[0],
                frozenset(volatile),
                min(one.seconds for one in ended),
                ended[0].operations,
                ended[0].readings,
            )
        return self._references[scenario.name]
