"""Checks of catalog services against the facts of their NixOS modules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.catalog.options import options_of
from homelab.catalog.references import roles_of
from homelab.check import check
from homelab.config.service_modules import CatalogService
from homelab.config.services import ports_of
from homelab.identity.model import BASE_DN
from homelab.nested import scalars
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.secret_shapes import is_literal
from homelab.services.custom import BIND
from homelab.services.declared import declares
from homelab.services.model import Service
from homelab.services.own import original_entry
from homelab.services.ports import is_movable
from homelab.services.templates import filled


@check("port-fixed")
def port_fixed(plan: Plan) -> Iterator[Problem]:
    """If no option sets the port of an app, another port in the stack makes the reverse proxy, the
    probe and the firewall use a port that the app does not listen on. So does a port below 1024
    for an app that is not root.
    """
    for service in plan.services:
        for label in sorted(service.entry.further_ports.keys() & ports_of(service.config).keys()):
            low = service.entry.ports[label].port
            if low < 1024 and BIND not in service.entry.hardening.capabilities:
                yield Problem(
                    f"services.{service.name}.ports.{label}.port",
                    f"{service.name} may not listen on {low}: a port below 1024 needs root",
                    f"write port: {low + 2000}",
                )
        web = service.entry.ports.get("web")
        wanted = service.config.port
        if web is None or wanted is None or wanted == web.port:
            continue
        if wanted < 1024 and _is_bound(service):
            yield Problem(
                f"services.{service.name}.port",
                f"{service.name} may not listen on {wanted}: a port below 1024 needs root",
                f"leave port out, or write port: {wanted + 8000}",
            )
            continue
        if is_movable(service):
            continue
        later = f" before NixOS {web.movable_since}" if web.movable_since else ""
        yield Problem(
            f"services.{service.name}.port",
            f"no option of its module changes the port of {service.name} from {web.port}{later}",
            f"leave port out; if something else uses {web.port}, give that another port",
        )


def _is_bound(service: Service) -> bool:
    """Whether a service of the catalog listens as a user without the right to low ports. Nginx,
    which its module may start in front of it, has that right.
    """
    entry = service.entry
    is_user = entry.dynamic_user or entry.user not in ("", "root")
    by_nginx = any("nginx" in word for word in (*entry.options, *entry.units, *entry.helpers))
    stated = isinstance(service.config, CatalogService)
    return stated and is_user and not by_nginx and BIND not in entry.hardening.capabilities


@check("port-listens", severity="warning")
def port_listens(plan: Plan) -> Iterator[Problem]:
    """A port of the stack config opens the firewall. If no option has this number, and homelab can
    set a port of the app that has another name, that port is probably meant: nothing listens on
    this one, and any program that does is open. Apps without such a port may listen where their
    own pages say, as Home Assistant's integrations do.
    """
    for service in plan.services:
        entry = original_entry(plan.stack, service.name, service.config, service.host)
        if not isinstance(service.config, CatalogService) or entry is None:
            continue
        if not entry.further_ports:
            continue
        known = {*entry.ports, *entry.further_ports}
        stated_numbers = set(_numbers(service.config.options))
        for label, stated in sorted(ports_of(service.config).items()):
            if label in known or stated.scope == "loopback":
                continue
            if str(stated.port) not in stated_numbers:
                names = ", ".join(sorted(entry.further_ports))
                yield Problem(
                    f"services.{service.name}.ports.{label}",
                    f"nothing of {service.name} is known to listen on {stated.port}, "
                    f"which it opens to {_SCOPES[stated.scope]}",
                    f"name it as one that homelab can switch on: {names}; or write the option that "
                    "makes it listen there into options, or leave it out",
                )


def _numbers(value: object) -> Iterator[str]:
    """Every number in the options of a service, also one in a text: `0.0.0.0:2222`."""
    for found in scalars(value):
        if isinstance(found, str):
            yield from re.findall(r"[0-9]+", found)
        elif isinstance(found, int) and 0 < found <= 65535:
            yield str(found)


_SCOPES = {"tailnet": "the tailnet", "lan": "the LAN", "link": "the LAN"}


@check("gpu-useful")
def gpu_useful(plan: Plan) -> Iterator[Problem]:
    """GPU devices in the sandbox of an app that does not use them weaken the sandbox and speed up
    nothing.
    """
    for service in plan.services:
        wanted, known = service.config.gpu, sorted(service.entry.options_gpu)
        if wanted is None or service.is_custom or wanted in known:
            continue
        yield Problem(
            f"services.{service.name}.gpu",
            f"{service.entry.title} cannot use {wanted} graphics",
            f"write gpu: {' or '.join(known)}, or leave it out" if known else "leave gpu out",
            # A host without a GPU is a problem of gpu-present, which leaving it out solves too.
            cause="" if plan.hosts[service.host].config.gpu else f"hosts.{service.host}.gpu",
        )


def _is_directory(plan: Plan, service: Service) -> bool:
    """Whether it is the directory of the identity provider, whose base DN the stack states."""
    identity = plan.stack.identity
    directory = identity.directory if identity is not None else None
    return directory is not None and directory.kind == service.name


@check("option-demanded")
def option_demanded(plan: Plan) -> Iterator[Problem]:
    """A missing option that a module or its app requires would be found only at build time, when
    the service starts, or never.
    """
    for service in plan.services:
        if not service.entry.requires_one_of:
            continue
        options = options_of(service.entry, service.release, service.config.gpu)
        known = filled(options, plan, service)
        named = {d.option for d in service.entry.devices.values() if d.option}
        for choice in service.entry.requires_one_of:
            if named & {*choice}:
                continue  # service-needs reports it
            if any(path in known or declares(service.config, path) for path in choice):
                continue
            if BASE_DN in choice and _is_directory(plan, service):
                continue
            roles = [r for p in choice for r in roles_of(options.get(p))]
            dataset = f"datasets: {{{roles[0]}: its dataset}}, or " if roles else ""
            is_secret = is_literal(choice[0].rpartition(".")[2], "value")
            hint = " (a secret: write a reference to it, not its value)" if is_secret else ""
            yield Problem(
                service.at("options"),
                f"{service.name} needs {' or '.join(choice)}, which only you know",
                f"add {dataset}{choice[0]}: … under services.{service.name}.options{hint}",
            )


@check("state-version", severity="warning")
def state_version(plan: Plan) -> Iterator[Problem]:
    """Some modules choose defaults by `system.stateVersion`, so an older host behaves differently
    without a notice.
    """
    for service in plan.services:
        installed = _installed(plan, service)
        for since in service.entry.state_version_changes:
            if installed >= since.before or service.release < since.release:
                continue
            if since.unless and declares(service.config, since.unless):
                continue
            yield Problem(
                service.source,
                f"{service.host} was installed with NixOS {installed}, so {service.name} "
                f"{since.what}",
                f"{since.way_out}, in the options of {service.name}",
            )


@check("secret-owner")
def secret_owner(plan: Plan) -> Iterator[Problem]:
    """A file cannot belong to a dynamic user, which exists only while its unit runs: sops-nix stops
    at the first unknown user, and no secret of the host is installed.
    """
    for service in plan.services:
        if not service.entry.dynamic_user:
            continue
        for name, secret in sorted(service.secrets.items()):
            if secret.owner not in (None, "root"):
                yield Problem(
                    f"services.{service.name}.secrets.{name}.owner",
                    f"{service.name} runs as a dynamic user, and the user {secret.owner} does not "
                    "exist when secrets are installed",
                    "leave owner out: systemd passes the file to the unit as a credential",
                )


def _installed(plan: Plan, service: Service) -> str:
    return plan.hosts[service.host].config.state_version
