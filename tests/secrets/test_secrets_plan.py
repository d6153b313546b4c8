"""Which host gets which secret, where it lies there, and what is wrong with the files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from homelab.secrets.model import Secret, SopsFile
from homelab.secrets.readers import host_recipient
from homelab.secrets.recipients import check_recipients, check_sops_files, sops_yaml
from tests import build

OPERATOR = "age12zdv4fqe6lk6ghl4n3cm87mjv5yd6vk9tmy5t92jfr7qytz70g5s7enahh"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdTfaJflmeVAEnU5MwpR2wVbeUzX3vjHN91d+Pms24X"
STACK: dict[str, Any] = {
    "identity": {"host": "pi", "users": {"sops": "gate/people"}},
    "cloudflare": {"tunnel": {"host": "pi"}},
    "services": {"miniflux": {"host": "nas"}, "gatus": {"host": "pi"}},
    "monitoring": {"ntfy": {"topic": {"sops": "alerts/topic"}}},
    "backup": {
        "targets": {"b2": {"kind": "b2", "path": "b/r", "credentials": {"sops": "restic/b2"}}}
    },
    "hosts": {"nas": {"ssh": {"host_key": OTHER}}},
}
CUSTOM: dict[str, Any] = {
    "services": {
        "paste": {
            "host": "nas",
            "container": {"image": f"example.org/paste:1@sha256:{'0' * 64}", "port": 8000},
            "secrets": {
                "token": {"ref": {"sops": "paste/token"}, "env": "PASTE_TOKEN"},
                "salt": {},
            },
        }
    }
}


def secrets(changes: dict[str, Any], host: str) -> dict[str, Secret]:
    """The secrets of a host, by name."""
    return {s.name: s for s in build.plan(changes).secrets.on(host)}


@pytest.mark.requirement("S0-57")
def test_each_room_that_demands_a_secret_gets_it_on_the_host_that_needs_it() -> None:
    pi, nas = secrets(STACK, "pi"), secrets(STACK, "nas")
    assert {"authelia-jwt", "authelia-users", "cloudflared-credentials"} <= set(pi)
    assert {"acme-cloudflare", "ntfy-topic", "restic-b2", "restic-b2-credentials"} <= set(pi)
    assert {"miniflux-admin", "restic-b2"} <= set(nas)
    assert not {"authelia-jwt", "cloudflared-credentials", "acme-cloudflare"} & set(nas)


@pytest.mark.requirement("S0-57")
def test_a_stored_secret_has_the_key_that_its_section_names() -> None:
    pi = secrets(STACK, "pi")
    assert (pi["authelia-users"].source, pi["authelia-users"].key) == ("stored", "gate/people")
    assert pi["authelia-users"].owner == "authelia-main"
    assert pi["ntfy-topic"].key == "alerts/topic"
    assert pi["restic-b2-credentials"].key == "restic/b2"


def test_paths_are_where_the_backends_look() -> None:
    pi = secrets(STACK, "pi")
    assert pi["authelia-users"].path == "/run/secrets/authelia-users"
    assert pi["ntfy-topic"].path == "/run/secrets/rendered/ntfy-topic"
    assert pi["authelia-jwt"].path == "/run/homelab/secrets/authelia-jwt"
    job = build.plan(STACK).backup.jobs[0]
    assert job.password == secrets(STACK, job.host)["restic-b2"].path
    assert job.environment == secrets(STACK, job.host)["restic-b2-credentials"].path


def test_a_derived_secret_moves_with_its_service() -> None:
    """What it encrypted moves too, so it must stay the same."""
    moved = {**STACK, "services": {**STACK["services"], "miniflux": {"host": "pi"}}}
    before, after = secrets(STACK, "nas")["miniflux-admin"], secrets(moved, "pi")["miniflux-admin"]
    assert before.purpose == after.purpose == "miniflux/admin"


def test_no_two_derived_secrets_share_a_purpose() -> None:
    derived = [s for s in build.plan(STACK).secrets.secrets if s.source == "derived"]
    assert len({s.purpose for s in derived}) == len(derived)


def test_raising_an_epoch_changes_that_service_alone() -> None:
    changes = {**STACK, "secrets": {"epochs": {"miniflux": 2}}}
    assert secrets(changes, "nas")["miniflux-admin"].epoch == 2
    assert secrets(changes, "pi")["authelia-jwt"].epoch == 1


def test_a_rotated_secret_restarts_the_unit_that_reads_it() -> None:
    assert secrets(STACK, "nas")["miniflux-admin"].units == ("miniflux.service",)
    tunnel = secrets(STACK, "pi")["cloudflared-credentials"]
    assert tunnel.units == ("cloudflared-tunnel-home-example-org.service",)
    assert tunnel.purpose == "home-example-org"


def test_a_custom_service_says_where_its_secrets_come_from() -> None:
    nas = secrets(CUSTOM, "nas")
    assert (nas["paste-token"].source, nas["paste-token"].key) == ("stored", "paste/token")
    assert nas["paste-token"].env == (("PASTE_TOKEN", "{value}"),)
    assert nas["paste-salt"].source == "derived"


@pytest.mark.requirement("S0-57")
def test_a_stored_secret_is_rendered_by_sops_nix() -> None:
    """Paths and placeholders, never a value."""
    text = build.render(CUSTOM)["nas"]["secrets.nix"]
    assert "sops.defaultSopsFile = ./secrets.yaml;" in text
    assert text.count("sopsFile = ./secrets.yaml;") == text.count("key = "), "each of ours"
    assert 'sops.age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];' in text
    assert 'key = "paste/token";' in text
    assert 'PASTE_TOKEN=${config.sops.placeholder."paste-token"}' in text
    assert "sops.templates.paste-token" in text


@pytest.mark.requirement("S0-06")
def test_a_host_that_forgets_its_root_decrypts_with_the_key_it_keeps() -> None:
    """The file in /etc is bound into place later than secrets are read."""
    changes = {**CUSTOM, "hosts": {"nas": {"persistence": {"root": "/persist"}}}}
    text = build.render(changes)["nas"]["secrets.nix"]
    assert '"/persist/etc/ssh/ssh_host_ed25519_key"' in text


def test_what_was_sent_with_a_release_is_placed_by_that_release() -> None:
    files = build.render(STACK)["nas"]
    text = files["issued-secrets.nix"]
    assert "${./lib/place-secrets.sh} ${import ./release-id.nix}" in text
    assert "place miniflux-admin root 0400 miniflux.service\n" in text
    assert "lib/place-secrets.sh" in files


def place(root: Path, release: str, *calls: str) -> subprocess.CompletedProcess[str]:
    """Run the activation's shell with a directory as root."""
    script = Path(build.ROOT / "homelab/secrets/place.sh")
    lines = [f". {script} {release}", *calls, "forget_others"]
    return subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        env={"HOMELAB_ROOT": str(root), "PATH": "/usr/bin:/bin"},
        text=True,
        capture_output=True,
        check=True,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host's root with one release's secret."""
    sent = tmp_path / "var/lib/homelab/secrets/r1"
    sent.mkdir(parents=True)
    (sent / "a-key").write_text("one")
    (tmp_path / "run/nixos").mkdir(parents=True)
    return tmp_path


ME = subprocess.run(["id", "-un"], text=True, capture_output=True, check=True).stdout.strip()


def test_a_secret_is_placed_for_its_reader_alone(root: Path) -> None:
    place(root, "r1", f"place a-key {ME} 0400 a.service")
    placed = root / "run/homelab/secrets/a-key"
    assert placed.read_text() == "one"
    assert placed.stat().st_mode & 0o777 == 0o400


def test_units_restart_for_a_changed_secret_but_not_at_boot(root: Path) -> None:
    restarts = root / "run/nixos/activation-restart-list"
    place(root, "r1", f"place a-key {ME} 0400 a.service b.service")
    assert not restarts.exists()
    place(root, "r1", f"place a-key {ME} 0400 a.service b.service")
    assert not restarts.exists()
    (root / "var/lib/homelab/secrets/r1/a-key").write_text("two")
    place(root, "r1", f"place a-key {ME} 0400 a.service b.service")
    assert restarts.read_text() == "a.service\nb.service\n"
    assert (root / "run/homelab/secrets/a-key").read_text() == "two"


def test_a_missing_secret_is_a_message_and_the_rest_is_placed(root: Path) -> None:
    done = place(root, "r1", f"place gone {ME} 0400", f"place a-key {ME} 0400")
    assert "the secret gone has not been sent" in done.stderr
    assert (root / "run/homelab/secrets/a-key").exists()


def test_an_unknown_owner_leaves_the_secret_to_root(root: Path) -> None:
    if ME != "root":
        pytest.skip("only root gives files away")
    done = place(root, "r1", "place a-key nobody-of-that-name 0400")
    assert "there is no user nobody-of-that-name" in done.stderr
    assert (root / "run/homelab/secrets/a-key").stat().st_uid == 0


def test_what_no_service_needs_any_more_is_gone(root: Path) -> None:
    place(root, "r1", f"place a-key {ME} 0400")
    place(root, "r1")
    assert list((root / "run/homelab/secrets").iterdir()) == []


def test_an_older_release_brings_its_own_secrets_back(root: Path) -> None:
    new = root / "var/lib/homelab/secrets/r2"
    new.mkdir()
    (new / "a-key").write_text("two")
    place(root, "r2", f"place a-key {ME} 0400")
    place(root, "r1", f"place a-key {ME} 0400")
    assert (root / "run/homelab/secrets/a-key").read_text() == "one"


BAD: dict[str, dict[str, Any]] = {
    "secret-master": {**STACK, "secrets": {"master": None}},
    "secret-known": {
        "services": {
            "sonarr": {"host": "pi", "connects": ["sabnzbd"]},
            "sabnzbd": {
                "host": "nas",
                "audience": "operator",
                "secrets": {"api-key": {"ref": {"path": "/run/agenix/sabnzbd"}}},
            },
        }
    },
    "secret-epoch": {**STACK, "secrets": {"epochs": {"minifluxx": 2}}},
    "secret-unique": {
        "services": {
            "a": {**CUSTOM["services"]["paste"], "secrets": {"b-c": {}}},
            "a-b": {**CUSTOM["services"]["paste"], "secrets": {"c": {}}},
        }
    },
}


@pytest.mark.parametrize("check", BAD)
def test_each_check_finds_the_stack_that_breaks_it(check: str) -> None:
    assert build.found(BAD[check], check)


@pytest.mark.parametrize("check", BAD)
def test_each_check_passes_a_good_stack(check: str) -> None:
    assert build.found(STACK, check) == []


@pytest.mark.requirement("S0-58")
def test_each_file_is_for_its_host_and_the_operators_alone() -> None:
    plan = build.plan({**STACK, "secrets": {"operators": [OPERATOR]}})
    made, rules = plan.stack, yaml.safe_load(sops_yaml(plan))["creation_rules"]
    by_file = {r["path_regex"]: r["age"] for r in rules}
    assert by_file[r"^secrets/nas\.yaml$"] == [OPERATOR, host_recipient(made, "nas")]
    assert by_file[r"^secrets/deploy\.yaml$"] == [OPERATOR]
    assert all(re.search(p, "secrets/nas.yaml") is None for p in by_file if "nas" not in p)


def file(host: str, keys: tuple[str, ...], *extra: str, **changes: Any) -> SopsFile:
    """A host's file with these keys, as it shows without a key."""
    mine = host_recipient(build.stack_config(STACK), host)
    fields: dict[str, Any] = {
        "path": f"secrets/{host}.yaml",
        "encrypted": True,
        "kinds": dict.fromkeys(keys, "str"),
        "recipients": frozenset({mine, *extra}),
    }
    return SopsFile(**{**fields, **changes})


