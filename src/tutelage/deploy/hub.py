"""Students that were published on the Hugging Face hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tutelage.errors import ConfigError, DataError, TutelageError, first_line

__all__ = ["HUB", "PUBLISHED", "HubTrouble", "hub_errors", "is_on_the_hub", "local_folder"]

HUB = "hf:"
PUBLISHED = "tutelage.json"
"""The result of a published run; next to it are the files of its student."""
HubTrouble = (HTTPError, OSError)
"""Errors of requests to the hub: no connection, an error as the answer, nobody logged in."""


def is_on_the_hub(run: str | PathLike[str]) -> bool:
    """Whether a run is named by its place on the hub, ``hf:USER/NAME``, and not by a folder."""
    return fspath(run).startswith(HUB)


def local_folder(run: str | PathLike[str]) -> Path:
    """Return the folder of a run; one on the hub is downloaded to the hub's cache first.

    Args:
        run: A folder, or ``hf:USER/NAME``, where ``@REVISION`` may follow. With ``HF_HUB_OFFLINE`` only
            the cache is looked at.

    Raises:
        DataError: If there is no such repository, it cannot be reached, or is not in the cache.
    """
    if not is_on_the_hub(run):
        return Path(run)
    name, _, revision = fspath(run).removeprefix(HUB).partition("@")
    with hub_errors(name, doing="download"):
        return Path(
            snapshot_download(name, revision=revision or None, ignore_patterns=["exported/*"])
        )


@contextmanager
def hub_errors(name: str, *, doing: str) -> Iterator[None]:
    """Turn errors of the hub into one message that says what to do.

    Args:
        name: Name of the repository.
        doing: The verb: ``"download"`` or ``"publish"``.

    Raises:
        DataError: If the hub cannot be reached, or answers with an error.
        ConfigError: If the name cannot be one.
    """
    try:
        yield
    except HFValidationError as error:
        raise ConfigError(
            f"{name!r} cannot be a name on the hub ({first_line(error)}); write USER/NAME"
        ) from error
    except HubTrouble as error:
        raise _explained(error, name, doing) from error
    except RuntimeError as error:  # what a failed upload of a large file is turned into
        if not isinstance(error.__cause__, HubTrouble):
            raise
        raise _explained(error.__cause__, name, doing) from error


def _explained(error: Exception, name: str, doing: str) -> TutelageError:
    offline = constants.HF_HUB_OFFLINE or isinstance(error, OfflineModeIsEnabled)
    log_in = "log in with 'hf auth login', or set HF_TOKEN"
    if offline and doing == "download":
        return DataError(
            f"hf:{name} is not in the local cache, and the hub is switched off (HF_HUB_OFFLINE); unset "
            "that to download it once"
        )
    if offline:
        return DataError(f"cannot {doing} hf:{name}: the hub is switched off; unset HF_HUB_OFFLINE")
    if isinstance(error, GatedRepoError):
        return DataError(f"hf:{name} is gated: ask for access on its page, and {log_in}")
    if isinstance(error, LocalTokenNotFoundError):
        return DataError(f"nobody is logged in to the hub; {log_in}")
    if isinstance(error, RevisionNotFoundError):
        return DataError(f"hf:{name} has no such revision: {first_line(error)}")
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if status == 401 and doing == "publish":
        return DataError(f"the hub does not know who you are; {log_in}")
    if status == 403:
        return DataError(
            f"the hub refuses to {doing} hf:{name}: your token may not write there; use one with write "
            f"access, or a name of your own; {log_in}"
        )
    if isinstance(error, RepositoryNotFoundError):
        return DataError(
            f"there is no hf:{name} on the hub, or it is private; check the name, or {log_in}"
        )
    return DataError(
        f"cannot {doing} hf:{name}: {first_line(error)}; {constants.ENDPOINT} is not reached, or has "
        "trouble; try again"
    )
