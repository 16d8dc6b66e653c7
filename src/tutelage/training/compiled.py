"""Compilation of student and loss for the time of training."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["compiled"]


@contextmanager
def compiled(*modules: nn.Module, backend: str) -> Iterator[None]:
    """Let modules run through ``torch.compile`` until the context ends.

    They are compiled in place, so that names of weights, taps and whoever holds a module stay as they
    are; a module is compiled when it is first called.

    Args:
        modules: The modules; create taps before.
        backend: A backend of ``torch.compile``; ``"none"`` leaves the modules alone.

    Example:
        >>> model = nn.Linear(2, 2)
        >>> with compiled(model, backend="aot_eager"):
        ...     list(model.state_dict())
        ['weight', 'bias']
    """
    if backend == "none":
        yield
        return
    for module in modules:
        module.compile(backend=backend)
    try:
        with warnings.catch_warnings():
            # What the compiler says of calls in its own code is nothing that a user can change.
            warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\._inductor")
            yield
    finally:
        for module in modules:
            module._compiled_call_impl = None  # there is no public way back
