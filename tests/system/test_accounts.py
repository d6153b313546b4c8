"""Accounts: passwords, sudo, and declared settings that must take effect."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.problems import by_cause
from homelab.testing import changed
from tests import build

HASH = {"sops": "users/sam"}
RECOVERY = {"hosts": {"pi": {"ssh": {"recovery": {"password": {"sops": "users/pi"}}}}}}


def owner(**said: Any) -> dict[str, Any]:
    return {"site": {"owner": said}}


def test_no_account_has_a_password_unless_the_stack_sets_one() -> None:
    files = build.render()["nas"]
    assert "password.nix" not in files
    assert not [f for f, text in files.items() if "mutableUsers" in text or "assword" in f]


@pytest.mark.requirement("S1-33")
def test_a_password_is_a_secret_of_each_host_and_applies_to_an_existing_account() -> None:
    """NixOS sets the hash of an existing account only if users are not mutable."""
    files = build.render(owner(password=HASH))["nas"]
    text = files["password.nix"]
    assert "users.mutableUsers = false;" in text
    assert 'users.users.sam.hashedPasswordFile = "/run/secrets-for-users/owner-password";' in text
    assert 'key = "users/sam";' in files["secrets.nix"]
    assert "neededForUsers = true;" in files["secrets.nix"]


def test_a_recovery_window_needs_no_password() -> None:
    """The window gives the account a hash for a time and needs no declared password."""
    assert "mutableUsers" not in "".join(build.render(RECOVERY)["pi"].values())
    both = build.render({**RECOVERY, **owner(password=HASH)})
    assert "owner-password" in both["pi"]["password.nix"]
    assert "password.nix" in both["nas"]


def test_sudo_asks_for_a_password_if_the_stack_says_so() -> None:
    """The owner decides. The guide states the default."""
    assert "security.sudo.wheelNeedsPassword = false;" in build.render()["nas"]["users.nix"]
    asked = build.render(owner(sudo="password", password=HASH))["nas"]
    assert "security.sudo.wheelNeedsPassword = true;" in asked["users.nix"]
    with pytest.raises(Exception, match="the owner has none"):
        build.stack_config(owner(sudo="password"))


def test_with_a_sudo_password_the_deployer_must_be_root() -> None:
    asked = owner(sudo="password", password=HASH)
    assert not build.found(asked, "sudo-deployer")
    as_sam = {**asked, "hosts": {"nas": {"ssh": {"user": "sam"}}}}
    (problem,) = build.found(as_sam, "sudo-deployer")
    assert problem.where == "hosts.nas.ssh.user"
    assert not build.found({"hosts": {"nas": {"ssh": {"user": "sam"}}}}, "sudo-deployer")


def test_cockpit_needs_an_account_with_a_password() -> None:
    """Without a password, nobody could sign in to its page."""
    cockpit = {"services": {"cockpit": {"host": "nas"}}}
    (problem,) = build.found(cockpit, "password-present")
    assert problem.where == "services.cockpit"
    assert "site.owner.password" in problem.way_out
    assert not build.found({**cockpit, **owner(password=HASH)}, "password-present")
    on_pi = {"services": {"cockpit": {"host": "pi"}}, **RECOVERY}
    assert build.found(on_pi, "password-present"), "that one is there for minutes"


def test_an_own_sops_default_does_not_move_our_secrets() -> None:
    """sops-nix uses a secret's own file and format before its defaults."""
    text = build.render(owner(password=HASH))["nas"]["secrets.nix"]
    secret = text.partition("owner-password = {")[2].partition("};")[0]
    assert "sopsFile = ./secrets.yaml;" in secret
    assert 'format = "yaml";' in secret


def test_a_host_key_is_not_a_login_key() -> None:
    assert not build.found({}, "host-key-own")
    wrong = {"hosts": {"nas": {"ssh": {"host_key": f"{build.OWNER} root@nas"}}}}
    (problem,) = build.found(wrong, "host-key-own")
    assert problem.where == "hosts.nas.ssh.host_key"
    assert "ssh_host_ed25519_key.pub" in problem.way_out


def test_a_persons_key_on_two_hosts_is_one_problem() -> None:
    hosts = {h: {"ssh": {"host_key": build.OWNER}} for h in ("nas", "pi")}
    found = by_cause(build.problems({"hosts": hosts}))
    assert [p.check for p in found if p.check.startswith("host-key")] == ["host-key-own"]


@pytest.mark.parametrize("comment", ["", " root@nas"])
@pytest.mark.parametrize("state", ["live", "held", "planned", "retired"])
def test_two_hosts_do_not_share_a_host_key(state: str, comment: str) -> None:
    assert not build.found({}, "host-key-unique")
    nas = {"state": state, "ssh": {"host_key": f"{build.KEY}{comment}"}}
    (problem,) = build.found({"hosts": {"nas": nas}}, "host-key-unique")
    assert problem.where == "hosts.pi.ssh.host_key"
    assert "pi and nas" in problem.what


