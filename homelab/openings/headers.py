"""Apps that sign in whom a header names, where no route replaces what a visitor sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.network.route import Route
from homelab.nix.source import Computed, Setting, Value
from homelab.openings.daemons import called, service_of
from homelab.openings.model import Opening, View, rule, shown
from homelab.openings.variables import as_settings, plain
from homelab.proxy.model import IDENTITY_HEADERS
from homelab.services.declared import path_parts
from homelab.services.model import Service


@dataclass(frozen=True)
class Header:
    """How an app is told to believe a header."""

    name: str
    """The option that names the header."""
    default: str
    """The header without that option. Sources: the documentation of each app."""


_WEBAUTH = "X-WEBAUTH-USER"
_PAPERLESS = Header(
    "services.paperless.settings.PAPERLESS_HTTP_REMOTE_USER_HEADER_NAME", "HTTP_REMOTE_USER"
)
BELIEVED: Mapping[str, Header] = {
    "services.calibre-web.options.reverseProxyAuth.enable": Header(
        "services.calibre-web.options.reverseProxyAuth.header", "Remote-User"
    ),
    "services.forgejo.settings.service.ENABLE_REVERSE_PROXY_AUTHENTICATION": Header(
        "services.forgejo.settings.security.REVERSE_PROXY_AUTHENTICATION_USER", _WEBAUTH
    ),
    "services.gitea.settings.service.ENABLE_REVERSE_PROXY_AUTHENTICATION": Header(
        "services.gitea.settings.security.REVERSE_PROXY_AUTHENTICATION_USER", _WEBAUTH
    ),
    'services.grafana.settings."auth.proxy".enabled': Header(
        'services.grafana.settings."auth.proxy".header_name', _WEBAUTH
    ),
    "services.linkding.settings.LD_ENABLE_AUTH_PROXY": Header(
        "services.linkding.settings.LD_AUTH_PROXY_USERNAME_HEADER", "REMOTE_USER"
    ),
    "services.paperless.settings.PAPERLESS_ENABLE_HTTP_REMOTE_USER": _PAPERLESS,
    "services.paperless.settings.PAPERLESS_ENABLE_HTTP_REMOTE_USER_API": _PAPERLESS,
}
"""Options that let an app believe a header."""
_NAMES = (
    *dict.fromkeys(header.name for header in BELIEVED.values()),
    "services.beszel.hub.environment.TRUSTED_AUTH_HEADER",
    "services.firefly-iii.settings.AUTHENTICATION_GUARD_HEADER",
    "services.healthchecks.settings.REMOTE_USER_HEADER",
    "services.miniflux.config.AUTH_PROXY_HEADER",
    "services.open-webui.environment.WEBUI_AUTH_TRUSTED_EMAIL_HEADER",
)
"""Options with the name of a header that an app believes."""


@rule(*BELIEVED)
def header_sign_in(setting: Setting, view: View) -> Iterator[Opening]:
    """An app that believes a header, whose name may stand in another option."""
    if plain(setting.value) in (None, False, ""):
        return
    header = next(h for option, h in BELIEVED.items() if path_parts(option) == setting.path)
    found = _found(setting, path_parts(header.name), view)
    named = found if isinstance(found, str) and found else header.default
    service = service_of(setting, view)
    if isinstance(found, Computed) or _key(named) not in _sent(service, view):
        yield _opening(setting, named, service)


@rule(*_NAMES)
def header_name(setting: Setting, view: View) -> Iterator[Opening]:
    """The name of the header, where nothing beside it lets the app believe it: the option itself
    does, or the plan for `auth: forward`.
    """
    value = setting.value
    if not isinstance(value, str) or not value:
        return
    service = service_of(setting, view)
    asks = [
        path_parts(ask)
        for ask, header in BELIEVED.items()
        if path_parts(header.name) == setting.path
    ]
    if asks:
        by_plan = service is not None and service.entry.sign_in.forward
        said = any(_found(setting, ask, view) is not None for ask in asks)
        forward = any(r.auth == "forward" for r in _routes(service, view))
        if said or not (by_plan and forward):
            return
    if _key(value) not in _sent(service, view):
        yield _opening(setting, value, service)


def _opening(setting: Setting, header: str, service: Service | None) -> Opening:
    name = header.removeprefix("HTTP_").replace("_", "-")
    return Opening(
        "trusts-anybody",
        f"{setting.name} is {shown(setting.value)}, and no route of {called(setting, service)} "
        f"sets the header that it trusts, {name}: any visitor can sign in as somebody else",
        "leave it out; where the app can use the auth proxy, auth: forward at its route sets "
        f"Remote-User, and headers: {{{name}: …}} at the service sets another one",
        acceptable=True,
    )


def _sent(service: Service | None, view: View) -> frozenset[str]:
    """The headers that the reverse proxy sets for a service, and takes from what visitors send."""
    asked = [r for r in _routes(service, view) if r.auth == "forward"]
    own = {_key(name) for route in asked for name, _ in route.headers}
    return frozenset(own | ({_key(name) for name in IDENTITY_HEADERS} if asked else set()))


def _routes(service: Service | None, view: View) -> tuple[Route, ...]:
    return view.plan.routes_of(service.name) if service is not None else ()


def _found(setting: Setting, path: tuple[str, ...], view: View) -> Value:
    """Another setting of the same app: an option, or a variable that is one."""
    for other in reversed(view.settings):
        for one in (other, *as_settings(other, view)):
            same = one.source.split(".")[:2] == setting.source.split(".")[:2]
            if one.path == path and one.contained == setting.contained and same:
                return one.value
    return None


def _key(name: str) -> str:
    return name.upper().replace("-", "_").removeprefix("HTTP_")
