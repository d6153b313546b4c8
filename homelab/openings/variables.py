"""Environment variables of apps that are settings by another way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from homelab.catalog import find
from homelab.nix.source import Setting, Value
from homelab.openings.model import RULES, View, service_of_container, texts
from homelab.services.declared import flattened, path_parts
from homelab.services.run_flags import flags


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
    others: tuple[tuple[str, str], ...] = ()
    """Variables that are options of the module by another name."""
    images: tuple[str, ...] = ()
    """Ends of its images' names, besides the name of the app."""


SPELLED: Mapping[str, App] = {
    "actual": App("services.actual.settings", "ACTUAL_", images=("actual-server",)),
    "authelia": App(
        "services.authelia.instances.*.settings",
        "AUTHELIA_",
        options="services.authelia.instances.*.environmentVariables",
        # Its files, which --config of the unit names as well.
        others=(("X_AUTHELIA_CONFIG", "services.authelia.instances.*.settingsFiles"),),
    ),
    "filebrowser": App("services.filebrowser.settings", "FB_"),
    "forgejo": App("services.forgejo.settings", "FORGEJO__", "__"),
    "gitea": App("services.gitea.settings", "GITEA__", "__"),
    "gotosocial": App("services.gotosocial.settings", "GTS_"),
    "grafana": App(
        "services.grafana.settings", "GF_", images=("grafana-oss", "grafana-enterprise")
    ),
    "healthchecks": App("services.healthchecks.settings"),
    "hedgedoc": App("services.hedgedoc.settings", "CMD_"),
    "lidarr": App("services.lidarr.settings", "LIDARR__", "__"),
    "miniflux": App("services.miniflux.config"),
    "navidrome": App("services.navidrome.settings", "ND_"),
    "ntfy": App("services.ntfy-sh.settings", "NTFY_"),
    "oauth2-proxy": App("services.oauth2-proxy.extraConfig", "OAUTH2_PROXY_"),
    "paperless": App("services.paperless.settings", images=("paperless-ngx",)),
    "pocket-id": App("services.pocket-id.settings"),
    "prowlarr": App("services.prowlarr.settings", "PROWLARR__", "__"),
    "radarr": App("services.radarr.settings", "RADARR__", "__"),
    "readarr": App("services.readarr.settings", "READARR__", "__"),
    "sonarr": App("services.sonarr.settings", "SONARR__", "__"),
    "vaultwarden": App("services.vaultwarden.config", camel=True, images=("vaultwarden/server",)),
    "vikunja": App("services.vikunja.settings", "VIKUNJA_"),
    "whisparr": App("services.whisparr.settings", "WHISPARR__", "__"),
}
_PORTALS = ("authelia", "oauth2-proxy")
"""In a container they are the owner's, and no sign-in of the stack."""
_OF_VARIABLES = ("config", "environment", "extraEnvironment", "settings")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


@cache
def app_of(name: str) -> App | None:
    """How an app names its variables, by its name in the catalog, with which its units begin and
    its images end: one of those above, or one whose entry has variables by their own names.
    """
    entry = find(name) if name not in SPELLED else None
    for option in flattened(entry.options if entry is not None else {}):
        *above, last = option.path
        own = len(above) > 2 and above[0] == "services" and above[-1] in _OF_VARIABLES
        if own and _VARIABLE.fullmatch(last):
            return App(".".join(above))
    return SPELLED.get(name)


_CONTAINERS = ("virtualisation", "oci-containers", "containers")
_WORDS: Mapping[str, bool] = {"true": True, "false": False}


def as_settings(setting: Setting, view: View) -> Iterator[Setting]:
    """The settings that variables in an option are, under the name that is written."""
    path = setting.path
    if path[:3] == _CONTAINERS:
        yield from _in_container(setting, view)
        return
    if path[:2] == ("systemd", "services") and len(path) == 5:
        unit, part, last = path[2:]
        for variable, value in _variables(part, last, setting.value).items():
            written = _named(setting, variable)
            for name in _names_in(unit):
                instance = unit.removeprefix(f"{name}-")
                yield from _of_app(name, instance, variable, replace(setting, value=value), written)
        return
    for name, app in SPELLED.items():
        instance, variables = "", {}
        if app.camel and path[:-1] == path_parts(app.settings) and not path[-1].isupper():
            variables = {re.sub("([a-z])([A-Z])", r"\1_\2", path[-1]).upper(): setting.value}
        elif app.options and _is_below(path, own := path_parts(app.options)):
            instance = path[own.index("*")]
            variables = {path[-1]: setting.value}
        for variable, value in variables.items():
            written = _named(setting, variable)
            yield from _of_app(name, instance, variable, replace(setting, value=value), written)


