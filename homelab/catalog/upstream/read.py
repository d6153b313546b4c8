"""Read the facts about upstream modules from their YAML files, on first use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import cast

from homelab.catalog.upstream.model import Priority, Release, Setting, Unit, Upstream, User, Value
from homelab.plaintext import yaml_data

_HERE = files(__package__)

_PRIORITIES: Mapping[str, Priority] = {
    "packaged": "package",
    "default": "default",
    "service": "plain",
    "force": "force",
}
"""Key in the file to priority, the weakest first."""
_UNIT = {*_PRIORITIES, "opens_state", "only_with", "root_start", "set_in"}
_USER = {"home", "uid"}
_LISTS = {"capabilities", "assertions", "required", "by_state_version"}
_RELEASE = {*_LISTS, "commit", "note", "units", "users", "state", "required_one_of", "port"}


@cache
def names() -> frozenset[str]:
    """The names of all modules with facts."""
    return frozenset(f.name[:-5] for f in _HERE.iterdir() if f.name.endswith(".yaml"))


@cache
def find(name: str) -> Upstream | None:
    """The facts about a module; `None` when there are none.

    Raises `ValueError` when the file is malformed.
    """
    if name not in names():
        return None
    data = yaml_data(_HERE.joinpath(f"{name}.yaml").read_text("utf-8"))
    top = _only(name, data, {"source", "releases"})
    releases = {
        release: _release(f"{name} {release}", facts)
        for release, facts in _mapping(name, top["releases"]).items()
    }
    return Upstream(name, _text(name, top["source"]), MappingProxyType(releases))


def _release(where: str, data: object) -> Release:
    facts = _only(where, data, _RELEASE)
    users = {
        name: _user(f"{where}: {name}", name, user)
        for name, user in _mapping(where, facts.get("users", {})).items()
    }
    units = {
        name: _unit(f"{where}: {name}", name, unit)
        for name, unit in _mapping(where, facts["units"]).items()
    }
    lists = {key: _words(where, facts.get(key, [])) for key in _LISTS}
    return Release(
        commit=_text(where, facts.get("commit", "")),
        note=_text(where, facts.get("note", "")),
        units=MappingProxyType(units),
        users=MappingProxyType(users),
        made=_words(where, facts.get("state", [])),
        capabilities=lists["capabilities"],
        assertions=lists["assertions"],
        required=lists["required"],
        required_one_of=tuple(_words(where, x) for x in _list(where, facts, "required_one_of")),
        port=_text(where, facts["port"]) if "port" in facts else None,
        by_state_version=lists["by_state_version"],
    )


def _unit(where: str, name: str, data: object) -> Unit:
    facts = _only(where, data, _UNIT)
    settings: dict[str, Setting] = {}
    for key, priority in _PRIORITIES.items():
        for setting, value in _mapping(where, facts.get(key, {})).items():
            settings[setting] = Setting(_value(f"{where}.{setting}", value), priority)
    opens = facts.get("opens_state", "StateDirectory" in settings or "ReadWritePaths" in settings)
    return Unit(
        name=name,
        service=MappingProxyType(settings),
        opens_state=_bool(where, opens),
        only_with=_text(where, facts.get("only_with", "")),
        root_start=_bool(where, facts.get("root_start", False)),
        set_in=_text(where, facts.get("set_in", "")),
    )


def _user(where: str, name: str, data: object) -> User:
    facts = _only(where, data, _USER)
    uid = facts.get("uid")
    if uid is not None and not isinstance(uid, int):
        raise ValueError(f"{where}: uid is not a number")
    return User(name, _text(where, facts.get("home", "")), uid)


def _only(where: str, data: object, known: set[str]) -> Mapping[str, object]:
    facts = _mapping(where, data)
    if unknown := facts.keys() - known:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}")
    return facts


def _mapping(where: str, data: object) -> Mapping[str, object]:
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ValueError(f"{where}: not a mapping with text keys")
    return cast("dict[str, object]", data)


def _list(where: str, facts: Mapping[str, object], key: str) -> list[object]:
    data = facts.get(key, [])
    if not isinstance(data, list):
        raise ValueError(f"{where}.{key}: not a list")
    return cast("list[object]", data)


def _words(where: str, data: object) -> tuple[str, ...]:
    if not isinstance(data, list) or not all(isinstance(word, str) for word in data):
        raise ValueError(f"{where}: not a list of text")
    return tuple(cast("list[str]", data))


def _value(where: str, data: object) -> Value:
    if isinstance(data, (bool, str)):
        return data
    return _words(where, data)


def _text(where: str, data: object) -> str:
    if not isinstance(data, str):
        raise ValueError(f"{where}: {data!r} is not text")
    return data


def _bool(where: str, data: object) -> bool:
    if not isinstance(data, bool):
        raise ValueError(f"{where}: {data!r} is neither true nor false")
    return data
