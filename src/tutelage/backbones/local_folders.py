"""Models on this machine that a mistyped name may mean: folders, and the hub's in its cache."""

from difflib import get_close_matches
from pathlib import Path

from huggingface_hub import constants

__all__ = ["near_folder", "near_model"]


def near_folder(name: str, *, cutoff: float = 0.8) -> str:
    """Return the folder of a model that is called almost as one that does not exist, or an empty string.

    Args:
        name: A path, of which the last part may be mistyped, or the one before it.
        cutoff: Least similarity of the mistyped part, 0 to 1, as ``difflib`` measures it.
    """
    path = Path(name)
    for mistyped, rest in ((path, Path()), (path.parent, Path(path.name))):
        try:
            siblings = list(mistyped.expanduser().parent.iterdir()) if mistyped.name else []
        except OSError:  # no such folder, or not for this user
            continue
        models = [one.name for one in siblings if _holds_model(one / rest)]
        if close := get_close_matches(mistyped.name, models, n=1, cutoff=cutoff):
            prefix = "./" if name.startswith("./") else ""
            return f"{prefix}{mistyped.parent / close[0] / rest}"
    return ""


def near_model(name: str) -> str:
    """Return the folder, or the name of a cached model of the hub, that is called almost so, if any.

    A name without its owner is compared with those of the models in the cache, whoever owns them.
    """
    if near := near_folder(name):
        return near
    try:
        folders = [one.name for one in Path(constants.HF_HUB_CACHE).iterdir()]
    except OSError:
        return ""
    cached = [
        one.removeprefix("models--").replace("--", "/")
        for one in folders
        if one.startswith("models--")
    ]
    written = {one if "/" in name else one.rpartition("/")[2]: one for one in sorted(cached)}
    close = get_close_matches(name, written, n=1, cutoff=0.8)
    return written[close[0]] if close else ""


def _holds_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("config.json", "modules.json"))
