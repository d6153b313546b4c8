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
        raise ValueError("this is not a port or a range; write tcp:443, udp:53, tcp:20-25 or *")
    return value


Ports = Annotated[Str, AfterValidator(_ports), Field(json_schema_extra={"pattern": f"^{_PORTS}$"})]


class ExtraGrant(Model):
    """A grant in the tailnet policy that does not follow from a route or a service."""

    src: Annotated[list[Str], Field(min_length=1)]
    """Sources: `tag:agent`, `group:family`, `autogroup:member`, or a host's name."""
    dst: Annotated[list[Str], Field(min_length=1)]
    """Destinations, in the same form as `src`."""
    ip: Annotated[list[Ports], Field(min_length=1)]
    """Ports: `tcp:443`, `tcp:20-25`, `udp:53`, `*`."""
    why: Str = ""


def _tested(value: str) -> str:
    found = re.fullmatch(r"(tag:)?[^\s:*/]+:([0-9]{1,5})", value)
    if found is None or not 1 <= int(found[2]) <= 65535:
        raise ValueError(
            "this is not one port of one machine; write nas:22, tag:workhorse:22 or 100.64.0.9:22"
        )
    return value


TestedPort = Annotated[Str, AfterValidator(_tested)]


def _tester(value: str) -> str:
    if value.startswith("autogroup:") or re.search(r"[*\s/]", value):
        raise ValueError(
            "Tailscale tests the access of one name; write kim@example.org, group:family, "
            "tag:agent or a host"
        )
    return value


class TailnetTest(Model):
    """A test of the tailnet policy: what somebody can reach, and what not."""

    src: Annotated[Str, AfterValidator(_tester)]
    """Who connects: a person (`kim@example.org`), a group (`group:family`), a tag (`tag:agent`), or
    a host's name. `deny` holds for each member of a group, and for each host with a tag."""
    accept: list[TestedPort] = Field(default_factory=list)
    """Ports that `src` must reach: `pi:443`, `tag:workhorse:22`."""
    deny: list[TestedPort] = Field(default_factory=list)
    """Ports that `src` must not reach."""
    proto: Literal["tcp", "udp"] | None = None
    """Only this protocol. Default: `accept` needs one of the two, and `deny` refuses both."""

    @model_validator(mode="after")
    def _tests_something(self) -> TailnetTest:
        if not (self.accept or self.deny):
            raise ValueError('it tests nothing; add accept: ["nas:443"], or deny: ["nas:22"]')
        return self


class SshRule(Model):
    """A rule of Tailscale SSH besides that of the owners. It also opens port 22 to the sources."""

    src: Annotated[list[Str], Field(min_length=1)]
    """Sources: `tag:workhorse`, `group:family`, or a user."""
    dst: Annotated[list[Str], Field(min_length=1)]
    """Tags of the hosts that accept the login."""
    users: Annotated[list[Name], Field(min_length=1)]
    """Users on those hosts."""
    action: Literal["accept", "check"] = "accept"
    """check: the person has to sign in again first, so programs cannot log in."""


class NodeAttributes(Model):
    """Node attributes of the tailnet policy: features that some devices may use."""

    target: Annotated[list[Str], Field(min_length=1)]
    """Devices: `tag:media`, `group:family`, `autogroup:member`, a host's name, or `*`."""
    attr: Annotated[list[NodeAttribute], Field(min_length=1)]
    """Attributes: `funnel`, `mullvad`, …"""


class TailnetDns(Model):
    """DNS settings of the tailnet besides the home resolver."""

    split: dict[Domain, Annotated[list[Address], Field(min_length=1)]] = Field(default_factory=dict)
    """Split DNS: domains with resolvers of their own: `corp.example.com: [10.0.0.53]`."""
    search: list[Domain] = Field(default_factory=list)
    """Search domains, after the stack's own."""


class Machine(Model):
    """A machine that is not in `hosts`, but that the tailnet policy names."""

    address: Address
    """Tailnet address of the machine."""
    tags: Annotated[list[Name], Field(min_length=1)]
    """Its tags, without `tag:`. The deployer may assign them to machines that join."""
    routes: list[Network] = Field(default_factory=list)
    """Subnet routes that are approved for it."""
    exit_node: bool = False
    """Approve it as an exit node."""


class TailnetConfig(Model):
    """`homelab:tailnet`."""

    name: Domain
    """MagicDNS domain of the tailnet: `tail1234.ts.net`."""
    client_id: SecretRef
    """OAuth client id. It is not secret, but stored beside the client secret."""
    client_secret: SecretRef
    policy: Literal["here", "elsewhere"] = "here"
    """Who manages the policy and the DNS settings of the tailnet, which has one of each. here: this
    stack; elsewhere: another stack or a person. With elsewhere this stack changes neither, and
    `homelab show --policy` prints what the other side has to add."""
    owners: Annotated[list[Email], Field(min_length=1)]
    """Tailnet users who may reach everything and administer it."""
    family: list[Email] = Field(default_factory=list)
    """Tailnet users who may reach the reverse proxy."""
    override_local_dns: bool = True
    """Devices use the home resolver even if their network offers another."""
    dns: TailnetDns = TailnetDns()
    adopt: Annotated[Str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """Digest of the policy in force, from `homelab status`: permission to replace a policy that was
    written or edited elsewhere."""
    grants: list[ExtraGrant] = Field(default_factory=list)
    ssh: list[SshRule] = Field(default_factory=list)
    """Further Tailscale SSH rules for hosts with `tailscale.ssh`."""
    tests: list[TailnetTest] = Field(default_factory=list)
    """Your own tests of the policy, besides those that homelab adds. `homelab check` runs them, and
    Tailscale refuses a policy that fails one."""
    node_attributes: list[NodeAttributes] = Field(default_factory=list)
    machines: dict[Name, Machine] = Field(default_factory=dict)
    """Machines outside of this stack, by the name that grants use."""

    @model_validator(mode="after")
    def _elsewhere(self) -> TailnetConfig:
        if self.policy == "elsewhere":
            given = self.model_fields_set & _OF_THE_POLICY
            if given:
                raise ValueError(
                    f"with policy: elsewhere, {', '.join(sorted(given))} would have no effect "
                    "here; write it in the stack that has the policy"
                )
        return self


_OF_THE_POLICY = frozenset(
    {"adopt", "dns", "grants", "machines", "node_attributes", "override_local_dns", "ssh", "tests"}
)
"""Fields that are written only to the tailnet's policy or DNS settings."""
