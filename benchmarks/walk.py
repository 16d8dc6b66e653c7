"""The walk of a parameter: how many rooms it passes through, read from the source.

    python benchmarks/walk.py [--whole] [SRC] [MODULE:FUNCTION] [PARAMETER]

A room is a package of ``tutelage``, or a module of its root. The walk starts in a function and
follows one parameter into each function of the package that it is handed to, in the order of the
source, and back; so with its attributes (``config.train.lr``), with names assigned from these, with
copies of it, and with a ``Plan``, which holds it: of a plan the whole and ``plan.config`` count,
what else is in it does not. With ``--whole`` only the config and its sections are followed, not
the single settings that are handed on. Error messages are left out. Nothing is run. Printed are

    stays    rooms in the order of the walk; staying in the same room counts once
    rooms    different ones
    climbs   stays whose room lies on a higher floor of the import order than the stay before
    calls    functions that are entered

A function is entered once for each set of its parameters that carry the value. The floors are
computed from the imports, so that sources with another contract can be measured alike.
"""

import ast
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

WHOLE = "--whole" in sys.argv
SECTIONS = ("data", "teachers", "student", "transfer", "train", "cache", "output", "config")
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
COPIES = ("model_copy", "replace", "settle")
RECORDS = ("ExperimentConfig", "Plan")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """A parsed module: its functions, classes' methods, and what its imported names stand for."""

    name: str
    functions: dict[str, Function] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)

    @property
    def room(self) -> str:
        """The package or root module."""
        return self.name.split(".")[1] if "." in self.name else "tutelage"


def read(source: Path) -> dict[str, Module]:
    """Parse all modules below ``source/tutelage``."""
    modules = {}
    for path in sorted((source / "tutelage").rglob("*.py")):
        name = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        module = modules[name] = Module(name)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tutelage"):
                module.imported |= {
                    a.asname or a.name: f"{node.module}.{a.name}" for a in node.names
                }
        for node in tree.body:
            if isinstance(node, Function):
                module.functions[node.name] = node
            elif isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, Function):
                        module.functions[f"{node.name}.{part.name}"] = part
                module.functions.setdefault(f"{node.name}.__init__", _empty(node.name))
    return modules


def _empty(name: str) -> Function:
    function = ast.parse(f"def {name}(*args, **kwargs): pass").body[0]
    assert isinstance(function, Function)
    return function


def floors(modules: dict[str, Module]) -> dict[str, int]:
    """Return the height of each room: one above the highest that it imports from."""
    below = defaultdict(set)
    for module in modules.values():
        for target in module.imported.values():
            room = target.split(".")[1] if "." in target else "tutelage"
            if room != module.room:
                below[module.room].add(room)

    heights: dict[str, int] = {}

    def height(room: str, above: tuple[str, ...] = ()) -> int:
        if room not in heights:
            lower = [height(r, (*above, room)) for r in below[room] if r not in above and r != room]
            heights[room] = 1 + max(lower, default=-1)
        return heights[room]

    for module in modules.values():
        height(module.room)
    return heights


