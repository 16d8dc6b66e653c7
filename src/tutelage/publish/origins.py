"""Where a student comes from: pre-trained weights, their licences, and papers of its method."""

import inspect
import re
from collections.abc import Iterator

from tutelage.publish.licences import hub_name, licence_of
from tutelage.regularizers.catalogue import METHODS, label_of, parse_method
from tutelage.results.result import Result

__all__ = ["STUDENT", "base_model", "citation", "licences_of", "papers", "sources"]

STUDENT = ""
"""The student's key among models; no teacher can have it."""
AFT = """@misc{qiu2024transferring,
  title = {Transferring Knowledge from Large Foundation Models to Small Downstream Models},
  author = {Shikai Qiu and Boran Han and Danielle C. Maddix and Shuai Zhang and Yuyang Wang and
            Andrew Gordon Wilson},
  year = {2024},
  eprint = {2406.07337},
  archivePrefix = {arXiv}
}"""


def sources(result: Result) -> dict[str, str]:
    """Return the sources of models with trained weights by name, the student's as ``STUDENT``."""
    config = result.config
    models = [(STUDENT, config.get("student") or {})]
    models += [
        (teacher.name, given)
        for teacher, given in zip(result.teachers, config.get("teachers", ()), strict=False)
    ]
    return {
        name: model["source"]
        for name, model in models
        if "source" in model and model.get("params", {}).get("weights") != "random"
    }


def base_model(result: Result) -> str | None:
    """The name on the hub of the weights that the student began with; None where there is none."""
    source = sources(result).get(STUDENT)
    return None if source is None else hub_name(source)


def licences_of(result: Result) -> dict[str, str | None]:
    """Return the licence of each model with trained weights, by name; None where it is not found."""
    return {name: licence_of(source) for name, source in sources(result).items()}


def citation(result: Result) -> str:
    """Where the method is from, as its class says, and an entry for AFT's paper."""
    method = parse_method(result.method)
    lines = []
    if method.has_transfer_term and not method.is_custom:
        origin = _source_of(METHODS[method.regularizer].regularizer)
        lines.append(f"Method: {label_of(result.method)}, {origin}")
    if method.has_transfer_term and "AFT" in label_of(result.method):
        lines.append(f"```bibtex\n{AFT}\n```")
    lines.append(
        f"Trained with tutelage {result.versions.get('tutelage', '')}".rstrip()
        + ", a library for transfer from foundation models to small models."
    )
    return "\n\n".join(lines)


def papers(result: Result) -> Iterator[str]:
    """Yield numbers on arXiv of the papers that the method's class names as its source."""
    method = parse_method(result.method)
    if method.has_transfer_term and not method.is_custom:
        text = _source_of(METHODS[method.regularizer].regularizer)
        yield from dict.fromkeys(re.findall(r"arXiv (\d{4}\.\d{4,5})", text))


def _source_of(regularizer: type) -> str:
    """The paragraph below ``Source:`` in a class's docstring."""
    _, _, after = (inspect.getdoc(regularizer) or "").partition("Source:\n")
    return " ".join(after.partition("\n\n")[0].split())
