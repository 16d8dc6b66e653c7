"""Upload of a finished run's student, its card and its exports to the Hugging Face hub."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from tutelage.deploy.hub import HUB, PUBLISHED, hub_errors
from tutelage.deploy.saved import SavedRun
from tutelage.errors import ConfigError, DataError, OutputError
from tutelage.files import with_digest
from tutelage.progress import Progress, Silent
from tutelage.publish.card import CARD, Card, model_card, run_digest
from tutelage.publish.public import public_result
from tutelage.results.exports import EXPORTS, read_exports

__all__ = ["Pushed", "push"]

KEPT = (".gitattributes",)
"""Files of a repository that are the hub's own."""


@dataclass(frozen=True)
class Pushed:
    """What was published, or would be.

    Attributes:
        name: The student's name on the hub, for ``tutelage.load("hf:NAME")``.
        url: Its page.
        files: Size in bytes of each file, by its path there.
        removed: Files of an earlier upload that this one has not, and that are removed.
        private: Whether only its owner sees it; None where it existed before, and is as it was.
        commit: Identifies the upload; empty if nothing was uploaded.
    """

    name: str
    url: str
    files: dict[str, int]
    removed: tuple[str, ...] = ()
    private: bool | None = None
    commit: str = ""


def push(
    run: str | PathLike[str],
    name: str,
    *,
    private: bool = False,
    exports: bool = False,
    license: str | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Pushed:
    """Publish a finished run's student on the Hugging Face hub, in one commit.

    The files of ``student/`` lie at the top, so that the student's own library loads them by name; with
    them go the card and ``tutelage.json``, the run's result without what tells of this machine (see
    ``public_result``). Neither rows of the data, nor predictions, nor features are uploaded. A card that
    was changed by hand is uploaded as it is; another one is written anew.

    Args:
        run: The folder of a finished run.
        name: ``USER/NAME`` or ``ORGANIZATION/NAME``. The repository is created if there is none.
        private: Create it so that only its owner sees it. An existing repository stays as it is.
        exports: Upload the folder ``exported/`` of the run, too.
        license: The student's licence for the card, as the hub names it, such as ``"apache-2.0"``.
        overwrite: Replace what is in the repository though it is not an earlier upload of this kind.
        dry_run: Upload nothing, and say what would be; the hub is not asked.
        progress: Receives progress reports. Silent by default.

    Raises:
        ConfigError: If the name cannot be one on the hub, or ``license`` is given for a card that was
            changed by hand.
        DataError: If it is not the folder of a finished run; the hub cannot be reached, is switched off
            (``HF_HUB_OFFLINE``), or refuses; the card tells of another training.
        OutputError: If the repository holds other files.

    Example:
        >>> import tutelage
        >>> tutelage.push("runs/flowers", "ada/flowers", private=True).url  # doctest: +SKIP
        'https://huggingface.co/ada/flowers'
    """
    progress = progress or Silent()
    _refuse_name(name)
    if constants.HF_HUB_OFFLINE and not dry_run:
        raise DataError(
            f"cannot publish hf:{name}: the hub is switched off; unset HF_HUB_OFFLINE, or see what would "
            "be uploaded by --dry-run (dry_run=True)"
        )
    saved = SavedRun.open(run)
    if saved.published:
        raise DataError(f"{run} is a published student already; give the folder of a finished run")
    added = _additions(saved, name, exports=exports, license=license)
    sizes = {one.path_in_repo: one.upload_info.size for one in added}
    url = f"{constants.ENDPOINT}/{name}"
    if dry_run:
        return Pushed(name, url, sizes)
    api = HfApi(library_name="tutelage")
    with hub_errors(name, doing="publish"):
        there = _files_there(api, name)
        if there is not None and not overwrite:
            _refuse_others(name, there)
        removed = sorted(set(there or ()) - set(sizes) - set(KEPT))
        progress.note(f"uploading {len(added)} files to {url}")
        if there is None:
            api.create_repo(name, private=private, exist_ok=True)
        done = api.create_commit(
            name,
            [*added, *(CommitOperationDelete(path) for path in removed)],
            commit_message=f"{saved.result.name}, by tutelage",
        )
    return Pushed(
        name,
        url,
        sizes,
        tuple(removed),
        private=private if there is None else None,
        commit=done.oid,
    )


def _additions(
    saved: SavedRun, name: str, *, exports: bool, license: str | None
) -> list[CommitOperationAdd]:
    """All files that are uploaded, by their paths there."""
    student = saved.student_folder
    files = {path.relative_to(student).as_posix(): path for path in _files_in(student)}
    for reserved in (PUBLISHED, "exported"):
        if any(path.split("/")[0] == reserved for path in files):
            raise DataError(
                f"{student / reserved} is in the way of a file of the upload; rename it"
            )
    if exports:
        folder = saved.folder / EXPORTS
        if not folder.is_dir():
            raise ConfigError(
                f"there are no exports in {folder}; write some by 'tutelage export', or leave --exports out"
            )
        for export, record in read_exports(saved.folder).items():
            if not record.is_of(saved.result):
                raise DataError(
                    f"{saved.folder / export} was exported from an earlier training, not from this student; "
                    "write it again by 'tutelage export', remove it, or leave --exports out"
                )
        files |= {
            f"exported/{path.relative_to(folder).as_posix()}": path for path in _files_in(folder)
        }
    files.pop(CARD, None)
    content: dict[str, bytes | Path] = {
        CARD: _card(saved, name, license).encode(),
        PUBLISHED: with_digest(json.loads(public_result(saved.result).model_dump_json())).encode(),
    }
    return [
        CommitOperationAdd(path, source)
        for path, source in sorted((content | files).items(), key=lambda one: one[0])
    ]


def _files_in(folder: Path) -> Sequence[Path]:
    """Files of a folder at any depth, but hidden ones."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _card(saved: SavedRun, name: str, license: str | None) -> str:
    """The card that was changed by hand, or a new one."""
    known = Card.read(saved.student_folder / CARD)
    if known is None:
        return model_card(saved, name=name, license=license)
    if not known.edited:
        return model_card(saved, name=name, license=license or known.license)
    if license is not None:
        raise ConfigError(
            f"{known.path} was changed by hand: write the licence there, and leave --license out"
        )
    if known.run is not None and known.run != run_digest(saved):
        raise DataError(
            f"{known.path} tells of another training than {saved.folder} holds; write it anew by "
            f"'tutelage card {saved.folder} --overwrite'"
        )
    return known.text


def _files_there(api: HfApi, name: str) -> list[str] | None:
    """Files of the repository; None if there is no such repository."""
    try:
        return api.list_repo_files(name)
    except RepositoryNotFoundError as error:
        if error.response.status_code == 401:
            api.whoami()  # says that nobody is logged in
        return None


def _refuse_others(name: str, there: Sequence[str]) -> None:
    others = set(there) - {*KEPT, CARD}
    if others and PUBLISHED not in others:
        raise OutputError(
            f"{HUB}{name} holds other files than those of a student of tutelage, such as {min(others)}; "
            "choose another name, or replace them with --overwrite (overwrite=True)"
        )


def _refuse_name(name: str) -> None:
    if name.count("/") != 1 or name.startswith(HUB):
        raise ConfigError(
            f"{name!r} is not a name for the hub; write USER/NAME or ORGANIZATION/NAME"
        )
    with hub_errors(name, doing="publish"):
        validate_repo_id(name)
