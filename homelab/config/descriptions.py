"""What the docstrings below the fields of a model say.

Pydantic can read them as each class is made, which takes a fifth of the time that a preview spends
in Python. Only messages, the schema and the reference page need them, so they are read when asked.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache

from pydantic import BaseModel


@cache
def descriptions(model: type[BaseModel]) -> Mapping[str, str]:
    """The docstring of each field that has one, by field."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            own = _of_class(base.__module__, base.__qualname__)
            # A field that is declared anew has its own docstring or none.
            found = {name: text for name, text in found.items() if name not in own}
            found |= {name: text for name, text in own.items() if text}
    return {name: text for name, text in found.items() if name in model.model_fields}


def _of_class(module: str, qualname: str) -> Mapping[str, str]:
    return _of_module(module).get(qualname, {})


@cache
def _of_module(module: str) -> Mapping[str, Mapping[str, str]]:
    """By class, the docstring of each field; empty for a field without one."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {
        node.name: dict(_fields(node)) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = inspect.cleandoc(str(after.value.value))
            yield statement.target.id, text
