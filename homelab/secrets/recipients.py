"""Recipients of the sops files: the generated `.sops.yaml`, and checks of the files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import yaml

from homelab.check import file_check
from homelab.config.host_options import SIZES, VARIABLE, WIFI
from homelab.grouping import grouped
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.secret_paths import secret_name, sops_file
from homelab.secrets.model import Secret, SopsFile
from homelab.secrets.readers import Readers, host_recipient, names_of, readers_of
from homelab.secrets.sops_file import create_it, parse_sops_file, set_it

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
# After a change: homelab secret recipients
"""
_UPDATE = "homelab secret recipients"


def sops_yaml(plan: Plan) -> str:
    """The text of `.sops.yaml`: a file is encrypted for the hosts that read it and the operators.

    A file whose hosts' keys are all unknown gets no rule: they could not decrypt it.
    """
    made = readers_of(plan)
    # The deployer's file comes last.
    order = sorted(made, key=lambda path: (path == plan.secrets.file, path))
    rules = [_rule(path, made[path].recipients) for path in order if made[path].is_known]
    return _HEAD + yaml.safe_dump({"creation_rules": rules}, sort_keys=False, width=200)


def _rule(file: str, recipients: tuple[str, ...]) -> dict[str, object]:
    return {"path_regex": f"^{re.escape(file)}$", "age": [*recipients]}


def check_recipients(plan: Plan, sops_files: Mapping[str, SopsFile]) -> list[Problem]:
    """Problems of the hosts' sops files that are visible without a key.

    `sops_files` has the existing files, by their path in the stack config.
    """
    problems: list[Problem] = []
    readers, names = readers_of(plan), names_of(plan.stack)
    absent: dict[tuple[str, str], list[tuple[Secret, SopsFile]]] = {}
    for host in plan.hosts.values():
        stored = plan.secrets.stored_on(host.name) if host.is_deployed else ()
        by_file = grouped(stored, lambda s: sops_file(plan.stack, s.host, s.key))
        for path, secrets in by_file.items():
            file = sops_files.get(path)
            problems += _host(host.name, secrets, path, file)
            if file is not None and file.encrypted:
                for secret in secrets:
                    if secret.key not in file.kinds:
                        place = (secret.origin, secret.key)
                        absent.setdefault(place, []).append((secret, file))
                problems += _readers(plan, host.name, file, readers[path], names)
    problems += [_absent(lacking) for lacking in absent.values()]
    for path in sorted(sops_files):
        if not sops_files[path].encrypted:
            problems.append(_plaintext(path))
    return sorted(set(problems))


def check_sops_files(plan: Plan, sources: Mapping[str, str | bytes]) -> list[Problem]:
    """`check_recipients` for the text of all source files, by path."""
    paths = readers_of(plan).keys() - {plan.secrets.file}
    texts = {p: t if isinstance(t, str) else "" for p, t in sources.items() if p in paths}
    return check_recipients(plan, {p: parse_sops_file(p, t) for p, t in texts.items()})


def _host(
    host: str, stored: Sequence[Secret], path: str, file: SopsFile | None
) -> Iterator[Problem]:
    if file is None:
        names = ", ".join(sorted({s.key for s in stored}))
        yield Problem(
            f"secrets.hosts ({path})",
            f"there is no such file, and {host} needs {names}",
            create_it(*sorted({s.key for s in stored})),
            "secret-known",
            cause="secrets.hosts",
        )
        return
    if not file.encrypted:
        return
    for secret in stored:
        yield from _key(secret, file)


def _key(secret: Secret, file: SopsFile) -> Iterator[Problem]:
    if secret.key not in file.kinds:
        return  # `_absent` reports it
    if file.kinds[secret.key] == "plain":
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
            f"write it as text: homelab secret set {secret.key}",
            "secret-known",
        )
    elif secret.name == secret_name(*WIFI) and file.sizes[secret.key] not in SIZES:
        yield Problem(
            secret.origin,
            f"{secret.key} in {file.path} cannot be one line {VARIABLE}=<password>: its length "
            "is not that of any",
            f"write it so, with 8 to 63 characters: homelab secret set {secret.key}",
            WIFI_SECRET_FORMAT,
        )


def _absent(lacking: Sequence[tuple[Secret, SopsFile]]) -> Problem:
    """One key of the stack config that one or several files lack. One command writes it to all."""
    secret, first = lacking[0]
    files = list(dict.fromkeys(file.path for _, file in lacking))
    users = list(dict.fromkeys(f"{s.service} on {s.host}" for s, _ in lacking))
    return Problem(
        secret.origin,
        f"{' and '.join(files)} {'has' if len(files) == 1 else 'have'} no key "
        f'"{secret.key}", which {" and ".join(users)} need{"s" if len(users) == 1 else ""}',
        did_you_mean(secret.key, first.kinds, "keys") + f"; {set_it(secret.key)}",
        "secret-known",
    )


def _readers(
    plan: Plan, host: str, file: SopsFile, readers: Readers, names: Mapping[str, str]
) -> Iterator[Problem]:
    own = host_recipient(plan.stack, host)
    if not own:
        yield Problem(
            f"hosts.{host}.ssh.host_key",
            f"is missing, so homelab cannot check whether {host} can read {file.path}",
            "write the host's /etc/ssh/ssh_host_ed25519_key.pub there",
            SECRET_RECIPIENT,
            cause=f"hosts.{host}.ssh.host_key",
        )
    elif own not in file.recipients:
        yield Problem(
            f"hosts.{host}.ssh.host_key",
            f"{file.path} is not encrypted for {host} ({own})",
            f"encrypt it for its readers: {_UPDATE}",
            SECRET_RECIPIENT,
        )
    for recipient, other in names.items():
        if other not in readers.hosts and recipient != own and recipient in file.recipients:
            yield Problem(
                f"hosts.{other}",
                f"{other} can read {file.path}, the secrets of {', '.join(readers.hosts)}",
                f"encrypt it for its readers alone: {_UPDATE}; then rotate what it could read",
                SECRET_RECIPIENT,
            )


def _plaintext(path: str) -> Problem:
    return Problem(
        f"secrets ({path})",
        "this file is not encrypted",
        f"encrypt it: sops encrypt -i {path}; then rotate every secret in it, if it was committed",
        SECRET_PLAINTEXT,
    )