NAS = file("nas", ("restic/b2", "alerts/topic"))
PI = file("pi", ("restic/b2", "alerts/topic", "gate/people"))


def found(*files: SopsFile) -> set[tuple[str, str]]:
    """What is wrong with the files: (check, place)."""
    problems = check_recipients(build.plan(STACK), {f.path: f for f in files})
    assert all(p.way_out for p in problems)
    return {(p.check, p.where) for p in problems}


@pytest.mark.requirement("S0-58")
def test_files_with_every_key_for_the_right_hosts_are_fine() -> None:
    assert found(NAS, PI) == set()


@pytest.mark.requirement("S0-57")
def test_a_missing_file_or_key_names_who_needs_it() -> None:
    assert found(PI) == {("secret-known", "secrets.hosts (secrets/nas.yaml)")}
    assert ("secret-known", "identity.users") in found(NAS, file("pi", ("restic/b2",)))


@pytest.mark.requirement("S0-58")
def test_a_file_the_host_cannot_read_is_found_without_a_key() -> None:
    locked = file("pi", tuple(PI.kinds), recipients=frozenset({OPERATOR}))
    assert found(NAS, locked) == {("secret-recipient", "hosts.pi.ssh.host_key")}


@pytest.mark.requirement("S0-58")
def test_a_host_that_can_read_what_it_has_no_need_of_is_named() -> None:
    open_ = file("pi", tuple(PI.kinds), host_recipient(build.stack_config(STACK), "nas"))
    assert found(NAS, open_) == {("secret-recipient", "hosts.nas")}