class Walk:
    """The walk of one parameter."""

    def __init__(self, modules: dict[str, Module]) -> None:
        self.modules = modules
        self.floors = floors(modules)
        self.stays: list[str] = []
        self.climbs = 0
        self.entered: set[tuple[str, str, frozenset[str]]] = set()

    def enter(self, module: Module, name: str, tracked: set[str]) -> None:
        """Follow the tracked parameters through a function."""
        key = (module.name, name, frozenset(tracked))
        self._stay(module.room)
        if key in self.entered:
            return
        self.entered.add(key)
        tracked = set(tracked)
        for statement in module.functions[name].body:
            self._statement(module, name, statement, tracked)

    def _stay(self, room: str) -> None:
        if self.stays and self.stays[-1] == room:
            return
        if self.stays and self.floors[room] > self.floors[self.stays[-1]]:
            self.climbs += 1
        self.stays.append(room)

    def _statement(self, module: Module, name: str, node: ast.AST, tracked: set[str]) -> None:
        """Follow a statement; of a compound one first the head, then each part."""
        lists = [getattr(node, key, None) for key in BLOCKS]  # a conditional's body is no list
        blocks = [part for parts in lists if isinstance(parts, list) for part in parts]
        if blocks and not isinstance(node, Function):
            heads = [
                value
                for key, value in ast.iter_fields(node)
                if key not in BLOCKS and isinstance(value, ast.AST | list)
            ]
            for head in heads:
                for part in head if isinstance(head, list) else [head]:
                    self._statement(module, name, part, tracked)
            for block in blocks:
                self._statement(module, name, block, tracked)
            return
        for call in (n for n in _in_order(node) if isinstance(n, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id == "partial" and call.args:
                call = ast.Call(call.args[0], call.args[1:], call.keywords)
            self._call(module, name, call, tracked)
        for part in ast.walk(node):
            if isinstance(part, ast.Assign | ast.AnnAssign) and part.value is not None:
                targets = part.targets if isinstance(part, ast.Assign) else [part.target]
                for target, value in _pairs(targets[0], part.value):
                    if self._holds(module, name, value, tracked):
                        tracked |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}

    def _holds(self, module: Module, caller: str, value: ast.expr, tracked: set[str]) -> bool:
        """Whether a value is the parameter, a part of it, or a record or copy made of it."""
        if isinstance(value, ast.Call):
            if isinstance(value.func, ast.Attribute) and value.func.attr in COPIES:
                return _mentions(value.func, tracked)
            given = [*value.args, *(keyword.value for keyword in value.keywords)]
            found = self._resolve(module, caller, value.func)
            if found is None or not any(_mentions(one, tracked) for one in given):
                return False
            returns = found[0].functions[found[1]].returns
            kind = f"{found[1]} {ast.unparse(returns) if returns else ''}"
            return any(word in kind for word in RECORDS)
        return isinstance(
            value, ast.Name | ast.Attribute | ast.Subscript | ast.Tuple
        ) and _mentions(value, tracked)

    def _call(self, module: Module, caller: str, call: ast.Call, tracked: set[str]) -> None:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if not any(_mentions(one, tracked) for one in given):
            return
        found = self._resolve(module, caller, call.func)
        if found is None:
            return
        callee, name = found
        parameters = callee.functions[name].args
        names = [a.arg for a in (*parameters.posonlyargs, *parameters.args)]
        if "." in name and names and names[0] in ("self", "cls"):
            names = names[1:]
        carries = {
            names[i]
            for i, one in enumerate(call.args)
            if i < len(names) and _mentions(one, tracked)
        }
        carries |= {k.arg for k in call.keywords if k.arg and _mentions(k.value, tracked)}
        self.enter(callee, name, carries)
        self._stay(module.room)

    def _resolve(
        self, module: Module, caller: str, function: ast.expr
    ) -> tuple[Module, str] | None:
        match function:
            case ast.Name(id=name):
                return self._find(module, name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if "." in caller:
                own = f"{caller.split('.')[0]}.{name}"
                return (module, own) if own in module.functions else None
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                found = self._find(module, owner)
                if found is not None and found[1].endswith(".__init__"):
                    method = found[1].removesuffix("__init__") + name
                    return (found[0], method) if method in found[0].functions else None
                return self._only(name)
            case ast.Attribute(attr=name):
                return self._only(name)
        return None

    def _find(self, module: Module, name: str) -> tuple[Module, str] | None:
        if name in module.functions:
            return module, name
        if f"{name}.__init__" in module.functions:
            return module, f"{name}.__init__"
        if name in module.imported:
            home, _, original = module.imported[name].rpartition(".")
            if home in self.modules and self.modules[home] is not module:
                return self._find(self.modules[home], original)
        return None

    def _only(self, name: str) -> tuple[Module, str] | None:
        """The method of that name, where the whole package has only one."""
        places = [
            (module, function)
            for module in self.modules.values()
            for function in module.functions
            if function.endswith(f".{name}")
        ]
        return places[0] if len(places) == 1 else None


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """Each target of an assignment with its value; several at once are taken apart."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def _mentions(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(value=ast.Name(id="plan"), attr=part):
            return part == "config" and "plan" in names
        case ast.Attribute(value=ast.Name(id="self"), attr=part):
            return part == "config" and "self" in names
        case ast.Attribute(value=value, attr=part):
            return (not WHOLE or part in SECTIONS) and _mentions(value, names)
        case ast.Subscript(value=value) | ast.keyword(value=value):
            return _mentions(value, names)
        case ast.Starred(value=value):
            return _mentions(value, names)
        case ast.Call(func=ast.Attribute(value=value, attr="model_dump")):
            return _mentions(value, names)
        case ast.IfExp(body=body, orelse=other):
            return _mentions(body, names) or _mentions(other, names)
        case ast.Dict(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
            return any(_mentions(value, names) for value in values)
    return False


def _in_order(node: ast.AST) -> list[ast.AST]:
    """A node's parts, arguments before the call that takes them."""
    if isinstance(node, ast.Raise):
        return []
    parts = [part for child in ast.iter_child_nodes(node) for part in _in_order(child)]
    return [*parts, node]


def main() -> None:
    """Walk, and print the rooms and the counts."""
    words = [word for word in sys.argv[1:] if word != "--whole"]
    defaults = ["src", "tutelage.experiment.run:run", "config"]
    source, start, parameter = [*words, *defaults[len(words) :]]
    modules = read(Path(source))
    module, _, function = start.partition(":")
    walk = Walk(modules)
    walk.enter(modules[module], function, {parameter})
    print(" > ".join(walk.stays))
    print(
        f"stays {len(walk.stays)}, rooms {len(set(walk.stays))}, climbs {walk.climbs}, "
        f"calls {len(walk.entered)}"
    )


if __name__ == "__main__":
    main()
