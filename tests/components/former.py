"""The types of our components, and a state as an earlier release wrote it."""

from __future__ import annotations

import re

TOKENS = {
    "homelab:cloudflare:Bucket": ("homelab:bucket:Bucket",),
    "homelab:cloudflare:CloudflareZone": ("homelab:edge:Edge",),
    "homelab:cloudflare:Pages": ("homelab:pages:Pages",),
    "homelab:cloudflare:Tunnel": ("homelab:tunnel:Tunnel",),
    "homelab:deploy:Rollout": ("homelab:rollout:Rollout",),
    "homelab:deploy:Wave": ("homelab:rollout:Wave",),
    "homelab:hosts:File": ("homelab:host:File",),
    "homelab:hosts:HomeManagerHost": ("homelab:home:Home",),
    "homelab:hosts:Host": ("homelab:host:Host",),
    "homelab:index:Homelab": ("homelab:homelab:Homelab",),
    "homelab:services:Route": ("homelab:service:Route",),
    "homelab:services:Service": ("homelab:service:Service",),
    "homelab:tailnet:Tailnet": (),
}
"""Every type, and what it was called before. A type is part of URNs in the state of each stack: to
rename one, add its present name to the tuple. Remove nothing."""


def in_former_words(state: str) -> str:
    """The text of a state, the lab's or Pulumi's, with the types and names of release 0.1.0."""
    zone = "homelab:cloudflare:CloudflareZone"
    state = state.replace(f'{zone}::zone"', f'{zone}::edge"')
    for token, former in TOKENS.items():
        if former:
            state = re.sub(rf'(?<=[:$"]){token}(?=\$|::|")', former[-1], state)
    return state
