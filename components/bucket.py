"""An R2 bucket, and keys limited to it."""

from __future__ import annotations

import hashlib
from typing import TypedDict, cast

import pulumi

from homelab.cloudflare.plan import bucket_policies
from homelab.cloudflare.resources import Bucket as BucketPlan
from homelab.components import cloudflare_resources as cloudflare
from homelab.components.cloudflare_args import TokenPolicy
from homelab.components.component import Component


class BucketArgs(TypedDict):
    """What a bucket needs."""

    account: str
    bucket: BucketPlan


class Bucket(Component):
    """The bucket and its keys. The bucket is kept when the stack is destroyed, because it may
    contain backups.
    """

    token = "homelab:cloudflare:Bucket"
    former = ("homelab:bucket:Bucket",)

    keys: pulumi.Output[str]
    """Environment file with its S3 keys, secret."""

    def __init__(
        self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        account, bucket = args["account"], args["bucket"]
        super().__init__(name, {"bucket": bucket.name}, opts)
        made = cloudflare.R2Bucket(
            f"{name}-bucket",
            {
                "account_id": account,
                "name": bucket.name,
                "location": bucket.location or None,
            },
            # The location is fixed at creation; a change would replace the bucket.
            pulumi.ResourceOptions(parent=self, retain_on_delete=True, ignore_changes=["location"]),
        )
        token = cloudflare.ApiToken(
            f"{name}-keys",
            {
                "name": f"homelab bucket {bucket.name}",
                "policies": cast("list[TokenPolicy]", bucket_policies(account, bucket.name)),
            },
            pulumi.ResourceOptions(parent=self, depends_on=[made]),
        )
        # R2 uses a token as a pair of S3 keys: its id, and the digest of its value.
        self.keys = pulumi.Output.all(token.id, token.value).apply(
            lambda both: (
                f"AWS_ACCESS_KEY_ID={both[0]}\n"
                f"AWS_SECRET_ACCESS_KEY={hashlib.sha256(str(both[1]).encode()).hexdigest()}\n"
            )
        )
        self.register_outputs({"bucket_id": made.id})