def _names_in(unit: str) -> Iterator[str]:
    """Apps with whose name the name of a unit begins."""
    parts = unit.split("-")
    begun = ("-".join(parts[:end]) for end in range(1, len(parts) + 1))
    yield from (name for name in begun if app_of(name) is not None)


def _in_container(setting: Setting, view: View) -> Iterator[Setting]:
    """Variables of a container whose image is that of an app."""
    *_, container, part = setting.path[:5]
    if part == "environment" and len(setting.path) == 6:
        variables: dict[str, Value] = {setting.path[5]: setting.value}
    elif part == "extraOptions":
        said = flags(list(texts(setting.value)))
        pairs = (value.partition("=") for flag, value in said if flag in ("-e", "--env"))
        variables = {name: value for name, equals, value in pairs if equals}
    else:
        return
    name = app_of_image(_image(container, view))
    name = "" if name in _PORTALS else name
    for variable, value in variables.items() if name else ():
        own = service_of_container(setting)
        written = variable if own or part == "extraOptions" else setting.name
        written = written if own or part == "environment" else f"{setting.name}: {variable}"
        inside = replace(setting, value=value, contained=True)
        yield from _of_app(name, container, variable, inside, written)


def _image(container: str, view: View) -> str:
    for service in view.plan.on(view.host.name):
        for part in service.parts:
            if part.container == container:
                return part.config.image
    value = view.value(*_CONTAINERS, container, "image")
    return value if isinstance(value, str) else ""


def app_of_image(image: str) -> str:
    """The app of an image, by the end of its name without tag and digest; empty if unknown."""
    path = re.sub(r"(:[^/]*)?(@.*)?$", "", image)
    for name, app in SPELLED.items():
        if any(path == end or path.endswith(f"/{end}") for end in (name, *app.images)):
            return name
    own = path.rpartition("/")[2]
    return own if app_of(own) is not None else ""


def _of_app(
    name: str, instance: str, variable: str, setting: Setting, written: str
) -> Iterator[Setting]:
    app = app_of(name)
    assert app is not None, name
    option = dict(app.others).get(variable, "")
    parts: tuple[str, ...] = ()
    if not option and variable.startswith(app.prefix):
        option, parts = app.settings, _parts(name, variable.removeprefix(app.prefix))
    if option:
        path = (*(instance if p == "*" else p for p in path_parts(option)), *parts)
        yield replace(setting, path=path, value=plain(setting.value), forced=None, written=written)


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
    where a part ends, and its letters not their case, so the settings that rules and the catalog
    know decide.
    """
    app = app_of(name)
    assert app is not None, name
    said = _letters(variable)
    for known in _known(name):
        literal = tuple(k for k in known if k != "**")
        start = _letters("".join(literal))
        if said == start:
            return literal
        opened = "".join(f"{re.sub('[.-]', '_', k).upper()}{app.between}" for k in literal)
        if known[-1] == "**" and variable.upper().startswith(opened):
            return (*literal, variable[len(opened) :].lower())
    if app.between == "__":
        *above, last = variable.split("__")
        return (*(a.lower() for a in above), last.upper())
    return (variable,)


def _letters(name: str) -> str:
    return re.sub("[._-]", "", name).upper()


@lru_cache(maxsize=64)
def _known(name: str) -> tuple[tuple[str, ...], ...]:
    app, entry = app_of(name), find(name)
    assert app is not None, name
    above = path_parts(app.settings)
    options = [o.path for o in flattened(entry.options if entry is not None else {})]
    found = dict.fromkeys((*(r.path for r in RULES), *options))
    rests = (p[len(above) :] for p in found if p[: len(above)] == above and len(p) > len(above))
    return tuple(r for r in rests if "*" not in r and r != ("**",))
