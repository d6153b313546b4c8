"""Cloudflare: what the stack config says."""

from __future__ import annotations

from homelab.config.cloudflare import CloudflareConfig

TUNNEL_CREDENTIALS = ("cloudflared", "credentials")
"""Service and name of the secret that holds the tunnel's credentials file."""
ACME_TOKEN = ("acme", "cloudflare")
"""Service and name of the secret that holds the DNS-01 token."""
ACCESS = "access"
"""Service of the secrets that hold Access service tokens, each by its name."""
R2 = "r2"
"""Service of the secrets that hold the keys of buckets, each by its name."""


def tunnel_name(domain: str) -> str:
    """The tunnel's name at Cloudflare, in its NixOS option and in its unit."""
    return domain.replace(".", "-")


SECTION = (
    "homelab:cloudflare: {account: …, zone: {name: …, id: …}, token: {sops: cloudflare/token}}"
)
"""The least of its section, for messages that ask for it."""


def bucket_name(config: CloudflareConfig | None, key: str) -> str:
    """What a bucket is called in the account."""
    bucket = config.buckets.get(key) if config is not None else None
    return bucket.name or key if bucket is not None else key


def bucket_address(config: CloudflareConfig | None, key: str) -> str:
    """Where S3 finds a bucket."""
    account = config.account if config is not None else ""
    return f"https://{account}.r2.cloudflarestorage.com/{bucket_name(config, key)}"
