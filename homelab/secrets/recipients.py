"""Recipients of the sops files: the generated `.sops.yaml`, and checks of the files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import yaml

from homelab.check import file_check
from homelab.config.host_options import SIZES, VARIABLE, WIFI
from homelab.config.stack import StackConfig
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.secret_paths import host_file, secret_name
from homelab.secrets.age import age_recipient
from homelab.secrets.model import Secret, SopsFile
from homelab.secrets.sops_file import create_it, in_file, parse_sops_file
from homelab.system.model import nixos_hosts

SECRET_PLAINTEXT = file_check(
    "secret-plaintext", "error", "A secret that was committed in plain text is compromised."
)
SECRET_RECIPIENT = file_check(
    "secret-recipient",
    "error",
    "A host fails to start its services if it cannot decrypt its file, and a host that can decrypt "
    "the file of another one knows its secrets.",
)
WIFI_SECRET_FORMAT = file_check(
    "wifi-secret-format",
    "error",
    "wpa_supplicant needs `wifi_psk=<password>` on one line; with anything else the host loses "
    "its network.",
)

OURS = "# Who may decrypt what, made from the stack config by `homelab sops`."
"""First line of a generated file."""
_HEAD = f"""\
{OURS}
# After a change: sops updatekeys FILE
"""
_REGENERATE = "regenerate .sops.yaml: homelab sops --out .sops.yaml"


def host_recipient(stack: StackConfig, host: str) -> str:
    """The age recipient of a host's SSH host key; empty when the key is unknown or unusable."""
    found = nixos_hosts(stack.hosts).get(host)
    key = found.ssh.host_key if found is not None else None
    try:
        return age_recipient(key) if key else ""
    except ValueError:
        return ""


def sops_yaml(stack: StackConfig) -> str:
    """The text of `.sops.yaml`: each host's file is encrypted for that host and the operators.

    A host whose key is unknown gets no rule: it could not decrypt its file.
    """
    operators = sorted(set(stack.secrets.operators))
    rules = []
    for host in sorted(stack.hosts):
        recipient = host_recipient(stack, host)
        if recipient:
            rules.append(_rule(host_file(stack, host), [*operators, recipient]))
    if operators:
        rules.append(_rule(stack.secrets.file, operators))
    return _HEAD + yaml.safe_dump({"creation_rules": rules}, sort_keys=False, width=200)


def _rule(file: str, recipients: list[str]) -> dict[str, object]:
    return {"path_regex": f"^{re.escape(file)}$", "age": list(dict.fromkeys(recipients))}


def check_recipients(plan: Plan, sops_files: Mapping[str, SopsFile]) -> list[Problem]:
    """Problems of the hosts' sops files that are visible without a key.

    `sops_files` has the existing files, by their path in the stack config.
    """
    problems: list[Problem] = []
    for host in plan.hosts.values():
        # A secret without a key is a 1Password reference, which the check secret-known reports.
        stored = [s for s in plan.secrets.on(host.name) if s.source == "stored" and s.key]
        if host.is_deployed and stored:
            path = host_file(plan.stack, host.name)
            problems += _host(plan.stack, host.name, stored, path, sops_files.get(path))
    for path in sorted(sops_files):
        if not sops_files[path].encrypted:
            problems.append(_plaintext(path))
    return sorted(set(problems))


def check_sops_files(plan: Plan, sources: Mapping[str, str | bytes]) -> list[Problem]:
    """`check_recipients` for the text of all source files, by path."""
    paths = {host_file(plan.stack, name) for name in plan.hosts}
    texts = {p: t if isinstance(t, str) else "" for p, t in sources.items() if p in paths}
    return check_recipients(plan, {p: parse_sops_file(p, t) for p, t in texts.items()})


def _host(
    stack: StackConfig, host: str, stored: list[Secret], path: str, file: SopsFile | None
) -> Iterator[Problem]:
    if file is None:
        names = ", ".join(sorted({s.key for s in stored}))
        yield Problem(
            f"secrets.hosts ({path})",
            f"there is no such file, and {host} needs {names}",
            create_it(path),
            "secret-known",
        )
        return
    if not file.encrypted:
        return
    for secret in stored:
        yield from _key(secret, file)
    yield from _readers(stack, host, file)


def _key(secret: Secret, file: SopsFile) -> Iterator[Problem]:
    if secret.key not in file.kinds:
        yield Problem(
            secret.origin,
            f'{file.path} has no key "{secret.key}", which {secret.service} on {secret.host} needs',
            f"{did_you_mean(secret.key, file.kinds, 'keys')}; {in_file(secret.key)} with "
            f"sops {file.path}",
            "secret-known",
        )
    elif file.kinds[secret.key] == "plain":
        yield Problem(
            secret.origin,
            f"{secret.key} is not encrypted in {file.path}",
            "remove unencrypted_suffix and encrypted_regex from .sops.yaml, then rotate the secret",
            SECRET_PLAINTEXT,
        )
    elif file.kinds[secret.key] != "str":
        yield Problem(
            secret.origin,
            f"{secret.key} in {file.path} is not text, and sops-nix hands over text only",
            "put it in quotes",
            "secret-known",
        )
    elif secret.name == secret_name(*WIFI) and file.sizes[secret.key] not in SIZES:
        yield Problem(
            secret.origin,
            f"{secret.key} in {file.path} cannot be one line {VARIABLE}=<password>: its length "
            "is not that of any",
            f"write it so, the password with 8 to 63 characters: sops {file.path}",
            WIFI_SECRET_FORMAT,
        )


def _readers(stack: StackConfig, host: str, file: SopsFile) -> Iterator[Problem]:
    own = host_recipient(stack, host)
    if not own:
        yield Problem(
            f"hosts.{host}.ssh.host_key",
            f"is missing, so homelab cannot check whether {host} can read {file.path}",
            "write the host's /etc/ssh/ssh_host_ed25519_key.pub there",
            SECRET_RECIPIENT,
        )
    elif own not in file.recipients:
        yield Problem(
            f"hosts.{host}.ssh.host_key",
            f"{file.path} is not encrypted for {host} ({own})",
            f"{_REGENERATE}, then: sops updatekeys {file.path}",
            SECRET_RECIPIENT,
        )
    for other in sorted(stack.hosts):
        recipient = host_recipient(stack, other)
        if other != host and recipient and recipient != own and recipient in file.recipients:
            yield Problem(
                f"hosts.{other}",
                f"{other} can read {file.path}, the secrets of {host}",
                f"{_REGENERATE}, then: sops updatekeys {file.path}; rotate what it could read",
                SECRET_RECIPIENT,
            )


def _plaintext(path: str) -> Problem:
    return Problem(
        f"secrets ({path})",
        "this file is not encrypted",
        f"encrypt it: sops encrypt -i {path}; then rotate every secret in it, if it was committed",
        SECRET_PLAINTEXT,
    )
