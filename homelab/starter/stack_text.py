"""The text of a new homelab's stack file, with comments that say what to change next."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from homelab.starter.answers import Answers, Machine

RELEASE = "25.11"
"""NixOS release of a new homelab; `templates/flake.lock` pins it."""
FLAKE, LOCK = "flake.nix", "flake.lock"
CA = "ca/root.crt"
CA_KEY = "ca/key"
USERS = "authelia/users"
_NO_BACKUP = "no backup target yet"


def stack_text(answers: Answers) -> str:
    """`Pulumi.<stack>.yaml`. Every value is quoted where YAML needs it."""
    lines = [
        *_site(answers),
        *_pins(answers),
        *_cloudflare(answers),
        *_tailnet(answers),
        *_network(answers),
        *_identity(answers),
        *_secrets(answers),
        "  homelab:hosts:",
        *(line for machine in answers.machines for line in _host(machine, answers)),
        *_services(answers),
        *_backup(answers),
    ]
    return "\n".join(lines) + "\n"


def scalar(text: str) -> str:
    """A text as a YAML scalar that is also valid inside `[…]` and `{…}`."""
    return yaml.safe_dump([text], default_flow_style=True, width=10**9, allow_unicode=True)[1:-2]


def _site(answers: Answers) -> Iterator[str]:
    yield f"# The homelab {answers.name}. After each change: homelab check"
    yield "# Every key with its meaning, also for editors: homelab schema"
    yield "config:"
    yield "  # A resource without an explicit provider would use ambient credentials."
    yield '  pulumi:disable-default-providers: ["*"]'
    yield "  homelab:site:"
    yield f"    domain: {scalar(answers.domain)}"
    if answers.cloudflare is not None:
        yield "    names:"
        yield "      # At home, and on the internet once a service has `publish: tunnel`."
        yield '      internal: "{name}.{domain}"'
        yield '      public: "{name}-home.{zone}"'
    yield f"    timezone: {scalar(answers.timezone)}"
    yield "    # You: an account with sudo on every host."
    yield "    owner:"
    yield f"      user: {scalar(answers.user)}"
    yield f"      email: {scalar(answers.email)}"
    yield "      ssh_keys:"
    yield from (f"        - {scalar(key)}" for key in answers.ssh_keys)
    yield "    # People of the household, who sign in:"
    if answers.sign_in == "authelia":
        yield "    # Each needs an entry in authelia/users, too: docs/guide/sign-in.md of homelab."
    yield "    # members:"
    yield "    #   kim: {email: kim@example.org}"
    yield "    # No public DNS record and no tunnel. Change it to tunnel-only to publish a service."
    yield "    exposure: internal-only"


def _pins(answers: Answers) -> Iterator[str]:
    yield "  homelab:nixpkgs:"
    yield "    default:"
    yield f'      release: "{RELEASE}"'
    yield f"      url: github:NixOS/nixpkgs/nixos-{RELEASE}"
    yield "      # The exact revisions. To update them: homelab update"
    yield f"      lock: {lock_path(answers)}"


def _cloudflare(answers: Answers) -> Iterator[str]:
    cloud = answers.cloudflare
    if cloud is None:
        return
    yield "  homelab:cloudflare:"
    yield f"    account: {scalar(cloud.account)}"
    yield f"    zone: {{name: {scalar(cloud.zone)}, id: {scalar(cloud.zone_id)}}}"
    yield "    # homelab secret set cloudflare/token"
    yield "    token: {sops: cloudflare/token}"
    yield "    # To publish services:"
    yield f"    # tunnel: {{host: {answers.first.name}}}"


def _tailnet(answers: Answers) -> Iterator[str]:
    if not answers.tailnet:
        return
    yield "  homelab:tailnet:"
    yield f"    name: {scalar(answers.tailnet)}"
    yield "    # An OAuth client of the tailnet: homelab secret set tailscale/client_id"
    yield "    client_id: {sops: tailscale/client_id}"
    yield "    client_secret: {sops: tailscale/client_secret}"
    yield "    # Your sign-in at Tailscale."
    yield f"    owners: [{scalar(answers.email)}]"


def _network(answers: Answers) -> Iterator[str]:
    first = scalar(answers.first.name)
    yield "  homelab:network:"
    yield f"    lan: {{cidr: {scalar(answers.cidr)}, gateway: {scalar(answers.gateway)}}}"
    yield "    # The reverse proxy: caddy, nginx or traefik."
    if answers.cloudflare is not None:
        yield "    # Certificates: Let's Encrypt, by the Cloudflare zone."
        yield f"    entry: {{host: {first}, proxy: caddy}}"
    else:
        yield "    entry:"
        yield f"      host: {first}"
        yield "      proxy: caddy"
        yield "      # Certificates of your own authority. Each device trusts its root once:"
        yield f"      # http://ca.{answers.domain}"
        yield f"      acme: {{provider: internal, root: {CA}, key: {{sops: {CA_KEY}}}}}"
    if answers.adopt_later:
        yield f"    # No resolver yet. For one: dns: {{host: {first}, server: blocky}}"
        yield "    dns: {server: none}"
        return
    yield "    # The resolver. Your router's DHCP must name it as DNS server."
    yield f"    dns: {{host: {first}, server: blocky}}"


def _identity(answers: Answers) -> Iterator[str]:
    if answers.sign_in == "none" or answers.adopt_later:
        return
    yield "  # The sign-in portal, and the reverse proxy's question before each request."
    yield "  homelab:identity:"
    yield "    provider: authelia"
    yield f"    host: {scalar(answers.first.name)}"
    yield f"    users: {{sops: {USERS}}}"


def _secrets(answers: Answers) -> Iterator[str]:
    yield "  homelab:secrets:"
    yield "    # Internal passwords are computed from it. Keep a copy outside of the homelab."
    yield "    master: {sops: master}"
    yield "    # age recipients of the people who may edit the secrets."
    yield f"    operators: [{', '.join(map(scalar, answers.operators))}]"


def _host(machine: Machine, answers: Answers) -> Iterator[str]:
    yield f"    {scalar(machine.name)}:"
    yield f"      platform: {machine.platform}"
    yield "      # The NixOS release with which it was installed. It never changes."
    yield f'      state_version: "{RELEASE}"'
    yield "      # What nixos-generate-config wrote on it."
    yield f"      hardware: {scalar(hardware_path(machine))}"
    place = "public" if machine.is_public else "lan"
    yield f"      address: {{{place}: {scalar(machine.address)}}}"
    if answers.adopt_later:
        yield "      # homelab adopt host replaces this entry. Until then nothing is managed."
        yield "      manage: []"
    elif machine.platform == "aarch64-linux":
        yield "      boot: {loader: extlinux}"
    if answers.adopt_later:
        pass
    elif answers.tailnet and machine is answers.first:
        yield "      # It leads the tailnet to the home network. Once it has joined, add to"
        yield "      # address: tailnet: 100.…"
        yield f"      tailscale: {{subnet_routes: [{scalar(answers.cidr)}]}}"
    elif answers.tailnet:
        called = "at its public address" if machine.is_public else "over the LAN"
        yield f'      # The first host calls it {called}. To have it join, see "A tailnet'
        yield '      # added later" in docs/guide/tailnet.md of homelab.'
        yield "      tailscale: null"
    yield "      # Its /etc/ssh/ssh_host_ed25519_key.pub."
    yield "      ssh:"
    yield f"        host_key: {scalar(machine.host_key)}"


def lock_path(answers: Answers) -> str:
    """Path of the pins' lock file. The lock of the owner's flake has that flake's inputs only."""
    return f"locks/nixos-{RELEASE}.lock" if answers.has_flake else LOCK


