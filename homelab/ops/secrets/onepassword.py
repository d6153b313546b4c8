"""Read 1Password references with the `op` command."""

from __future__ import annotations

from homelab.config.base import SecretRef
from homelab.ops.secrets.tool import SecretUnavailableError, run

_CAUSES = (
    ("not currently signed in", "op is not signed in to 1Password", "run: eval $(op signin)"),
    ("no accounts configured", "op has no account configured", "run: op account add"),
    ("isn't a vault", "there is no such vault", "see: op vault list"),
    ("isn't an item", "there is no such item", "see: op item list --vault VAULT"),
    ("isn't a field", "the item has no such field", "see: op item get ITEM"),
    ("does not have a field", "the item has no such field", "see: op item get ITEM"),
)


def resolve(ref: SecretRef) -> str:
    """The value of an `op://vault/item/field` reference."""
    reference = ref.op or ""
    value, complaint = run(
        ref,
        ["op", "read", "--no-newline", reference],
        install="install the 1Password command (https://developer.1password.com/docs/cli)",
    )
    if complaint:
        for part, why, way_out in _CAUSES:
            if part in complaint.lower():
                raise SecretUnavailableError(ref, why, way_out)
        raise SecretUnavailableError(
            ref, "op could not read it", f"see why: op read {reference!r} >/dev/null"
        )
    return value
