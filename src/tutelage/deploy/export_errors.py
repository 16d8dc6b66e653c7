"""Why a model cannot be exported: the line of its code, the operator, and what to do."""

import linecache
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

import tutelage
from tutelage.errors import StudentError, first_line

__all__ = ["cannot_export"]

OUTSIDE = (str(Path(torch.__file__).parent), str(Path(tutelage.__file__).parent))
"""Packages whose lines are not the model's."""


def cannot_export(model: nn.Module, error: BaseException, *, to: str) -> StudentError:
    """Return an error that says why an exporter refused a model, and what to do.

    Args:
        model: The model.
        error: What the exporter raised.
        to: The format: ``"onnx"``, ``"torch-export"`` or ``"executorch"``.
    """
    chain = list(_chain(error))
    told = "\n".join(str(one) for one in chain)
    where = _where(chain)
    name = f"{type(model).__name__} cannot be exported to {to}"
    if "data-dependent" in told:
        return StudentError(
            f"{name}: what it computes depends on the values of its input{where}, and a data-dependent branch, "
            "loop or size cannot be in a file of any format; write it with torch.where, torch.cond or "
            "sums over masks, or predict with PyTorch by tutelage.load"
        )
    operator = re.search(r"No ONNX function found for <OpOverload\(op='([\w.]+)'", told)
    if operator is not None:
        return StudentError(
            f"{name}: ONNX has no counterpart of {operator[1]}{where}; replace that operation in the model, or "
            "export --to torch-export, which PyTorch runs"
        )
    other = "" if to == "torch-export" else ", or try --to torch-export, which PyTorch runs"
    last = chain[-1]
    return StudentError(
        f"{name}: {first_line(last)} ({type(last).__name__}){where}; replace that operation in the model{other}"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it; the first cause comes last."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _where(chain: list[BaseException]) -> str:
    """The last line of the model's own code that was running, as part of a sentence."""
    for error in reversed(chain):
        trace, found = error.__traceback__, ""
        while trace is not None:
            file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            if trace.tb_frame.f_code.co_name == "forward" and not file.startswith(OUTSIDE):
                code = linecache.getline(file, line).strip()
                found = f" at {file}:{line}" + (f" ({code})" if code else "")
            trace = trace.tb_next
        if found:
            return found
    return ""
