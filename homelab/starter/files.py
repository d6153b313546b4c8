"""Every file of a new homelab except the encrypted ones, as text."""

from __future__ import annotations

from collections.abc import Mapping

import tomli_w

from homelab.config.lock import Lock, lock_text
from homelab.nix import Nix, print_file
from homelab.starter.answers import Answers, Machine
from homelab.starter.stack_text import (
    CA_KEY,
    FLAKE,
    LOCK,
    USERS,
    hardware_path,
    lock_path,
    stack_text,
)
from homelab.system.placeholders import PLACEHOLDER
from homelab.templates import filled, raw

HOOK = ".githooks/pre-commit"
"""The file that must be executable."""
_PYTEST = {
    "testpaths": ["tests"],
    # The SDK warns about its own deprecated name of a resource.
    "filterwarnings": ["ignore::DeprecationWarning:pulumi_command"],
}
_GITHUB = {
    "runner": "ubuntu-latest",
    "checkout": "actions/checkout@v4",
    "uv": "astral-sh/setup-uv@v6",
}
_FORGEJO = {
    "runner": "docker",
    "checkout": "https://code.forgejo.org/actions/checkout@v4",
    "uv": "https://github.com/astral-sh/setup-uv@v6",
}


def project_files(answers: Answers, *, run: str = "") -> dict[str, str]:
    """The files by path. `run` is what precedes `homelab` in commands: `uv run `, or nothing."""
    files = {
        f"Pulumi.{answers.stack}.yaml": stack_text(answers),
        "Pulumi.yaml": _pulumi(answers.name),
        "__main__.py": _template("main.py.in"),
        "pyproject.toml": _pyproject(answers.name, answers.library),
        "tests/test_homelab.py": _template("test_homelab.py.in"),
        ".gitignore": _template("gitignore"),
        HOOK: _template("pre-commit.sh"),
        ".github/workflows/check.yaml": _filled("workflow.yaml", _GITHUB),
        ".forgejo/workflows/check.yaml": _filled("workflow.yaml", _FORGEJO),
        lock_path(answers): _template(LOCK),
        # Without services until `homelab lock`. A missing file later means a lost one.
        "homelab.lock.yaml": lock_text(Lock(stack=answers.stack)),
        "README.md": _readme(answers, run),
    }
    if not answers.has_flake:
        files[FLAKE] = _template(FLAKE)
    for machine in answers.machines:
        files[hardware_path(machine)] = machine.hardware or _hardware(machine)
    return dict(sorted(files.items()))


def pulumi_template(library: str) -> dict[str, str]:
    """The files of a template for `pulumi new`, which fills in `${PROJECT}`. It has no stack:
    `homelab init --into` adds the rest, with secrets that a template cannot have.
    """
    template = (
        "template:\n"
        "  description: NixOS machines at home, from one stack config\n"
        "  quickstart: |\n"
        "    uv run homelab init --into\n"
        "    uv run homelab lab up\n"
    )
    return {
        ".gitignore": _template("gitignore"),
        "Pulumi.yaml": _pulumi("${PROJECT}") + template,
        "__main__.py": _template("main.py.in"),
        "pyproject.toml": _pyproject("${PROJECT}", library),
    }


def is_own_flake(name: str, text: str) -> bool:
    """Whether a `flake.nix` or `flake.lock` is another than that of init."""
    return text != _template(name)


def to_do(answers: Answers, run: str = "") -> list[str]:
    """What only the owner can do before the first deployment, one step each."""
    steps = []
    for machine in answers.machines:
        where, path = machine.name, hardware_path(machine)
        if answers.adopt_later:
            steps.append(f"`{run}homelab adopt host {where} {machine.address}`")
            continue
        if not machine.hardware:
            steps.append(
                f"`{path}` is a placeholder. On {where}, or from here: `ssh root@{machine.address} "
                f"nixos-generate-config --show-hardware-config >{path}`"
            )
        if machine.host_key.endswith(PLACEHOLDER):
            steps.append(
                f"`hosts.{where}.ssh.host_key` is a placeholder. Write the line of {where}'s "
                "`/etc/ssh/ssh_host_ed25519_key.pub` there, as its console shows it; then "
                f"`{run}homelab secret recipients`"
            )
    if answers.cloudflare is not None:
        steps.append(
            "Create an API token of Cloudflare (docs/guide/publishing.md of homelab names its "
            f"permissions): `{run}homelab secret set cloudflare/token`"
        )
    if answers.tailnet:
        steps.append(
            "Create an OAuth client of Tailscale with the scopes that docs/guide/tailnet.md of "
            f"homelab names: `{run}homelab secret set tailscale/client_id`, and "
            f"`{run}homelab secret set tailscale/client_secret`"
        )
    if answers.sign_in == "authelia" and not answers.adopt_later:
        steps.append(
            "Your password at the sign-in portal: "
            '`sops decrypt --extract \'["authelia"]["users"]\' secrets/deploy.yaml`'
        )
    steps.append(
        "Keep a copy of the master key and of your age key outside of the homelab: "
        "`sops decrypt --extract '[\"master\"]' secrets/deploy.yaml`"
    )
    if answers.keeper is None and not answers.adopt_later:
        steps.append("Add a backup target; the stack file shows one")
    steps.append(f"`{run}homelab lock`, and commit `homelab.lock.yaml`")
    return steps


