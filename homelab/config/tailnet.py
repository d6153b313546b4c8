"""`homelab:tailnet`: grants, SSH rules, node attributes, DNS, other devices."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from homelab.config.base import Address, Domain, Email, Model, Name, Network, SecretRef, Str
from homelab.config.types import NodeAttribute

_PORTS = r"(\*|(tcp|udp):(\*|([0-9]{1,5})(-([0-9]{1,5}))?))"


def _ports(value: str) -> str:
    found = re.fullmatch(_PORTS, value)
    low, high = (found[4], found[6] or found[4]) if found else ("", "")
    if found is None or (low and not 1 <= int(low) <= int(high) <= 65535):
        raise ValueError("these are no ports; write tcp:443, udp:53, tcp:20-25 or *")
    return value


Ports = Annotated[Str, AfterValidator(_ports), Field(json_schema_extra={"pattern": f"^{_PORTS}$"})]


class ExtraGrant(Model):
    """A way between machines that no route or service explains."""

    src: Annotated[list[Str], Field(min_length=1)]
    """Who: `tag:agent`, `group:family`, `autogroup:member`, or a host's name."""
    dst: Annotated[list[Str], Field(min_length=1)]
    """To what: as `src`."""
    ip: Annotated[list[Ports], Field(min_length=1)]
    """Which ports: `tcp:443`, `tcp:20-25`, `udp:53`, `*`."""
    why: Str = ""


class SshRule(Model):
    """Who logs in by Tailscale SSH, beside the owners. It opens port 22 to them, too."""

    src: Annotated[list[Str], Field(min_length=1)]
    """Who: `tag:workhorse`, `group:family`, a user."""
    dst: Annotated[list[Str], Field(min_length=1)]
    """On the hosts under which tags."""
    users: Annotated[list[Name], Field(min_length=1)]
    """As which users of those hosts."""
    action: Literal["accept", "check"] = "accept"
    """check: a person signs in anew first, which no program can do."""


class NodeAttributes(Model):
    """Features that some devices may use."""

    target: Annotated[list[Str], Field(min_length=1)]
    """Which: `tag:media`, `group:family`, `autogroup:member`, a host's name, or `*`."""
    attr: Annotated[list[NodeAttribute], Field(min_length=1)]
    """What: `funnel`, `mullvad`, …"""


class TailnetDns(Model):
    """What the tailnet's devices are told beside the home resolver."""

    split: dict[Domain, Annotated[list[Address], Field(min_length=1)]] = Field(default_factory=dict)
    """Domains that another resolver answers: `corp.example.com: [10.0.0.53]`."""
    search: list[Domain] = Field(default_factory=list)
    """Domains in which devices look for bare names, after the stack's own."""


class Machine(Model):
    """A machine that is in no stack's hosts here, and that the policy speaks of all the same."""

    address: Address
    """Its address in the tailnet."""
    tags: Annotated[list[Name], Field(min_length=1)]
    """Tags it carries, without `tag:`; whoever deploys may give them to machines that join."""
    routes: list[Network] = Field(default_factory=list)
    """Networks that it may forward the tailnet to."""
    exit_node: bool = False
    """It may be an exit node."""


class TailnetConfig(Model):
    """`homelab:tailnet`."""

    name: Domain
    """MagicDNS domain of the tailnet: `tail1234.ts.net`."""
    client_id: SecretRef
    """OAuth client id, which needs no hiding but lives beside its secret."""
    client_secret: SecretRef
    policy: Literal["here", "elsewhere"] = "here"
    """Who has the tailnet's policy and its DNS, of which there is one: this stack, or another. With
    elsewhere nothing of either is touched, and `homelab show --policy` prints what the other one
    has to say for this one."""
    owners: Annotated[list[Email], Field(min_length=1)]
    """Tailnet users who may reach everything and administer it."""
    family: list[Email] = Field(default_factory=list)
    """Tailnet users who may reach the reverse proxy."""
    override_local_dns: bool = True
    """Devices ask the home resolver even when their network offers another."""
    dns: TailnetDns = TailnetDns()
    adopt: Annotated[Str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """Digest of the policy in force, as `homelab status` tells it: this text, written or edited
    elsewhere, has been seen and may be replaced."""
    grants: list[ExtraGrant] = Field(default_factory=list)
    ssh: list[SshRule] = Field(default_factory=list)
    """Who else logs in on hosts with `tailscale.ssh`."""
    node_attributes: list[NodeAttributes] = Field(default_factory=list)
    machines: dict[Name, Machine] = Field(default_factory=dict)
    """Machines of other stacks, by the name that grants have for each."""

    @model_validator(mode="after")
    def _elsewhere(self) -> TailnetConfig:
        if self.policy == "elsewhere":
            given = self.model_fields_set & _OF_THE_POLICY
            if given:
                raise ValueError(
                    f"with policy: elsewhere this stack writes no {', '.join(sorted(given))}; "
                    "write it in the stack that has the policy"
                )
        return self


_OF_THE_POLICY = frozenset(
    {"adopt", "dns", "grants", "machines", "node_attributes", "override_local_dns", "ssh"}
)
"""Fields that only say what stands in the policy or the tailnet's DNS."""
