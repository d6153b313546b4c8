"""A host as a virtual machine for a look: the same files, and a system beside the real one.

The machine reaches nothing: QEMU lets no packet out, so it renews no certificate, joins no tailnet
and pushes no backup. Its secrets are stand-ins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homelab.deploy.model import Release
from homelab.nix import Attrs, Force, Module, Nix, Path, Raw, Script, attrs, merge, print_module
from homelab.plan import Plan
from homelab.render import HEAD, modules_of
from homelab.secrets.sops_nix import tree_path
from homelab.services.model import Service
from homelab.system import arguments, flakes
from homelab.system.model import Host

FILE = "vm.nix"
KEY = "vm/ssh-key"
"""The SSH key that opens the stand-ins, in place of a host key. Everybody may read it."""
_SENT = "vm/sent"


@dataclass(frozen=True)
class StandIns:
    """Stand-ins for the secrets of one host."""

    stored: Mapping[str, str]
    """Texts of sops files, by path in the host's tree."""
    key: str
    """The private SSH key that opens them."""
    sent: Mapping[str, str]
    """Derived and issued secrets, by name."""


def output(host: Host) -> str:
    """Name of the system in the flake."""
    return f"{host.name}-vm"


def vm_tree(
    plan: Plan,
    host: Host,
    release: Release,
    sources: Mapping[str, str | bytes],
    stand_ins: StandIns,
    *,
    memory_mib: int,
    ssh_port: int,
) -> Release:
    """The release's tree with a further system for a virtual machine. Its secrets are replaced."""
    files = dict(release.files)
    files |= stand_ins.stored
    files |= {f"{_SENT}/{name}": text for name, text in stand_ins.sent.items()}
    if stand_ins.stored:
        files[KEY] = stand_ins.key
    module = Module(
        FILE,
        f"{host.name} as a virtual machine, with stand-ins for its secrets",
        stated=merge(
            _machine(host, memory_mib, ssh_port), _network(plan, host), _secrets(stand_ins)
        ),
        imports=('"${modulesPath}/virtualisation/qemu-vm.nix"', "./default.nix"),
    )
    files[FILE] = print_module(module, HEAD)
    modules = [*modules_of(plan, host), *arguments.modules(plan, host, sources)]
    also = {output(host): FILE}
    files["flake.nix"], files["flake.lock"] = flakes.flake(plan, host, modules, sources, HEAD, also)
    return Release(release.id, host.name, tuple(sorted(files.items())))


def ways_in(plan: Plan, host: Host, ssh_port: int) -> list[str]:
    """How a person reaches the machine and its services, as commands and addresses."""
    ssh = (
        f"ssh -p {ssh_port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
        "root@127.0.0.1"
    )
    lines = [f"log in: {ssh}"]
    for service in plan.on(host.name):
        if not service.port:
            continue
        lines.append(
            f"{service.name}: {ssh} -NL {service.port}:{_dialled(service)}:{service.port}, then "
            f"http://127.0.0.1:{service.port}"
        )
    return lines


def _dialled(service: Service) -> str:
    return "127.0.0.1" if service.bind in {"", "0.0.0.0"} else service.bind  # noqa: S104


def _machine(host: Host, memory_mib: int, ssh_port: int) -> Attrs:
    ports: Sequence[Nix] = [
        {
            "from": "host",
            "host": {"address": "127.0.0.1", "port": ssh_port},
            "guest": {"port": host.config.ssh.port},
        }
    ]
    return attrs(
        "virtualisation",
        {
            "cores": 2,
            "diskSize": 8192,
            "forwardPorts": [*ports],
            "graphics": False,
            "memorySize": memory_mib,
            "restrictNetwork": True,
        },
    )


def _network(plan: Plan, host: Host) -> Attrs:
    """QEMU's network, with the host's own address on the loopback interface, so that services that
    bind it start.
    """
    interfaces: Attrs = {}
    if host.lan:
        address: Attrs = {"address": host.lan, "prefixLength": 32}
        interfaces = {"lo": {"ipv4": {"addresses": [address]}}}
    body: Attrs = {
        "networking": {
            "defaultGateway": Force(None),
            "firewall": {"enable": Force(False)},
            "interfaces": Force(interfaces),
            "nameservers": Force(["10.0.2.3"]),
            "useDHCP": Force(True),
        }
    }
    if host.config.wifi is not None:
        off: Attrs = {"networking": {"wireless": {"enable": Force(False)}}}
        if host.config.wifi.backend == "iwd":
            off = attrs("networking.wireless.iwd.enable", Force(False))
        body = merge(body, off)
    return body


def _secrets(stand_ins: StandIns) -> Attrs:
    body: Attrs = {}
    if stand_ins.stored:
        body = attrs("sops.age.sshKeyPaths", Force([Path(KEY)]))
    if stand_ins.sent:
        into = '"/var/lib/homelab/secrets/$release"'
        text = Script.of(
            "release=",
            Raw("import ./release-id.nix"),
            f"\nmkdir -p {into}\ncp -f ",
            Raw(f"./{_SENT}"),
            f"/* {into}/\nchmod -R u+w,go= /var/lib/homelab/secrets\n",
        )
        place: Attrs = {"text": text, "deps": []}
        scripts: Attrs = {"homelab-vm": place, "homelab-secrets": {"deps": ["homelab-vm"]}}
        body = merge(body, {"system": {"activationScripts": scripts}})
    return body


def placed_in(plan: Plan, host: Host) -> dict[str, list[str]]:
    """The keys that each sops file in the host's tree has, by its path there."""
    found: dict[str, list[str]] = {}
    for secret in plan.secrets.stored_on(host.name):
        _, place = tree_path(plan, host.name, secret.key)
        found.setdefault(place, []).append(secret.key)
    return {place: sorted(set(keys)) for place, keys in sorted(found.items())}