def after(answers: Answers, run: str = "") -> list[str]:
    """What is left after the first deployment, one step each."""
    first = answers.first
    if answers.adopt_later:
        return [f"`{run}homelab adopt part {first.name} system` shows what managing a part changes"]
    steps = [f"The router's DHCP gives {first.address} ({first.name}) to devices as DNS server"]
    if answers.cloudflare is None:
        steps.append(
            f"Each device trusts the root certificate once, from `http://ca.{answers.domain}`"
        )
    if answers.tailnet:
        steps.append(
            f"Write {first.name}'s tailnet address to `hosts.{first.name}.address.tailnet`"
        )
    return steps


def _numbered(steps: list[str]) -> str:
    return "\n".join(f"{number}. {step}." for number, step in enumerate(steps, 1))


def _template(name: str) -> str:
    return raw("homelab.starter", f"templates/{name}")


def _filled(name: str, fields: Mapping[str, str]) -> str:
    return filled("homelab.starter", f"templates/{name}", fields)


def _pulumi(name: str) -> str:
    return (
        f"name: {name}\n"
        "description: The machines, services and names of a home.\n"
        "runtime:\n"
        "  name: python\n"
        "  options:\n"
        "    toolchain: uv\n"
        'requiredPulumiVersion: ">=3.254.0"\n'
    )


def _pyproject(name: str, library: str) -> str:
    return tomli_w.dumps(
        {
            "project": {
                "name": name,
                "version": "0",
                "requires-python": ">=3.11",
                "dependencies": [library],
            },
            "dependency-groups": {"dev": ["pytest>=8.3"]},
            # As in this library: a company or a school may have certificates of its own.
            "tool": {
                "uv": {"package": False, "system-certs": True},
                "pytest": {"ini_options": _PYTEST},
            },
        }
    )


def _hardware(machine: Machine) -> str:
    """A module that no host can be built with, with the file systems of the NixOS manual."""
    path = hardware_path(machine)
    systems: dict[str, Nix] = {"/": {"device": "/dev/disk/by-label/nixos", "fsType": "ext4"}}
    if machine.platform != "aarch64-linux":
        systems["/boot"] = {
            "device": "/dev/disk/by-label/boot",
            "fsType": "vfat",
            "options": ["umask=0077"],
        }
    refusal: dict[str, Nix] = {
        "assertion": False,
        "message": f"{path} is the placeholder of homelab init; replace it with what "
        "nixos-generate-config --show-hardware-config prints on the host",
    }
    return print_file(
        {"assertions": [refusal], "fileSystems": systems},
        head=f"{PLACEHOLDER}: no machine has this hardware. Replace the whole file.",
    )


def _guide(library: str) -> str:
    """Where the guide is: in the repository that the library comes from; empty for a registry."""
    place = library.partition(" @ ")[2].removeprefix("git+")
    return f" The guide is `docs/guide` in {place}." if place else ""


def _readme(answers: Answers, run: str) -> str:
    clouds = [
        *(["Cloudflare"] if answers.cloudflare is not None else []),
        *(["the tailnet"] if answers.tailnet else []),
    ]
    stored = [
        *([CA_KEY] if answers.cloudflare is None else []),
        *([USERS] if answers.sign_in == "authelia" and not answers.adopt_later else []),
        "master",
    ]
    return _filled(
        "README.md",
        {
            "title": answers.name,
            "stack": answers.stack,
            "run": run,
            "guide": _guide(answers.library),
            "clouds": f" and configures {' and '.join(clouds)}" if clouds else "",
            "secret_files": f": {', '.join(sorted(stored))}",
            "pins": f"`{lock_path(answers)}` | the revisions of nixpkgs that the hosts use"
            if answers.has_flake
            else f"`{FLAKE}`, `{LOCK}` | the revisions of nixpkgs that the hosts use; a "
            "development shell",
            "todo": _numbered(to_do(answers, run)),
            "after": _numbered(after(answers, run)),
        },
    )
