"""A remote copy of the cache: finished entries are fetched from a URL, and put there.

Features are mapped from a local folder. Remotely an entry has the same files under the same names:

    <url>/<digest of the key>/manifest.json     last, so that an entry with it is whole
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tutelage.cache.disk import writing_features
from tutelage.cache.locks import hold_lock
from tutelage.cache.manifest import JOURNAL, KEY, MANIFEST, FileRecord, Manifest, read_key
from tutelage.errors import CacheError, ConfigError, MissingExtraError, TutelageError, first_line
from tutelage.files import file_digest, is_full, sync_folder
from tutelage.files.locks import tell

__all__ = ["RemoteCache"]

PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
"""The package of a kind of URL, in the extra ``remote``."""

WRITABLE = ".tutelage"
"""An empty file that shows that the place can be written."""

Report = Callable[[int], None]


class RemoteCache:
    """Finished entries of a cache at a URL that fsspec knows.

    Args:
        url: A folder, such as ``s3://bucket/features``.

    Raises:
        MissingExtraError: If the package for this kind of URL is not installed.
        ConfigError: If it is no URL that fsspec knows.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._files, path = _file_system(self.url)
        self._path = path.rstrip("/")
        self._writable = False

    def size(self, name: str) -> int | None:
        """Return the bytes of an entry, None where there is none.

        Args:
            name: Name of its folder.

        Raises:
            CacheError: If the place cannot be reached.
        """
        with self._talking():
            if not self._files.exists(self._at(name, MANIFEST)):
                return None
            return sum(int(one["size"]) for one in self._files.ls(self._at(name), detail=True))

    def check_writable(self) -> None:
        """Write a small file there, once, so that features are not computed for nothing.

        Raises:
            CacheError: If the place cannot be written.
        """
        if not self._writable:
            with self._talking():
                self._make_folder()
                self._files.pipe_file(self._at(WRITABLE), b"")
            self._writable = True

    def fetch(
        self,
        folder: Path,
        *,
        report: Report = lambda count: None,
        note: Callable[[str], None] = tell,
    ) -> bool:
        """Fetch an entry to its local folder, if there is one; False if there is none.

        Every file is compared with the manifest's digest before the entry is used. What an interrupted
        fetch left is used again.

        Args:
            folder: Where the entry belongs; named after the digest of its key.
            report: Receives the bytes that have arrived.
            note: Receives one line if the wait for another process that fetches it lasts.

        Raises:
            CacheError: If the place cannot be reached, a file is damaged, or the disk is full.
        """
        with hold_lock(folder, doing="fetches or extracts these features", note=note):
            if (folder / MANIFEST).exists():
                return True
            with self._talking():
                if not self._files.exists(self._at(folder.name, MANIFEST)):
                    return False
            arriving = folder.parent / ".arriving" / folder.name
            with writing_features(folder.parent, needed=lambda: self.size(folder.name) or 0):
                arriving.mkdir(parents=True, exist_ok=True)
                manifest = self._received(arriving, report)
                _put_in_place(arriving, folder, manifest)
        return True

    def put(self, folder: Path, *, report: Report = lambda count: None) -> bool:
        """Put a finished local entry there, the manifest last; False if it is there already.

        Args:
            folder: The entry's folder.
            report: Receives the bytes that were sent.

        Raises:
            CacheError: If the place cannot be written, or the entry is damaged.
        """
        manifest, sent = Manifest.read(folder), 0
        with self._talking():
            if self._files.exists(self._at(folder.name, MANIFEST)):
                return False
            self._make_folder(folder.name)
            for file in (FileRecord(KEY, 0, ""), *manifest.files, FileRecord(MANIFEST, 0, "")):
                self._files.put_file(str(folder / file.name), self._at(folder.name, file.name))
                sent += file.bytes
                report(sent)
        return True

    def _received(self, arriving: Path, report: Report) -> Manifest:
        """Fetch the files of an entry, and compare each with its digest."""
        for name in (KEY, MANIFEST):
            self._get(arriving / name)
        read_key(arriving)
        manifest, received = Manifest.read(arriving), 0
        if manifest.key != arriving.name:
            raise CacheError(f"{self._shown(arriving / MANIFEST)} belongs to another key")
        left = manifest.bytes - sum(path.stat().st_size for path in arriving.iterdir())
        if left > (free := shutil.disk_usage(arriving).free):
            raise OSError(28, f"{free / 1e9:.2f} GB are free")
        for file in manifest.files:
            path = arriving / file.name
            if not _is(path, file):
                self._get(path)
                if not _is(path, file):
                    path.unlink()
                    raise CacheError(
                        f"{self._shown(path)} is damaged: its bytes are not those that were written; "
                        f"remove {self.url}/{arriving.name}, and run the same command again"
                    )
            received += file.bytes
            report(received)
        manifest.check(arriving)
        return manifest

    def _make_folder(self, *names: str) -> None:
        """Make a folder, where there are such; an object store might make a bucket of the name."""
        if self.url.partition(":")[0] not in PACKAGES:
            self._files.makedirs(self._at(*names), exist_ok=True)

    def _get(self, path: Path) -> None:
        with self._talking():
            self._files.get_file(self._at(path.parent.name, path.name), str(path))

    def _at(self, *names: str) -> str:
        return "/".join((self._path, *names))

    def _shown(self, path: Path) -> str:
        return f"{self.url}/{path.parent.name}/{path.name}"

    def _is_local(self, error: OSError) -> bool:
        """Whether a file of the local folder caused an error."""
        return bool(error.filename) and not str(error.filename).startswith(self._path)

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Turn what a file system raises into one message; each has errors of its own."""
        try:
            yield
        except (TutelageError, MemoryError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and (is_full(error) or self._is_local(error)):
                raise
            raise CacheError(
                f"cache.remote = {self.url!r} cannot be used ({type(error).__name__}: "
                f"{first_line(error)}); check the address, the network and the credentials, or leave "
                "cache.remote out: features are then computed and kept in cache.dir"
            ) from error


def _file_system(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, without memory of listings, and the path in it."""
    scheme = url.partition(":")[0]
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtraError("fsspec", extra="remote", purpose="cache.remote") from error
    try:
        files, path = url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        package = PACKAGES.get(scheme)
        if package is None:
            raise ConfigError(f"cache.remote = {url!r}: {first_line(error)}") from error
        raise MissingExtraError(
            package, extra="remote", purpose=f"cache.remote = {url!r}"
        ) from error
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"cache.remote = {url!r} is no URL that fsspec knows ({first_line(error)}); write for "
            "example s3://bucket/folder or gs://bucket/folder"
        ) from error
    return files, str(path)


def _is(path: Path, file: FileRecord) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and file_digest(path) == file.digest


def _put_in_place(arriving: Path, folder: Path, manifest: Manifest) -> None:
    """Move an entry to its folder, the manifest last, over what was computed of it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (*folder.glob("features-*"), folder / JOURNAL):
        path.unlink(missing_ok=True)
    for name in (KEY, *(file.name for file in manifest.files)):
        (arriving / name).replace(folder / name)
    sync_folder(folder)
    (arriving / MANIFEST).replace(folder / MANIFEST)
    sync_folder(folder)
    shutil.rmtree(arriving)
