"""Model folders on this machine that a mistyped name may mean."""

from difflib import get_close_matches
from pathlib import Path

__all__ = ["near_folder"]


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


def _holds_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("config.json", "modules.json"))
