"""Extraction by two actors of a Ray cluster: the bytes of one process, and the same if one is killed."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tutelage.cache import FeatureStore
from tutelage.errors import ConfigError, MissingExtraError, SourceError
from tutelage.extraction import ExtractionSettings, estimate, extract_split
from tutelage.extraction.ray_engine import check_ray, refuse_unreachable

sys.path.insert(0, str(Path(__file__).parents[1] / "cache"))
from small_teachers import TextTeacher, Watch, texts

ROWS = 20_000

IMPORTED = (Path(__file__).parent, Path(__file__).parent.parent / "cache")


def files_of(root: Path) -> dict[str, bytes]:
    """All files but the locks, by their path under the cache."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }


class NotedTeacher(TextTeacher):
    """Notes the processes that compute."""

    def __init__(self, folder: Path, **options) -> None:
        super().__init__(**options)
        self.folder = folder

    def encode(self, batch):
        (self.folder / str(os.getpid())).touch()
        return super().encode(batch)


class WrongTeacher(TextTeacher):
    """Gives a column less than it says."""

    def encode(self, batch):
        return super().encode(batch)[:, 1:]


class FailingTeacher(TextTeacher):
    """Raises what no message of ours foresees; notes where it was."""

    def encode(self, batch):
        raise LookupError(os.getcwd())


def extract(root: Path, teacher: TextTeacher, *, engine: str, progress: Watch | None = None):
    return extract_split(
        teacher,
        texts(ROWS),
        store=FeatureStore(root),
        settings=ExtractionSettings(device="cpu", engine=engine),
        progress=progress,
    )


def test_ray_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check_ray("local")
    with pytest.raises(MissingExtraError, match=r"the engine 'ray' needs ray.*\[ray\]"):
        check_ray("ray")


@pytest.mark.filterwarnings("default")
def test_a_killed_actor_changes_no_byte(cluster, tmp_path):
    extract(tmp_path / "one", TextTeacher(), engine="local")
    (notes := tmp_path / "notes").mkdir()
    killed: list[int] = []

    def kill_one(rows: int) -> None:
        if not killed and rows > ROWS // 4:
            killed.append(min(int(path.name) for path in notes.iterdir()))
            os.kill(killed[0], signal.SIGKILL)

    teacher = NotedTeacher(notes, pause=0.01)
    extract(tmp_path / "ray", teacher, engine="ray", progress=Watch(kill_one))
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "one")
    assert killed
    assert len(list(notes.iterdir())) >= 2
    assert str(os.getpid()) not in {path.name for path in notes.iterdir()}


@pytest.mark.filterwarnings("default")
def test_an_error_of_an_actor_is_the_users(cluster, tmp_path):
    with pytest.raises(SourceError, match="23"):
        extract(tmp_path, WrongTeacher(), engine="ray")


@pytest.mark.filterwarnings("default")
def test_what_a_teacher_raises_is_no_lost_actor(cluster, tmp_path, monkeypatch):
    """Nor do actors work in another folder than the command, whose paths may be relative."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LookupError, match=str(tmp_path)):
        extract(tmp_path, FailingTeacher(), engine="ray")


@pytest.mark.filterwarnings("default")
def test_an_estimate_is_timed_on_an_actor_of_the_cluster(cluster, tmp_path):
    (notes := tmp_path / "notes").mkdir()
    teacher, store = NotedTeacher(notes, pause=0.03), FeatureStore(tmp_path / "cache")
    found = {
        engine: estimate(
            teacher,
            texts(ROWS),
            store=store,
            settings=ExtractionSettings(device="cpu", engine=engine, batch_size=200),
        )
        for engine in ("ray", "local")
    }
    timed_by = [path.name for path in notes.iterdir()]
    assert len(timed_by) == 2
    assert str(os.getpid()) in timed_by
    assert found["ray"].devices.words == "Ray cluster of 2 cores and 0 GPUs: 2 actors (1 core each)"
    assert (found["local"].devices.speedup, found["ray"].devices.speedup) == (1, 2)
    batches = ROWS / 200
    for engine, actors in (("local", 1), ("ray", 2)):
        assert found[engine].seconds >= 0.03 * batches / actors
    assert not (tmp_path / "cache").exists()
    with pytest.raises(SourceError, match="23"):
        estimate(
            WrongTeacher(),
            texts(ROWS),
            store=store,
            settings=ExtractionSettings(device="cpu", engine="ray"),
        )


def test_an_address_at_which_nothing_answers_is_refused_at_once():
    with socket.create_server(("127.0.0.1", 0)) as head:
        port = head.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}", "auto", "local", ""):
            refuse_unreachable(address)
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}", "head:port"):
        with pytest.raises(ConfigError, match=r"RAY_ADDRESS = .* nothing answers .* unset"):
            refuse_unreachable(address)
