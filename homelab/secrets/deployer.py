"""The secrets that `pulumi up` itself needs, and a check of the deployer's sops file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.check import file_check
from homelab.config.base import SecretRef
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.secrets.sops_file import create_it, parse_sops_file, set_it

SECRET_DEPLOYER = file_check(
    "secret-deployer",
    "warning",
    "`pulumi up` fails without its own secrets, and a preview does not need them.",
)


MASTER = "secrets.master"
"""Place of the master key, the only deployer secret from which secrets of hosts are derived."""


def references(plan: Plan) -> dict[str, SecretRef]:
    """All secrets that the deployer needs, by their place in the stack config."""
    needed = {MASTER: plan.secrets.master}
    if plan.stack.cloudflare is not None:
        needed["cloudflare.token"] = plan.stack.cloudflare.token
    if plan.stack.tailnet is not None:
        needed["tailnet.client_id"] = plan.stack.tailnet.client_id
        needed["tailnet.client_secret"] = plan.stack.tailnet.client_secret
    return {place: ref for place, ref in needed.items() if ref is not None}


def stored_keys(plan: Plan) -> dict[str, str]:
    """The keys that the deployer's sops file must have, by their place in the stack config."""
    return {place: ref.sops for place, ref in references(plan).items() if ref.sops}


def check_deployer(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Problems of the deployer's sops file: missing, not encrypted, or without a needed key."""
    path, keys = plan.secrets.file, stored_keys(plan)
    if not keys:
        return
    if path not in sources:
        needed = ", ".join(sorted(set(keys.values())))
        yield _warning(
            "secrets.file",
            f"there is no {path}, and pulumi up needs {needed} from it",
            create_it(*sorted(set(keys.values()))),
        )
        return
    text = sources[path]
    file = parse_sops_file(path, text if isinstance(text, str) else "")
    if not file.encrypted:
        yield Problem(
            "secrets.file",
            f"{path} is not encrypted",
            f"encrypt it: sops encrypt -i {path}; then rotate every secret in it, if it was "
            "committed",
            "secret-plaintext",
        )
        return
    for place, key in keys.items():
        kind = file.kinds.get(key)
        if kind is None:
            yield _warning(
                place,
                f'{path} has no key "{key}", which pulumi up needs',
                did_you_mean(key, file.kinds, "keys") + f"; {set_it(key)}",
            )
        elif kind == "plain":
            yield Problem(
                place,
                f"{key} is not encrypted in {path}",
                "remove unencrypted_suffix and encrypted_regex from .sops.yaml, then rotate the "
                "secret",
                "secret-plaintext",
            )


def _warning(where: str, what: str, way_out: str) -> Problem:
    return Problem(where, what, way_out, SECRET_DEPLOYER, "warning")