def hardware_path(machine: Machine) -> str:
    """Path of a host's hardware module, beside the stack file."""
    return f"hosts/{machine.name}/hardware.nix"


def _services(answers: Answers) -> Iterator[str]:
    if answers.adopt_later:
        yield "  # Services, once the hosts are adopted and manage `services`:"
        yield "  # homelab:services:"
        yield f"  #   miniflux: {{host: {answers.first.name}, name: news}}"
        return
    host, url = answers.first.name, f"https://{answers.service_name}.{answers.domain}"
    yield "  homelab:services:"
    yield f"    # {url + '. ' if answers.service_name else ''}The catalog lists the other services."
    yield f"    {scalar(answers.service)}:"
    yield f"      host: {scalar(host)}"
    if answers.service_name:
        yield f"      name: {scalar(answers.service_name)}"
    if answers.own_sign_in:
        yield "      # People sign in at the app. With a sign-in portal, leave this out."
        yield "      auth: native"
    if answers.keeper is None:
        yield "      # A second host or a disk for backups is missing; see homelab:backup below."
        yield f"      backup: {{skip: {_NO_BACKUP}}}"
        if answers.sign_in == "authelia":
            yield f"    authelia: {{backup: {{skip: {_NO_BACKUP}}}}}"
        if answers.tailnet:
            yield f"    tailscale: {{backup: {{skip: {_NO_BACKUP}}}}}"
    yield "    # One more:"
    yield f"    # miniflux: {{host: {host}, name: news}}"


def _backup(answers: Answers) -> Iterator[str]:
    if answers.adopt_later:
        return
    if answers.keeper is None:
        yield "  # Backups to a disk of the host, mounted by its hardware module:"
        yield "  # homelab:backup:"
        yield "  #   targets:"
        yield (
            f"  #     disk: {{kind: local, host: {answers.first.name}, path: /mnt/backup/restic}}"
        )
        return
    other = answers.keeper.name
    yield "  homelab:backup:"
    yield "    targets:"
    yield f"      # Restic repositories of the other hosts, on {other}. Encrypted."
    yield f"      {scalar(other)}:"
    yield "        kind: sftp"
    yield f"        host: {scalar(other)}"
    yield "        path: /srv/backup/restic"
