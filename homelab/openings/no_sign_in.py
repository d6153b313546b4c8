"""Settings with which an app asks nobody to sign in, or makes every visitor its administrator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from homelab.catalog import of_module
from homelab.nix.source import Computed, Setting, Value
from homelab.openings.daemons import called, is_stated_by_entry, service_of
from homelab.openings.model import Opening, View, rule, shown
from homelab.openings.variables import plain
from homelab.services.declared import path_parts
from homelab.services.trust_checks import is_for_admins, makes_admin

Test = Callable[[Value], bool]
_ARR = ("lidarr", "prowlarr", "radarr", "readarr", "sonarr", "whisparr")


def _one_of(*words: str) -> Test:
    return lambda value: str(value).lower() in words


def _is(wanted: bool) -> Test:
    return lambda value: plain(value) is wanted or str(value) == str(int(wanted))


def _other_than(*words: str) -> Test:
    return lambda value: str(value).lower() not in words


_CLOSED: Mapping[str, str] = {
    "services.hedgedoc.settings.allowAnonymous": "false",
    "services.ntfy-sh.settings.auth-default-access": "deny-all",
}
"""The value to write where the app itself is open by default, and only the catalog closes it."""
OPEN: Mapping[str, tuple[Test, str]] = {
    "services.filebrowser.settings.noauth": (_is(True), "asks nobody to sign in"),
    "services.frigate.settings.auth.enabled": (_is(False), "asks nobody to sign in"),
    "services.hedgedoc.settings.allowAnonymous": (_is(True), "lets everybody write notes"),
    "services.hedgedoc.settings.allowAnonymousEdits": (_is(True), "lets everybody change notes"),
    "services.ntfy-sh.settings.auth-default-access": (
        _other_than("deny-all"),
        "lets everybody use topics without an account",
    ),
    "services.nzbget.settings.ControlPassword": (_one_of(""), "asks nobody for a password"),
    "services.photoprism.settings.PHOTOPRISM_AUTH_MODE": (
        _one_of("public"),
        "makes every visitor its administrator",
    ),
    "services.photoprism.settings.PHOTOPRISM_PUBLIC": (
        _is(True),
        "makes every visitor its administrator",
    ),
    "services.pocket-id.settings.ALLOW_USER_SIGNUPS": (
        _one_of("open"),
        "lets everybody make an account, which opens what every member may open",
    ),
    # The proxy calls from loopback, or from an address that is listed.
    "services.qbittorrent.serverConfig.Preferences.WebUI.AuthSubnetWhitelistEnabled": (
        _is(True),
        "asks clients of listed networks for no password, and visitors come from the proxy's",
    ),
    "services.qbittorrent.serverConfig.Preferences.WebUI.LocalHostAuth": (
        _is(False),
        "asks clients of its host for no password, and visitors come from the proxy there",
    ),
    "services.radicale.settings.auth.type": (
        _one_of("none", "remote_user", "http_x_remote_user"),
        "asks nobody for a password",
    ),
    **{
        f"services.{name}.settings.auth.method": (
            _one_of("none", "external"),
            "asks nobody to sign in",
        )
        for name in _ARR
    },
    **{
        f"services.{name}.settings.auth.required": (
            _one_of("disabledforlocaladdresses"),
            "asks nobody to sign in who comes from a private address, and the proxy does",
        )
        for name in _ARR
    },
    "services.beszel.hub.environment.AUTO_LOGIN": (
        _other_than("", "none", "false"),
        "signs in every visitor as that account",
    ),
}
"""Settings, with a test of the value and what it means. Sources: the documentation of each app."""


@rule(*OPEN)
def nobody_signs_in(setting: Setting, view: View) -> Iterator[Opening]:
    """An app without its own sign-in, where the auth proxy does not ask instead."""
    test, what = OPEN[".".join(setting.path)]
    value = setting.value
    if isinstance(value, Computed) or value is None or not test(value):
        return
    service = service_of(setting, view)
    routes = view.plan.routes_of(service.name) if service is not None else ()
    if not routes or any(r.auth != "forward" for r in routes):
        closed = _CLOSED.get(".".join(setting.path), "")
        stays = not closed or is_stated_by_entry(setting, service)
        yield Opening(
            "no-password",
            f"{setting.name} is {shown(value) or 'empty'}: {called(setting, service)} {what}",
            ("leave it out" if stays else f"write {closed}, for the app itself is open")
            + (
                ", or write auth: forward at its routes, so that the auth proxy asks" * bool(routes)
            ),
            "warning",
            acceptable=True,
        )


@cache
def _admin_options(module: str) -> Mapping[tuple[str, ...], tuple[str, object]]:
    return {
        path_parts(path): (path, value)
        for entry in of_module(module)
        for path, value in entry.sign_in.admin_options.items()
    }


@rule("services.**")
def admins(setting: Setting, view: View) -> Iterator[Opening]:
    """The same of a module, a variable or a container. `grafana-auth-scope` reads the options that
    the stack config states under their own names.
    """
    known = _admin_options("".join(setting.path[1:2])).get(setting.path)
    if known is None or (setting.source and not setting.written):
        return
    service = service_of(setting, view)
    routes = view.plan.routes_of(service.name) if service is not None else ()
    open_to = [r for r in routes if not is_for_admins(r)]
    if makes_admin(known[0], setting.value, known[1]) and (open_to or not routes):
        yield Opening(
            "no-password",
            f"{setting.name} is {shown(setting.value)}: everybody who "
            + (f"passes {open_to[0].title}" if open_to else "reaches it")
            + f" is an administrator of {called(setting, service)}",
            "leave it out"
            + ", or write auth: forward, policy: two_factor and groups: [admins] at its routes"
            * bool(routes),
            acceptable=True,
        )


@rule("services.vaultwarden.config.DISABLE_ADMIN_TOKEN")
def no_token(setting: Setting, view: View) -> Iterator[Opening]:
    """The page on which everybody manages the accounts of Vaultwarden."""
    if setting.value is True:
        service = service_of(setting, view)
        has_secret = service is not None and not setting.contained
        yield Opening(
            "no-password",
            f"{setting.name}: whoever reaches /admin manages the accounts of "
            f"{'Vaultwarden' if has_secret else called(setting, service)} without a token",
            "leave it out; "
            + (
                "the secret admin opens /admin"
                if has_secret
                else "without ADMIN_TOKEN there is no /admin"
            ),
            acceptable=True,
        )