def test_hosts_without_a_key_share_none() -> None:
    nobody = {"state": "planned", "ssh": {"host_key": None}}
    assert not build.found({"hosts": {"nas": nobody, "pi": nobody}}, "host-key-unique")


@pytest.mark.parametrize(
    ("user", "service"),
    [
        ("immich", "immich"),
        ("miniflux", "miniflux"),
        ("postgres", "miniflux"),
        ("root", ""),
        ("sshd", ""),
    ],
)
@pytest.mark.parametrize("field", ["owner", "ssh"])
def test_a_persons_account_cannot_have_the_name_of_a_service(
    user: str, service: str, field: str
) -> None:
    services = {service: {"host": "nas"}} if service else {}
    if field == "owner":
        changes: dict[str, object] = {"site": {"owner": {"user": user}}, "services": services}
    else:
        changes = {"hosts": {"nas": {"ssh": {"user": user}}}, "services": services}
    found = build.found(changes, "owner-account")
    if (user, field) == ("root", "ssh"):
        assert not found, "the deployer may be root"
        return
    place = "site.owner.user" if field == "owner" else "hosts.nas.ssh.user"
    assert [p.where for p in found] == [place]


def test_a_persons_account_may_have_the_name_of_a_service_that_does_not_run() -> None:
    assert not build.found({"site": {"owner": {"user": "immich"}}}, "owner-account")


KIM_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH3l/El2u3JMu6UvEeXIbdbnZgzCT2mlfyiIUN+A5kZl kim"


def kim(**account: Any) -> dict[str, Any]:
    member = {"email": "kim@example.org", "account": {"hosts": ["nas"], **account}}
    return {"site": {"members": {"kim": member}}}


@pytest.mark.requirement("S1-33")
def test_a_member_has_an_account_on_the_named_hosts() -> None:
    """Without sudo; with a password from the sops file and keys from the stack."""
    files = build.render(kim(ssh_keys=[KIM_KEY], password={"sops": "users/kim"}))
    text = files["nas"]["members.nix"]
    for line in (
        "users.mutableUsers = false;",
        'hashedPasswordFile = "/run/secrets-for-users/member-kim-password";',
        "isNormalUser = true;",
        f'"{KIM_KEY}"',
    ):
        assert line in text, line
    assert "wheel" not in text
    assert 'key = "users/kim";' in files["nas"]["secrets.nix"]
    assert "neededForUsers = true;" in files["nas"]["secrets.nix"]
    assert "members.nix" not in files["pi"]


@pytest.mark.requirement("S1-33")
def test_accounts_are_immutable_where_the_stack_asks_for_it() -> None:
    """On every host, also without a password of the stack."""
    for files in build.render({"site": {"mutable_users": False}}).values():
        assert "mutableUsers = false;" in files["users.nix"]
    alone = build.render(kim(ssh_keys=[KIM_KEY]))
    assert "mutableUsers" not in "".join(alone["nas"].values())
    for more in (owner(password=HASH), kim(password=HASH)):
        with pytest.raises(Exception, match="leave mutable_users out"):
            build.stack_config(changed(more, {"site": {"mutable_users": True}}))


def test_a_member_has_a_home_of_home_manager() -> None:
    """Beside the owner's, with the release of the host."""
    both = changed(
        kim(ssh_keys=[KIM_KEY], home="home/kim.nix"), {"hosts": {"nas": {"home": "home/sam.nix"}}}
    )
    files = build.render(both)["nas"]
    for line in ("./own/home/kim.nix", "./own/home/sam.nix", "kim = {", "sam = {"):
        assert line in files["home.nix"], line
    assert "own/home/kim.nix" in files
    alone = build.render(kim(ssh_keys=[KIM_KEY], home="home/kim.nix"))
    assert "sam" not in alone["nas"]["home.nix"]
    assert "home-manager" in alone["nas"]["flake.nix"]
    assert "home.nix" not in alone["pi"]


def test_an_account_without_a_way_in_is_refused() -> None:
    with pytest.raises(Exception, match="nobody can log in to this account"):
        build.stack_config(kim())


def test_a_member_with_a_share_and_an_account_is_one_user() -> None:
    """Samba signs in the person, who would otherwise be a system user."""
    drive = {
        "datasets": {
            "photos": {
                "host": "nas",
                "path": "/mnt/photos",
                "tier": "user",
                "samba": {"users": ["kim"]},
            }
        }
    }
    files = build.render(changed(kim(ssh_keys=[KIM_KEY]), drive))["nas"]
    assert "isSystemUser" not in files["samba.nix"]
    assert "isNormalUser = true;" in files["members.nix"]


@pytest.mark.parametrize("name", ["root", "sam", "sshd"])
def test_a_member_is_no_other_account(name: str) -> None:
    member = {"email": "k@example.org", "account": {"hosts": ["nas"], "ssh_keys": [KIM_KEY]}}
    found = build.found({"site": {"members": {name: member}}}, "member-account")
    assert [p.where for p in found] == [f"site.members.{name}"]
