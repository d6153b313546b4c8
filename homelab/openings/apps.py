"""Settings of apps: sign-in without a password, headers that anybody can write, open sign-up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import ip_network

from homelab.catalog import of_module
from homelab.catalog.model import OIDC
from homelab.catalog.options import options_of
from homelab.nix.source import Setting, Value
from homelab.openings.daemons import called, is_internet, is_stated_by_entry, service_of
from homelab.openings.model import Opening, View, is_true, rule, shown, texts, when
from homelab.openings.variables import plain
from homelab.services.declared import flattened, path_parts

_SIGN_UP = re.compile(r"(?i)sign_?ups?|regist(er|ration)")
_LOOPBACK = ("127.", "::1", "localhost")


_CLOSED_BY_DEFAULT: Mapping[str, bool] = {
    "services.gotosocial.settings.accounts-registration-open": False,
    "services.grafana.settings.users.allow_sign_up": False,
    "services.tandoor-recipes.extraConfig.ENABLE_SIGNUP": False,
    "services.zipline.settings.FEATURES_USER_REGISTRATION": False,
}
"""Options that apps themselves leave closed."""


@cache
def closed_sign_ups(module: str) -> Mapping[tuple[str, ...], bool]:
    """Options of a module that close the sign-up of its app, in its catalog entry or by its
    default, and the value.
    """
    by_default = {
        parts: value
        for path, value in _CLOSED_BY_DEFAULT.items()
        if (parts := path_parts(path))[1] == module
    }
    return by_default | {
        option.path: value
        for entry in of_module(module)
        for option in flattened(entry.options)
        if _SIGN_UP.search(option.path[-1])
        and isinstance(value := plain(str(option.value).lower()), bool)
    }


@rule("services.**")
def sign_up(setting: Setting, view: View) -> Iterator[Opening]:
    """An app in which visitors make accounts, where its catalog entry closes that."""
    closed = closed_sign_ups("".join(setting.path[1:2])).get(setting.path)
    value = plain(setting.value)
    if isinstance(value, int | str) and str(value) in ("0", "1"):
        value = str(value) == "1"
    wrong = closed is not None and isinstance(value, bool) and value != closed
    if wrong and not _by_provider(setting, view):
        service = service_of(setting, view)
        stays = is_stated_by_entry(setting, service) or ".".join(setting.path) in _CLOSED_BY_DEFAULT
        yield Opening(
            "sign-up",
            f"{setting.name} is {shown(setting.value)}: everybody who reaches "
            f"{called(setting, service)} can make an account",
            ("leave it out" if stays else f"write {shown(closed)}")
            + " once the people of the house have accounts",
            "warning",
            acceptable=True,
        )


def _by_provider(setting: Setting, view: View) -> bool:
    """Whether the option is open because the provider makes the accounts, as the entry has it, and
    nothing beside it differs from the entry.
    """
    service = service_of(setting, view)
    if service is None or not any(r.auth == OIDC for r in view.plan.routes_of(service.name)):
        return False
    oidc = service.entry.sign_in.oidc
    known = {o.path: o.value for o in flattened(oidc.options if oidc is not None else {})}
    return setting.path in known and all(
        plain(view.value(*path)) in (None, plain(value))
        for path, value in known.items()
        if isinstance(value, bool | str)
    )


@rule("services.home-assistant.config.homeassistant.auth_providers")
def trusted_networks(setting: Setting, view: View) -> Iterator[Opening]:
    """Networks whose devices sign in to Home Assistant without a password."""
    for provider in setting.value if isinstance(setting.value, tuple) else ():
        if not isinstance(provider, Mapping) or provider.get("type") != "trusted_networks":
            continue
        wide = [n for n in texts(provider.get("trusted_networks")) if _is_wide(n)]
        internet = [n for n in wide if is_internet(n)]
        if wide:
            yield Opening(
                "no-password",
                f"{setting.name} trusts {(internet or wide)[0]}: every device there signs in "
                f"without a password{_as_whom(provider)}",
                "leave it out, or name single devices, such as a panel at a wall: 192.168.1.20",
                "error" if internet else "warning",
                acceptable=not internet,
            )


def _as_whom(provider: Mapping[str, Value]) -> str:
    return "" if provider.get("allow_bypass_login") is True else ", as anybody whom it picks"


def _is_wide(network: str) -> bool:
    try:
        return ip_network(network.strip(), strict=False).num_addresses > 1
    except ValueError:
        return False


@rule("services.mosquitto.listeners")
def anonymous_clients(setting: Setting, view: View) -> Iterator[Opening]:
    """A listener of Mosquitto that lets in clients without a password."""
    for listener in setting.value if isinstance(setting.value, tuple) else ():
        if not isinstance(listener, Mapping):
            continue
        settings = listener.get("settings")
        asked = settings.get("allow_anonymous") if isinstance(settings, Mapping) else None
        anonymous = listener.get("settings.allow_anonymous", asked)
        address = listener.get("address")
        here = isinstance(address, str) and address.startswith(_LOOPBACK)
        if plain(anonymous) is True and not here:
            yield Opening(
                "no-password",
                f"{setting.name} has allow_anonymous: clients need no password, and acl alone "
                "limits what they read and write",
                "leave it out, and give each client a user in users",
                "warning",
                acceptable=True,
            )
            return


when(
    is_true,
    "services.syncthing.settings.gui.insecureAdminAccess",
    word="no-password",
    what="{option}: Syncthing no longer warns that its pages have no password, and whoever reaches "
    "them reads and writes all that it does",
    way_out="leave it out, and set a password: services.syncthing.guiPasswordFile",
    severity="warning",
    acceptable=True,
)


@rule("services.sabnzbd.configFile")
def own_file(setting: Setting, view: View) -> Iterator[Opening]:
    """A file of the owner, with which the module of NixOS 26.05 ignores its settings."""
    service = service_of(setting, view)
    if service is None or setting.value is None:
        return
    options = options_of(service.entry, view.host.release)
    name = ".".join(setting.path)
    if name in options and options[name] is None:
        yield Opening(
            "settings-ignored",
            f"with {setting.name} the module ignores services.sabnzbd.settings, so the port, the "
            "address and the names of the plan are not those of SABnzbd",
            "leave it out; services.sabnzbd.stateDir moves its file and its data",
        )
