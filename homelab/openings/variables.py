"""Environment variables of apps that are settings by another way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from homelab.catalog import find
from homelab.nix.source import Setting, Value
from homelab.openings.model import RULES, texts
from homelab.services.declared import flattened, path_parts


@dataclass(frozen=True)
class App:
    """How an app names the variable of a setting."""

    settings: str
    """The option with its settings; `*` is the instance."""
    prefix: str = ""
    between: str = "_"
    """What stands between the parts of a setting."""
    options: str = ""
    """An option of its module with variables, besides `environment` of its unit."""
    camel: bool = False
    """Whether its module takes variables in camel case."""


APPS: Mapping[str, App] = {
    "authelia": App(
        "services.authelia.instances.*.settings",
        "AUTHELIA_",
        options="services.authelia.instances.*.environmentVariables",
    ),
    "forgejo": App("services.forgejo.settings", "FORGEJO__", "__"),
    "grafana": App("services.grafana.settings", "GF_"),
    "healthchecks": App("services.healthchecks.settings"),
    "miniflux": App("services.miniflux.config"),
    "navidrome": App("services.navidrome.settings", "ND_"),
    "vaultwarden": App("services.vaultwarden.config", camel=True),
    "vikunja": App("services.vikunja.settings", "VIKUNJA_"),
}
"""By the name of the app in the catalog, with which its units begin."""
_WORDS: Mapping[str, bool] = {"true": True, "false": False}


def as_settings(setting: Setting) -> Iterator[Setting]:
    """The settings that variables in an option are, under the name that is written."""
    path = setting.path
    for name, app in APPS.items():
        instance, variables = "", {}
        if path[:2] == ("systemd", "services") and len(path) == 5:
            unit, part, last = path[2:]
            if unit == name or unit.startswith(f"{name}-"):
                instance = unit.removeprefix(f"{name}-")
                variables = _variables(part, last, setting.value)
        elif app.camel and path[:-1] == path_parts(app.settings) and not path[-1].isupper():
            variables = {re.sub("([a-z])([A-Z])", r"\1_\2", path[-1]).upper(): setting.value}
        elif app.options and _is_below(path, own := path_parts(app.options)):
            instance = path[own.index("*")]
            variables = {path[-1]: setting.value}
        for variable, value in variables.items():
            if variable.startswith(app.prefix):
                parts = _parts(name, variable.removeprefix(app.prefix))
                above = (instance if p == "*" else p for p in path_parts(app.settings))
                yield replace(
                    setting,
                    path=(*above, *parts),
                    value=plain(value),
                    forced=None,
                    written=_named(setting, variable),
                )


def _is_below(path: tuple[str, ...], option: tuple[str, ...]) -> bool:
    """Whether a path is one part below an option, in which `*` is any part."""
    pairs = zip(option, path, strict=False)
    return len(path) == len(option) + 1 and all(o in ("*", p) for o, p in pairs)


def plain(value: Value) -> Value:
    """The value that a variable has: the words true and false are truth values."""
    return _WORDS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _named(setting: Setting, variable: str) -> str:
    return f"{setting.name}: {variable}" if setting.path[-1] == "Environment" else setting.name


def _variables(part: str, last: str, value: Value) -> dict[str, Value]:
    if part == "environment":
        return {last: value}
    if (part, last) != ("serviceConfig", "Environment"):
        return {}
    pairs = (word.strip('"').partition("=") for text in texts(value) for word in text.split())
    return {name: word for name, equals, word in pairs if equals}


def _parts(name: str, variable: str) -> tuple[str, ...]:
    """The parts of a setting below those of its app. The underscores of a variable do not tell
    where a part ends, so the settings that rules and the catalog know decide.
    """
    app = APPS[name]
    if app.between == "__":
        *above, last = variable.split("__")
        return (*(a.lower() for a in above), last.upper())
    for known in _known(name):
        literal = tuple(k for k in known if k != "**")
        start = app.between.join(re.sub("[.-]", "_", k).upper() for k in literal)
        if variable.upper() == start:
            return literal
        if known[-1] == "**" and variable.upper().startswith(f"{start}{app.between}"):
            return (*literal, variable[len(start) + 1 :].lower())
    return (variable,)


@lru_cache(maxsize=64)
def _known(name: str) -> tuple[tuple[str, ...], ...]:
    above = path_parts(APPS[name].settings)
    entry = find(name)
    options = [o.path for o in flattened(entry.options if entry is not None else {})]
    found = dict.fromkeys((*(r.path for r in RULES), *options))
    rests = (p[len(above) :] for p in found if p[: len(above)] == above and len(p) > len(above))
    return tuple(r for r in rests if "*" not in r and r != ("**",))
