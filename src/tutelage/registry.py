"""Lookup and construction of objects by name, with parameters checked against signatures."""

import importlib
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from inspect import isclass, signature
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from tutelage.errors import ConfigError, TutelageError, did_you_mean, out_of_memory, whole_message

__all__ = [
    "bind",
    "build",
    "build_problems",
    "call_user_factory",
    "import_object",
    "lookup",
    "naming_user_code",
    "problems",
    "split_scheme",
]


def import_object(path: str) -> Any:
    """Import ``"package.module:attribute"``; the current folder is searched too.

    Raises:
        ConfigError: If the path has no colon, or the module or attribute does not exist.
    """
    module_name, colon, attribute = path.partition(":")
    if not colon or not module_name or not attribute:
        raise ConfigError(f"{path!r} is not of the form 'package.module:attribute'")
    # The folder stays on the path after the import: user code may import its neighbors later, inside
    # its functions, and worker processes, which inherit the path, must find it to unpickle its classes.
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        named: Any = importlib.import_module(module_name)
    except TutelageError:
        raise
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"cannot import {module_name!r} for {path!r}: {error}; "
            "it must be installed, or be in the current folder"
        ) from error
    except (Exception, SystemExit) as error:  # user code may raise anything, and call sys.exit
        raise ConfigError(
            f"importing {module_name!r} for {path!r} raises {type(error).__name__}: {error}"
        ) from error
    for part in attribute.split("."):
        try:
            named = getattr(named, part)
        except AttributeError:
            names = [name for name in dir(named) if not name.startswith("_")]
            raise ConfigError(
                f"{module_name!r} has no {part!r}{did_you_mean(part, names)}"
            ) from None
    return named


def lookup(name: str, table: Mapping[str, str], *, kind: str) -> Any:
    """Return the object that a table, or a ``"module:attribute"`` path, gives for a name.

    Args:
        name: A key of the table, or a path.
        table: Paths by short name.
        kind: Kind of object, for the message.

    Raises:
        ConfigError: If the name is neither; the message lists what there is.
    """
    if name in table:
        return import_object(table[name])
    if ":" in name:
        return import_object(name)
    raise ConfigError(
        f"unknown {kind} {name!r}{did_you_mean(name, table)} "
        f"There are: {', '.join(table)}; or write 'package.module:Class' for your own."
    )


def bind(
    factory: Callable[..., Any], given: Mapping[str, Any], params: Mapping[str, Any], *, where: str
) -> Any:
    """Call a factory with the program's arguments and the user's params.

    The factory's signature is the schema: a parameter that it does not take, one that is
    missing, or one that the program fills in itself is refused, all in one message.

    Args:
        factory: A class or function.
        given: The program's arguments; those that the factory does not take are left out.
        params: The user's params.
        where: Dotted path of the params in the config, for messages.
    """
    if found := problems(factory, given, params, where=where):
        raise ConfigError("\n".join(found))
    parameters = signature(factory).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return factory(
        **{name: value for name, value in given.items() if name in parameters or open_ended},
        **params,
    )


