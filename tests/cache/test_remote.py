"""A remote copy of the cache: what one machine computed another fetches, byte for byte, or not at all."""

import sys
from dataclasses import replace
from pathlib import Path

import fsspec.core  # noqa: F401
import pytest
from small_teachers import TextTeacher, texts

from tutelage.cache import FeatureStore
from tutelage.cache.manifest import FileRecord, Manifest
from tutelage.cache.remote import RemoteCache
from tutelage.config import load_config
from tutelage.errors import CacheError, ConfigError, MissingExtraError
from tutelage.extraction import ExtractionSettings, estimate, extract_split
from tutelage.files import file_digest

SPLIT, ON_CPU = texts(3000), ExtractionSettings(device="cpu")


@pytest.fixture(params=["memory", "file", "s3"])
def url(request, tmp_path, monkeypatch):
    if request.param == "s3":
        yield from _bucket(monkeypatch, tmp_path.name)
    elif request.param == "file":
        yield f"file://{tmp_path}/remote"
    else:
        yield f"memory://{tmp_path.name}"


def _bucket(monkeypatch, folder):
    """A bucket of a local server that speaks S3."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = pytest.importorskip("moto.server", reason="moto is not installed").ThreadedMotoServer
    import boto3

    running = server(port=0)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket="features")
    yield f"s3://features/{folder}"
    running.stop()


def store(folder: Path, url: str, **options: object) -> FeatureStore:
    return FeatureStore(folder, remote=RemoteCache(url), **options)


def extract(given: FeatureStore, teacher: TextTeacher | None = None):
    return extract_split(teacher or TextTeacher(), SPLIT, store=given, settings=ON_CPU)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_one_machine_computed_another_fetches(url, tmp_path):
    here, there = store(tmp_path / "here", url), store(tmp_path / "there", url)
    first = extract(here)
    idle = TextTeacher()
    expected = estimate(idle, SPLIT, store=there, settings=ON_CPU)
    assert (expected.cached, expected.measured) == (3000, 0)
    assert not there.root.exists(), "an estimate fetches nothing"
    second = extract(there, idle)
    assert not idle.batches, "nothing was computed"
    assert content(second.folder) == content(first.folder)
    assert second.folder.parent == there.root
    assert not list((there.root / ".arriving").iterdir())


def test_features_that_were_cached_before_are_put_there(url, tmp_path):
    extract(FeatureStore(tmp_path / "here"))
    idle = TextTeacher()
    features = extract(store(tmp_path / "here", url), idle)
    assert not idle.batches
    assert RemoteCache(url).size(features.folder.name) == sum(
        len(one) for one in content(features.folder).values()
    )


def test_a_damaged_file_is_told_and_never_used(url, tmp_path):
    features = extract(store(tmp_path / "here", url))
    remote = RemoteCache(url)
    (shard,) = (path.name for path in features.folder.glob("features-*"))
    place = remote._at(features.folder.name, shard)
    damaged = bytearray(remote._files.cat_file(place))
    damaged[-1] ^= 1
    remote._files.pipe_file(place, bytes(damaged))
    there = store(tmp_path / "there", url)
    for _ in range(2):
        with pytest.raises(CacheError, match=f"{shard} is damaged: .* remove {url}/"):
            extract(there)
    assert not list(there.root.glob("*/manifest.json"))
    remote._files.rm(remote._at(features.folder.name), recursive=True)
    assert content(extract(there).folder) == content(features.folder)
    assert remote.size(features.folder.name), "and is put there anew"


def test_an_entry_reaches_no_file_outside_of_its_folder(tmp_path):
    """Whoever may write the place may not write the machines that fetch from it."""
    url = f"file://{tmp_path}/remote"
    features = extract(store(tmp_path / "here", url))
    entry = tmp_path / "remote" / features.folder.name
    (tmp_path / "remote" / "harm").write_text("harm")
    manifest = Manifest.read(entry)
    harm = FileRecord("../harm", 4, file_digest(tmp_path / "remote" / "harm"))
    replace(manifest, files=(*manifest.files, harm)).write(entry)
    there = store(tmp_path / "there", url)
    with pytest.raises(CacheError, match=r"manifest.json names '../harm', which is no file of its"):
        extract(there)
    assert not list(there.root.rglob("harm"))


def test_an_entry_without_a_manifest_is_not_there(url, tmp_path, monkeypatch):
    here = store(tmp_path / "here", url)
    put, sent = here.remote._files.put_file, []

    def cut_off(source: str, place: str) -> None:
        if len(sent) == 3:
            raise ConnectionError("the line is dead")
        sent.append(place)
        put(source, place)

    monkeypatch.setattr(here.remote._files, "put_file", cut_off)
    with pytest.raises(CacheError, match=r"cannot be used \(ConnectionError: the line is dead\)"):
        extract(here)
    (folder,) = (path.parent for path in here.root.glob("*/manifest.json"))
    assert RemoteCache(url).size(folder.name) is None
    monkeypatch.setattr(here.remote._files, "put_file", put)
    idle = TextTeacher()
    extract(store(tmp_path / "here", url), idle)
    assert not idle.batches, "what was computed is kept"
    assert RemoteCache(url).size(folder.name)


def test_an_interrupted_fetch_gets_only_what_is_missing(tmp_path):
    url = f"memory://{tmp_path.name}"
    extract(store(tmp_path / "here", url, shard_bytes=50_000))
    there = store(tmp_path / "there", url, shard_bytes=50_000)
    (name,) = (path.parent.name for path in (tmp_path / "here").glob("*/manifest.json"))
    got = []

    class CutOff:
        """The file system, which fails once after five files."""

        def __init__(self, files: object) -> None:
            self.files = files

        def __getattr__(self, attribute: str) -> object:
            return getattr(self.files, attribute)

        def get_file(self, place: str, path: str) -> None:
            got.append(Path(path).name)
            if len(got) == 5:
                raise TimeoutError("too slow")
            self.files.get_file(place, path)

    there.remote._files = CutOff(there.remote._files)
    with pytest.raises(CacheError, match="too slow"):
        there.remote.fetch(there.root / name)
    first, got[:] = got[2:4], ["again"] * 10
    assert there.remote.fetch(there.root / name)
    assert not set(first) & set(got[10:])
    assert content(there.root / name) == content(tmp_path / "here" / name)


def test_an_unfinished_extraction_gives_way(tmp_path):
    url = f"memory://{tmp_path.name}"
    done = extract(store(tmp_path / "here", url))
    there = store(tmp_path / "there", url)
    with there.writer(done.key, ids=SPLIT.ids, width=24, part_rows=2048) as writer:
        writer.write(0, done.read(0, 2048).float())
    assert content(extract(there).folder) == content(done.folder)


def test_a_place_that_cannot_be_written_is_told_before_anything_is_computed(tmp_path):
    idle = TextTeacher()
    for url in ("file:///proc/nowhere", "s3://no-such-bucket/x"):
        if url.startswith("s3"):
            pytest.importorskip("s3fs", reason="s3fs is not installed")
        with pytest.raises(CacheError, match=f"cache.remote = '{url}' cannot be used"):
            extract(store(tmp_path / "cache", url), idle)
    assert not idle.batches


def test_urls_that_are_not_known_and_packages_that_are_missing(monkeypatch):
    with pytest.raises(ConfigError, match="is no URL that fsspec knows"):
        RemoteCache("nonsense://x")
    for package, url in (("s3fs", "s3://bucket/x"), ("gcsfs", "gs://bucket/x")):
        known = sys.modules["fsspec.registry"]._registry
        monkeypatch.delitem(known, url[:2], raising=False)
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingExtraError, match=rf"needs {package}, .*\[remote\]"):
            RemoteCache(url)


def test_the_local_folder_is_no_url_and_the_url_holds_no_password():
    table = {"data": {"source": "folder:x"}, "transfer": {"method": "stl"}}
    with pytest.raises(
        ConfigError, match=r"cache\.dir: 's3://b/x' .* set cache\.remote = 's3://b/x'"
    ):
        load_config([table], assignments=["cache.dir=s3://b/x"])
    with pytest.raises(ConfigError, match=r"cache\.remote: the URL holds a password"):
        load_config([table], assignments=["cache.remote=sftp://me:secret@host/x"])
    for url in (
        "s3://b/x",
        "simplecache::s3://b/x",
        "file:///x",
        "file:x",
        "memory://x",
        "/mnt/x",
        "x",
    ):
        assert load_config([table], assignments=[f"cache.remote={url}"]).cache.remote == url


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("s3:/b/x", "write s3://b/x"),
        ("gs:b/x", "write gs://b/x"),
        ("s3://", "write s3://folder"),
        ("file://", "write file://folder"),
        ("", "at least 1 character"),
    ],
)
def test_a_url_that_fsspec_would_take_for_the_current_folder_is_refused(url, advice):
    with pytest.raises(ConfigError, match=rf"cache\.remote.*{url!r}.*{advice}"):
        load_config([{"data": {"source": "folder:x"}}], assignments=[f"cache.remote={url}"])


def test_a_stopped_process_that_fetches_the_same_is_told(tmp_path, monkeypatch, stopped_holder):
    monkeypatch.setattr("tutelage.files.locks.SAID_AFTER", 0.2)
    url = f"file://{tmp_path}/remote"
    folder = extract(store(tmp_path / "here", url)).folder
    path = tmp_path / "there" / ".locks" / f"{folder.name}.lock"
    holder, told = stopped_holder(path), []

    def end(line: str) -> None:
        told.append(line)
        holder.kill()

    assert RemoteCache(url).fetch(tmp_path / "there" / folder.name, note=end)
    (line,) = told
    words = "waiting for another process that fetches or extracts these features: it holds"
    assert line.startswith(f"{words} {path};")
