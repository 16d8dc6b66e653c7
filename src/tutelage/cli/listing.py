"""``tutelage list``: methods, recipes, studies, the paper's models, source strings, families, settings."""

import re
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from tutelage.config.reference import sections, settings_of
from tutelage.data import READERS
from tutelage.errors import ConfigError, did_you_mean
from tutelage.recipes import SCHEME, recipes
from tutelage.regularizers.catalogue import METHODS, PROBE
from tutelage.report import print_table
from tutelage.report.units import parameters
from tutelage.students import PAIR_STUDENTS, STUDENTS
from tutelage.studies import SCHEME as STUDY
from tutelage.studies import paper_models, studies
from tutelage.tasks.soft_labels import SoftLabels
from tutelage.teachers import TEACHERS

__all__ = ["print_listing"]

TOPICS = ("methods", "recipes", "studies", "models", "schemes", "families")
ALONE = ("settings",)
"""Topics that are printed only if they are asked for: their tables are long."""


def print_listing(what: str | None, console: Console) -> None:
    """Print the table of one topic, or of all but the settings.

    Raises:
        ConfigError: If there is no such topic.
    """
    known = (*TOPICS, *ALONE)
    if what is not None and what not in known:
        raise ConfigError(
            f"nothing to list under {what!r}{did_you_mean(what, known)}; there are: {', '.join(known)}"
        )
    tables: dict[str, Callable[[], Table]] = {
        "methods": _methods,
        "recipes": _recipes,
        "studies": _studies,
        "models": _models,
        "schemes": _schemes,
        "settings": _settings,
    }
    for topic in TOPICS if what is None else (what,):
        if topic == "families":  # lists of hundreds of names
            console.print(_families())
        else:
            print_table(tables[topic](), console=console)


def _table(title: str, *columns: str) -> Table:
    table = Table(
        *columns, title=title, title_justify="left", box=None, pad_edge=False, title_style="bold"
    )
    table.columns[0].no_wrap = True
    return table


def _methods() -> Table:
    table = _table("methods", "name", "what it does")
    for name, row in METHODS.items():
        table.add_row(name, _first_line(row.regularizer))
        for variant, params in row.variants.items():
            changed = ", ".join(f"{key} = {value}" for key, value in params.items())
            table.add_row(f"{name}-{variant}", f"{name} with {changed}")
    table.add_row(PROBE, _first_line(SoftLabels))
    table.add_row(f"NAME+{PROBE}", f"any of these together with {PROBE}")
    return table


def _recipes() -> Table:
    table = _table("recipes", "name", "task")
    for name, about in recipes().items():
        table.add_row(f"{SCHEME}{name}", about)
    return table


def _studies() -> Table:
    table = _table("studies", "name", "what it repeats")
    for name, title in studies().items():
        table.add_row(f"{STUDY}{name}", title)
    return table


def _models() -> Table:
    titles = ("source", "role", "family", "parameters", "columns", "section", "studies")
    table = _table("models of the paper", *titles)
    for model in paper_models():
        table.add_row(
            model.source,
            model.role,
            model.family,
            parameters(model.parameters),
            str(model.width),
            model.section,
            " ".join(model.studies),
        )
    return table


def _schemes() -> Table:
    table = _table("schemes", "role", "strings")
    for role, schemes in (("data", READERS), ("teachers", TEACHERS), ("students", STUDENTS)):
        table.add_row(role, "  ".join(f"{scheme}:…" for scheme in schemes))
    pairs = "  ".join(f"{scheme}:…" for scheme in PAIR_STUDENTS)
    table.add_row("", f"for images with texts: timm:…+hf:…  {pairs}")
    return table


def _families() -> Table:
    from timm import list_modules

    from tutelage.backbones.families import EMBEDDING_MODELS, FAMILIES

    table = _table("families", "library", "known models")
    table.add_row("hf", " ".join(sorted(FAMILIES)))
    table.add_row("", f"for images with texts: {' '.join(sorted(EMBEDDING_MODELS))}")
    table.add_row("timm", " ".join(sorted(list_modules())))
    return table


def _first_line(documented: type) -> str:
    return (documented.__doc__ or "").strip().splitlines()[0]


def _settings() -> Table:
    """Every key with its path, as ``--set`` takes it."""
    table = _table("settings, for --set PATH=VALUE", "path", "default", "meaning")
    lists = [heading.strip("[]") for heading, _, _ in sections() if heading.startswith("[[")]
    for heading, section, decides in sections():
        place = heading.strip("[]")
        for name in lists:
            place = re.sub(rf"^{re.escape(name)}\b", f"{name}.0", place)
        for one in settings_of(section, decides=decides):
            if one.kind in ("section", "list of sections"):
                continue
            meaning = one.meaning.replace("``", "").replace("\\\\n", "\\n")
            path = ".".join(filter(None, (place, one.name)))
            table.add_row(path, "required" if one.required else one.default, meaning)
    return table
