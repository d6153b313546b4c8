"""SSH options: keys only, at the port and the addresses that the deployer dials."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings.daemons import is_internet
from homelab.openings.model import (
    Opening,
    View,
    is_computed,
    is_false,
    is_set,
    is_true,
    like,
    rule,
    shown,
    texts,
    when,
)

_SSH = "services.openssh"
_SETTINGS = f"{_SSH}.settings"
_KEYS = "drop it; SSH accepts keys only, and hosts.….ssh.recovery lets the owner in without one"

when(
    is_false,
    *(f"{_SSH}.enable", "systemd.services.sshd.enable"),
    word="ssh-off",
    what="{option} is false, and the deployer needs SSH",
    way_out="leave it out",
)
when(
    is_true,
    *(f"{_SSH}.startWhenNeeded",),
    word="ssh-socket",
    what="{option} starts SSH by socket activation, and a switch is confirmed by sshd.service",
    way_out="leave it out",
)
when(
    like("^(yes|without-password, password|true)$"),
    *(f"{_SETTINGS}.PermitRootLogin", f"{_SSH}.permitRootLogin"),
    word="ssh-password",
    what="{option} is {value}: root may log in by password",
    way_out=_KEYS,
)
when(
    lambda value: value in (True, "yes"),
    *(f"{_SETTINGS}.PasswordAuthentication", f"{_SSH}.passwordAuthentication"),
    *(f"{_SETTINGS}.KbdInteractiveAuthentication", f"{_SSH}.kbdInteractiveAuthentication"),
    *(f"{_SETTINGS}.ChallengeResponseAuthentication", f"{_SSH}.challengeResponseAuthentication"),
    *(f"{_SETTINGS}.PermitEmptyPasswords", f"{_SETTINGS}.HostbasedAuthentication"),
    word="ssh-password",
    what="{option} lets people log in over SSH without a key",
    way_out=_KEYS,
)
when(
    is_computed,
    *("services.openssh", _SETTINGS),
    *(f"{_SETTINGS}.PermitRootLogin", f"{_SSH}.permitRootLogin"),
    *(f"{_SETTINGS}.PasswordAuthentication", f"{_SSH}.passwordAuthentication"),
    *(f"{_SETTINGS}.KbdInteractiveAuthentication", f"{_SSH}.kbdInteractiveAuthentication"),
    *(f"{_SETTINGS}.PermitEmptyPasswords", f"{_SETTINGS}.HostbasedAuthentication"),
    word="ssh-password",
    what="{option} is computed, so it is not known whether people log in over SSH without a key",
    way_out="drop it, or write the value",
)
when(
    like("password|keyboard-interactive"),
    f"{_SETTINGS}.AuthenticationMethods",
    word="ssh-password",
    what="{option} asks for a password, and the deployer uses a key only",
    way_out=_KEYS,
)
when(
    like(
        r"^\s*(PasswordAuthentication|KbdInteractiveAuthentication|PermitEmptyPasswords)\s+yes"
        r"|^\s*PermitRootLogin\s+yes"
    ),
    f"{_SSH}.extraConfig",
    word="ssh-password",
    what="{option} lets people log in over SSH without a key",
    way_out=_KEYS,
)
when(
    is_set,
    *(f"{_SETTINGS}.{w}" for w in ("AllowUsers", "AllowGroups", "DenyUsers", "DenyGroups")),
    word="ssh-users",
    what="{option} may lock out the deployer, the owner, or the accounts of builds and backups",
    way_out="leave it out; root, the owner, and the accounts of builds and backups must get in",
    severity="warning",
    acceptable=True,
)
when(
    is_set,
    *(f"{_SSH}.listenAddresses", f"{_SETTINGS}.ListenAddress", f"{_SETTINGS}.Port"),
    word="ssh-address",
    what="{option} sets where SSH listens, and the deployer and the firewall do not use it",
    way_out="leave it out; the firewall limits the clients, and hosts.….ssh.port sets the port",
)
when(
    lambda value: value in (True, "yes", "clientspecified"),
    f"{_SETTINGS}.GatewayPorts",
    word="ssh-forward",
    what="{option} lets SSH users open ports of the host to others",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)
_KEYS_ELSEWHERE = (
    *("AuthorizedKeysFile", "AuthorizedKeysCommand", "AuthorizedPrincipalsFile"),
    *("AuthorizedPrincipalsCommand", "TrustedUserCAKeys"),
)
"""Where sshd finds who may log in, beside the keys of each account (sshd_config(5))."""
when(
    lambda value: is_set(value) and value != "none",
    *(f"{_SSH}.{word}" for word in ("authorizedKeysCommand", "authorizedKeysFiles")),
    *(f"{_SETTINGS}.{word}" for word in _KEYS_ELSEWHERE),
    *("users.users.*.openssh.authorizedPrincipals", "security.pam.rssh.enable"),
    *("security.pam.sshAgentAuth.enable", "security.pam.enableSSHAgentAuth"),
    word="root-keys",
    what="{option} takes keys from elsewhere, which may let in as root whom site.owner does not "
    "name",
    way_out="drop it, and write the keys to site.owner.ssh_keys",
    severity="warning",
    acceptable=True,
)
when(
    like(rf"^\s*({'|'.join(_KEYS_ELSEWHERE)})[\s=]+(?!none\b)"),
    f"{_SSH}.extraConfig",
    word="root-keys",
    what="{option} takes keys from elsewhere, which may let in as root whom site.owner does not "
    "name",
    way_out="drop the line, and write the keys to site.owner.ssh_keys",
    severity="warning",
    acceptable=True,
)


@rule("environment.etc.*.text", "environment.etc.*.source")
def files_of_keys(setting: Setting, view: View) -> Iterator[Opening]:
    """Files that sshd reads, written past its options."""
    name = setting.path[2].strip('"')
    if name.startswith(("ssh/authorized_keys.d/", "ssh/sshd_config")) and is_set(setting.value):
        yield Opening(
            "root-keys",
            f"{setting.name} is read by sshd, and may let in as root whom site.owner does not name",
            "drop it, and write the keys to site.owner.ssh_keys",
            "warning",
            acceptable=True,
        )


when(
    is_set,
    *(f"{_SSH}.hostKeys", f"{_SETTINGS}.HostKey"),
    word="ssh-host-key",
    what="{option} may give the host another key than the pinned one, to which its secrets are "
    "encrypted",
    way_out="leave it out",
)


@rule(f"{_SSH}.ports")
def port(setting: Setting, view: View) -> Iterator[Opening]:
    """A port that the deployer does not dial and the firewall does not open."""
    mine = view.host.config.ssh.port
    if setting.value != (mine,):
        yield Opening(
            "ssh-address",
            f"{setting.name} differs from {mine}, which the deployer dials and the firewall opens",
            f"drop it, or write {view.host.source}.ssh.port",
        )


@rule("services.fail2ban.enable", "services.fail2ban.ignoreIP")
def bans(setting: Setting, view: View) -> Iterator[Opening]:
    """Bans that the stack asks for, switched off or for nobody."""
    if view.host.config.fail2ban is None:
        return
    off = setting.path[-1] == "enable" and setting.value is not True
    wide = [t for t in texts(setting.value) if is_internet(t)]
    if off or wide:
        yield Opening(
            "bans",
            f"{setting.name} is {wide[0] if wide else shown(setting.value)}, so whoever guesses at "
            f"SSH is not blocked, and {view.host.source}.fail2ban asks for it",
            "leave it out",
            "warning",
            acceptable=True,
        )
