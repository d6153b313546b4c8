"""`homelab bootstrap`: the steps of a new machine from an image to `state: live`.

A person does every step that writes to a disk or trusts a key: a host key is made beforehand, or
pinned after a person compared it.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.plan import Plan
from homelab.problems import UsageError, did_you_mean
from homelab.system.bootstrap import IMAGES, output
from homelab.system.checks import missing
from homelab.system.model import Host

_NIX = 'nix --extra-experimental-features "nix-command flakes"'
_KEY = "/etc/ssh/ssh_host_ed25519_key"


def first_steps(plan: Plan, name: str) -> str:
    """The steps for one host, numbered. Raises UsageError for a host that starts from no image."""
    host = plan.hosts.get(name)
    known = [h.name for h in plan.hosts.values() if h.config.bootstrap is not None]
    if host is None:
        raise UsageError(f'there is no host "{name}"; {did_you_mean(name, plan.hosts, "hosts")}')
    if host.config.bootstrap is None:
        others = f"; hosts that have one: {', '.join(known)}" if known else ""
        raise UsageError(
            f"{name} starts from no image; add bootstrap: sd-image, or iso, to hosts.{name}{others}"
        )
    made = host.config.ssh.host_key is not None
    card = host.config.bootstrap == "sd-image"
    steps = [
        _build(host),
        _flash(host),
        *([_card(host)] if card else []),
        _start(host),
        *([] if made and card else [_pin(host)]),
        _secrets(),
        _hardware(host),
        _live(plan, host),
    ]
    text = f"{name}: from an image to state: live\n"
    for number, (title, lines) in enumerate(steps, 1):
        text += f"\n{number}. {title}\n" + "".join(f"   {line}".rstrip() + "\n" for line in lines)
    return text + "\n" + "".join(_left(host))


def _build(host: Host) -> tuple[str, list[str]]:
    assert host.config.bootstrap is not None
    _, attribute, result = IMAGES[host.config.bootstrap]
    what = f"path:./out/{host.name}#nixosConfigurations.{output(host)}.config.system.build"
    return f"Build the image, on any machine with Nix that builds for {host.config.platform}:", [
        f"  homelab bootstrap {host.name} --build",
        "or, with a file tree for another machine:",
        "  homelab render",
        f"  {_NIX} build --no-update-lock-file '{what}.{attribute}'",
        f"It is {result} then, or what --build prints.",
        "No service, no secret and no host key is in it.",
    ]


def _flash(host: Host) -> tuple[str, list[str]]:
    medium = "card" if host.config.bootstrap == "sd-image" else "stick"
    unpack = "zstd -dc" if host.config.bootstrap == "sd-image" else "cat"
    assert host.config.bootstrap is not None
    return f"Write it to the {medium} yourself; lsblk tells which device that is:", [
        f"  {unpack} {IMAGES[host.config.bootstrap][2]} | sudo dd of=/dev/DEVICE bs=4M conv=fsync",
        "This erases the device.",
    ]


def _card(host: Host) -> tuple[str, list[str]]:
    made = host.config.ssh.host_key is not None
    lines = [] if made else [f"  homelab host key {host.name}"]
    lines.append(f"  homelab bootstrap {host.name} --onto /run/media/you/FIRMWARE")
    lines += [
        "That is where the card's partition FIRMWARE is mounted. The first start takes what is"
    ]
    lines += ["there, and removes it."]
    return "Put its host key on the card, and its WiFi network:", lines


def _start(host: Host) -> tuple[str, list[str]]:
    lines = ["It lets the owner and root in by key."]
    if host.config.bootstrap == "iso":
        lines.append("It makes its SSH host key at each start.")
        if host.config.wifi is not None:
            lines.append("Its WiFi has no password in the image: join on the console, with nmtui.")
    return "Start the machine from it, with a console.", lines


def _pin(host: Host) -> tuple[str, list[str]]:
    port = f" -p {host.config.ssh.port}" if host.config.ssh.port != 22 else ""
    return "Pin its host key, once both fingerprints are the same:", [
        f"  on its console:  ssh-keygen -lf {_KEY}.pub",
        f"  here:            ssh-keyscan -t ed25519{port} {_at(host)} >{host.name}.known",
        f"                   ssh-keygen -lf {host.name}.known",
        f'Then hosts.{host.name}.ssh.host_key: "ssh-ed25519 AAAA…", as {host.name}.known has it.',
        "Do not pin a key that you have not compared: it may belong to another machine.",
    ]


def _secrets() -> tuple[str, list[str]]:
    return "Let it read its own secrets; its age recipient is computed from the host key:", [
        "  homelab secret recipients",
        "  homelab secret set --missing    # those that it reads",
    ]


def _hardware(host: Host) -> tuple[str, list[str]]:
    path = f"hosts/{host.name}/hardware.nix"
    ssh = f"ssh -o UserKnownHostsFile={host.name}.known -o StrictHostKeyChecking=yes"
    port = f" -p {host.config.ssh.port}" if host.config.ssh.port != 22 else ""
    ask = f"{ssh}{port} root@{_at(host)} nixos-generate-config --show-hardware-config"
    if host.config.bootstrap == "sd-image":
        return "Copy its hardware configuration:", [
            f"  {ask} >{path}",
            f"Then hosts.{host.name}.hardware: {path}",
        ]
    return "Make its file systems, mount them below /mnt, and copy its hardware configuration:", [
        f"  {ask} --root /mnt >{path}",
        f"Then hosts.{host.name}.hardware: {path}",
        "Keep the key that you pinned; on its console, as root:",
        f"  install -d /mnt/etc/ssh && cp -p {_KEY} {_KEY}.pub /mnt/etc/ssh/",
    ]


def _live(plan: Plan, host: Host) -> tuple[str, list[str]]:
    lines = [f"In hosts.{host.name}: state: live. Then:", "  homelab check"]
    if host.config.bootstrap == "iso":
        flake = f"path:/mnt/etc/homelab-first#{host.name}"
        lines += [
            "  homelab render",
            f"Copy out/{host.name} to /mnt/etc/homelab-first on it, and on its console, as root:",
            f"  nixos-install --root /mnt --no-root-passwd --flake {flake}",
            "Start it from its disk, and here:",
        ]
    lines.append("  pulumi up")
    if plan.stack.tailnet is not None and host.config.tailscale is not None and not host.tailnet:
        lines += [
            "It joins the tailnet by a key that this `up` issues. Approve it there, and write its",
            f"address to hosts.{host.name}.address.tailnet.",
        ]
    return "Make it live:", lines


def _left(host: Host) -> Iterator[str]:
    left = [p.where for p in missing(host)]
    if left:
        yield f"Missing before state: live: {', '.join(left)}\n"
    elif host.config.state == "planned":
        yield "Nothing is missing before state: live.\n"
    else:
        yield f"{host.name} is {host.config.state} already.\n"


def _at(host: Host) -> str:
    return host.address or "ADDRESS"