def test_a_file_in_clear_is_refused() -> None:
    clear = file("pi", (), encrypted=False)
    assert ("secret-plaintext", "secrets (secrets/pi.yaml)") in found(NAS, clear)


def test_a_value_in_clear_and_a_number_are_refused() -> None:
    kinds = {**PI.kinds, "gate/people": "plain", "alerts/topic": "int"}
    assert found(NAS, file("pi", (), kinds=kinds)) == {
        ("secret-plaintext", "identity.users"),
        ("secret-known", "monitoring.ntfy.topic"),
    }


@pytest.mark.requirement("S0-58")
def test_the_text_of_the_files_is_enough() -> None:
    clear = {"secrets/nas.yaml": "restic: {b2: x}\n", "secrets/pi.yaml": b"\xff", "other": ""}
    wrong = {(p.check, p.where) for p in check_sops_files(build.plan(STACK), clear)}
    assert wrong == {
        ("secret-plaintext", "secrets (secrets/nas.yaml)"),
        ("secret-plaintext", "secrets (secrets/pi.yaml)"),
    }


@pytest.mark.requirement("S0-58")
def test_a_shared_file_is_in_the_trees_of_its_readers_alone() -> None:
    shared = {"stored": {"restic/b2": {"file": "secrets/shared.yaml"}}}
    paste = {
        "host": "nas",
        "container": {"image": f"example.org/paste:1@sha256:{'0' * 64}", "port": 8000},
        "audience": "operator",
        "state": ["/var/lib/paste"],
        "secrets": {"token": {"ref": {"sops": "paste/token"}, "env": "TOKEN"}},
    }
    backup = {"targets": {"b2": {
        "kind": "b2", "path": "b/r", "credentials": {"sops": "restic/b2"}}}}  # fmt: skip
    trees = build.render({"secrets": shared, "services": {"paste": paste}, "backup": backup})
    nas = trees["nas"]
    assert "shared-secrets/secrets/shared.yaml" in nas
    assert "sopsFile = ./shared-secrets/secrets/shared.yaml;" in nas["secrets.nix"]
    assert "sopsFile = ./secrets.yaml;" in nas["secrets.nix"]
    assert not any("shared" in path for path in trees["pi"])