def problems(
    factory: Callable[..., Any], given: Collection[str], params: Mapping[str, Any], *, where: str
) -> list[str]:
    """Return what ``bind`` would refuse, from the factory's signature alone; nothing is called.

    Args:
        factory: A class or function.
        given: Names of what the program fills in.
        params: What the user set.
        where: The dotted path of the parameters in the config, for the messages.

    Example:
        >>> def crop(*, size: int, pad: int = 0): ...
        >>> problems(crop, (), {"sise": 3}, where="params")
        ["unknown params.sise; did you mean 'size'? (it takes: size, pad)", 'params.size is missing']
    """
    parameters = signature(factory).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    names = [n for n, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    mistakes = [
        f"{where}.{key} is filled in by tutelage; leave it out" for key in params if key in given
    ]
    settable = [n for n in names if n not in given]
    if not open_ended:
        mistakes += [
            f"unknown {where}.{key}{did_you_mean(key, settable)} (it takes: {', '.join(settable) or 'nothing'})"
            for key in params
            if key not in names
        ]
    missing = [
        n
        for n, p in parameters.items()
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and n not in given
        and n not in params
    ]
    mistakes += [f"{where}.{name} is missing" for name in missing]
    return mistakes + _wrong_types(factory, params, where=where)


def _wrong_types(
    factory: Callable[..., Any], params: Mapping[str, Any], *, where: str
) -> list[str]:
    """Return the params that the annotations refuse; an integer is accepted for a float."""
    try:
        hints = get_type_hints(factory.__init__ if isclass(factory) else factory)
    except (NameError, TypeError, AttributeError, SyntaxError):
        return []  # annotations of user code that cannot be resolved here
    problems = []
    for name, value in params.items():
        try:
            if name in hints:
                TypeAdapter(hints[name]).validate_python(value, strict=True)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            problems.append(f"{where}.{name} = {value!r}: {reason[0].lower()}{reason[1:]}")
        except PydanticSchemaGenerationError:
            continue
    return problems


def build(
    source: str,
    schemes: Mapping[str, str],
    given: Mapping[str, Any],
    params: Mapping[str, Any],
    *,
    kind: str,
    where: str,
    params_at: str = "",
) -> Any:
    """Build what ``"scheme:name"`` names.

    Args:
        source: The string.
        schemes: Paths of the classes, by scheme.
        given: The program's arguments apart from the name; ``model_input`` describes the input of
            models that do not define it.
        params: The user's params; for ``python:``, those of the user's factory.
        kind: Kind of object, for messages.
        where: Dotted path of the object in the config, for messages.
        params_at: The dotted path of the params, where that is not ``WHERE.params``.

    Raises:
        ConfigError: If the string or an option cannot be used.
    """
    scheme, name = split_scheme(source, schemes, kind=kind)
    factory = import_object(schemes[scheme])
    if given["model_input"] is not None:
        _refuse_needless_input(source, factory, where=where)
    # The signature of a python: factory, not ours, is the schema of its params.
    settings = {} if scheme == "python" else params
    given = {**given, "name": name, "factory_params": dict(params)}
    return bind(factory, given, settings, where=params_at or f"{where}.params")


def build_problems(
    source: str,
    schemes: Mapping[str, str],
    given: Mapping[str, Any],
    params: Mapping[str, Any],
    *,
    kind: str,
    where: str,
    params_at: str = "",
    checks: Mapping[str, str] | None = None,
    to_factory: Collection[str] = (),
) -> list[str]:
    """Return all mistakes in a source string and its options that can be found without building it.

    Args:
        source: The string.
        schemes: From schemes to the paths of their classes.
        given: What the program fills in, as for ``build``.
        params: What the user set.
        kind: What is built, for messages.
        where: The dotted path in the config, for messages.
        params_at: The dotted path of the params, where that is not ``WHERE.params``.
        checks: From schemes to the paths of functions that return the mistakes in a name. They take
            any of ``name``, ``params`` and what is in ``given``, and load nothing.
        to_factory: Names of the arguments that the program passes to a factory of ``python:``.
    """
    try:
        scheme, name = split_scheme(source, schemes, kind=kind)
        factory = import_object(schemes[scheme])
        check = import_object(checks[scheme]) if checks and scheme in checks else None
    except TutelageError as error:
        return [str(error)]
    mistakes = []
    if check is not None:
        mistakes += bind(check, {**given, "name": name, "params": params}, {}, where=where)
    if given["model_input"] is not None:
        try:
            _refuse_needless_input(source, factory, where=where)
        except ConfigError as error:
            mistakes.append(str(error))
    if scheme != "python":
        names = {*given, "name", "factory_params"}
        return mistakes + problems(factory, names, params, where=params_at or f"{where}.params")
    try:
        custom = import_object(name)
    except ConfigError as error:
        return [*mistakes, str(error)]
    if not callable(custom):
        return [*mistakes, f"{name} is a {type(custom).__name__}; name a function or a class"]
    return mistakes + problems(custom, to_factory, params, where=params_at or f"{where}.params")


def _refuse_needless_input(source: str, factory: Callable[..., Any], *, where: str) -> None:
    if "model_input" not in signature(factory).parameters:
        raise ConfigError(
            f"{source} defines its own input: remove {where}.input, which is for models that do not, "
            "such as those of python: (options such as image_size are params)"
        )


def call_user_factory(
    path: str,
    given: Mapping[str, Any],
    params: Mapping[str, Any],
    *,
    where: str,
    kind: type[TutelageError],
) -> Any:
    """Import a user's function or class, and call it as ``bind`` does.

    Raises:
        ConfigError: If there is none, it cannot be called, or does not take the params.
        TutelageError: Of this ``kind``, if it raises.
    """
    factory = import_object(path)
    if not callable(factory):
        raise ConfigError(f"{path} is a {type(factory).__name__}; name a function or a class")
    with naming_user_code(path, kind=kind):
        return bind(factory, given, params, where=where)


@contextmanager
def naming_user_code(path: str, *, kind: type[TutelageError]) -> Iterator[None]:
    """Turn errors of user code into errors that name the code and its line.

    Out-of-memory errors pass unchanged: smaller batches may help.

    Args:
        path: ``"package.module:attribute"`` of the user code.
        kind: Type of the error to raise.
    """
    try:
        yield
    except TutelageError:
        raise
    except (
        Exception,
        SystemExit,
    ) as error:  # sys.exit would end the command, with status 0 perhaps
        if out_of_memory(error):
            raise
        file = getattr(sys.modules.get(path.partition(":")[0]), "__file__", None)
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == file]
        place = f" ({file}, line {lines[-1]})" if lines else ""
        raise kind(
            f"{path} raises {type(error).__name__}: {whole_message(error)}{place}"
        ) from error


def split_scheme(text: str, schemes: Mapping[str, str], *, kind: str) -> tuple[str, str]:
    """Split ``"scheme:rest"`` and check the scheme.

    Raises:
        ConfigError: If there is no scheme, an unknown one, or nothing after it.

    Example:
        >>> split_scheme("timm:resnet18", {"timm": "…"}, kind="student")
        ('timm', 'resnet18')
    """
    scheme, colon, rest = text.partition(":")
    forms = ", ".join(f"{s}:…" for s in schemes)
    if not colon:
        raise ConfigError(f"{kind} {text!r} has no scheme; write one of {forms}")
    if scheme not in schemes:
        raise ConfigError(
            f"{kind} {text!r} has the unknown scheme {scheme!r}{did_you_mean(scheme, schemes)}; "
            f"write one of {forms}"
        )
    if not rest:
        raise ConfigError(f"{kind} {text!r} names nothing after {scheme + ':'!r}")
    return scheme, rest
