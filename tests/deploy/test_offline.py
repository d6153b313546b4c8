"""Generated files for offline hosts, and which hosts can serve them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from homelab.deploy.plan import policy_of
from homelab.deploy.spec import offline_spec, switch_spec
from homelab.offline import delivery
from homelab.offline.bundle import identity
from homelab.ops.deploy.bundle import BundleError, seal, sign
from homelab.ops.deploy.offline_spec import OfflineSpec
from tests import build
from tests.household import KEY, Changes, household
from tests.tools.options import check_module, require_options

WOL: Changes = {"wake_on_lan": {"interface": "enp5s0", "mac": "d8:5e:d3:0a:1b:2c"}}
BY_KEY = "restrict,command="


def offline_host(*, by: Changes, **more: object) -> Changes:
    """The household with its workstation as an offline host."""
    return household({"hosts": {"workstation": {"offline": by, **WOL, **more}}})


PULLS = offline_host(by={"pull_from": "aurora"})


@pytest.mark.requirement("S0-05")
def test_a_host_that_wakes_another_gets_its_wake_command() -> None:
    """An appliance has the command for every machine."""
    files = build.render(offline_host(by={"wake_by": "aurora"}))
    for host in ("pi", "aurora"):
        assert "wake-workstation" in files[host]["power.nix"]
    assert "power.nix" not in build.render(offline_host(by={"pull_from": "aurora"}))["aurora"]


@pytest.mark.requirement("S0-67")
def test_a_relay_allows_an_offline_host_one_command_for_its_own_bundles() -> None:
    """The key identifies the host and allows only its own bundles."""
    text = build.render(PULLS)["aurora"]["bundles.nix"]
    key = build.host_key("192.168.1.20")
    assert f'${{./lib/relay.sh}} workstation\\" {key}"' in text
    assert text.count(BY_KEY) == 1
    assert '"/var/lib/homelab-bundles/workstation/report".d' in text


@pytest.mark.requirement("S0-05")
def test_an_offline_host_fetches_after_wake_and_boot_and_continues_through_a_switch() -> None:
    text = build.render(PULLS)["workstation"]["pull.nix"]
    assert 'wantedBy = [ "post-resume.target" ];' in text
    assert 'OnBootSec = "2min";' in text
    assert "restartIfChanged = false;" in text
    assert "X-StopOnRemoval = false;" in text
    assert ". ${./lib/pull.sh} workstation 22 aurora 22 192.168.1.10 100.64.0.10" in text
    signer = " ".join(build.OWNER.split()[:2])
    assert f'owner namespaces="homelab-bundle" {signer}' in text, "who may log in as root may sign"


@pytest.mark.requirement("S0-67")
def test_waiting_bundles_survive_a_reboot_of_a_relay_with_an_ephemeral_root() -> None:
    """Otherwise the owner would expect a waiting release that is lost."""
    forgets: Changes = {"hosts": {"aurora": {"persistence": {}}}}
    kept = '"/var/lib/homelab-bundles"'
    assert kept in build.render(household(PULLS, forgets))["aurora"]["impermanence.nix"]
    assert kept not in build.render(household(forgets))["aurora"]["impermanence.nix"]


def test_other_hosts_get_no_files_for_offline_hosts() -> None:
    for files in build.render(household({})).values():
        assert not {"pull.nix", "bundles.nix", "lib/pull.sh", "lib/relay.sh"} & set(files)


def test_every_option_of_it_exists() -> None:
    options = require_options()
    made = build.plan(PULLS)
    modules = [m for h in ("aurora", "workstation") for m in delivery.modules(made, made.hosts[h])]
    assert len(modules) == 2
    assert [p for m in modules for p in check_module(m, options)] == []


@pytest.mark.parametrize(
    ("tool", "words"), [("nixfmt", ["--check"]), ("nix-instantiate", ["--parse"])]
)
def test_the_generated_files_are_formatted(tmp_path: Path, tool: str, words: list[str]) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not there")
    files = build.render(PULLS)
    paths = []
    for host, name in (("aurora", "bundles.nix"), ("workstation", "pull.nix")):
        paths.append(tmp_path / name)
        paths[-1].write_text(files[host][name])
    done = subprocess.run([tool, *words, *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.requirement("S0-24")
def test_the_policy_lets_them_reach_each_other_and_nobody_else() -> None:
    """To fetch the bundle, and back to test SSH from outside."""
    tailnet: Changes = {
        "tailnet": {
            "name": "tail1a2b3.ts.net",
            "client_id": {"sops": "tailscale/client_id"},
            "client_secret": {"sops": "tailscale/client_secret"},
            "owners": ["sam@example.org"],
        }
    }
    plan = build.plan(household(PULLS, tailnet)).tailnet
    assert plan is not None
    found = {(g.src, g.dst): g.ip for g in plan.grants if "offline" in g.source}
    assert found == {
        (("workstation",), ("aurora",)): ("tcp:22",),
        (("aurora",), ("workstation",)): ("tcp:22",),
    }


BAD: dict[str, tuple[Changes, str, str]] = {
    "nobody": (offline_host(by={"wake_by": "aurra"}), "no host", 'did you mean "aurora"?'),
    "itself": (offline_host(by={"wake_by": "workstation"}), "it is that host", "aurora"),
    "held": (
        household(offline_host(by={"wake_by": "aurora"}), {"hosts": {"aurora": {"state": "held"}}}),
        "is not deployed",
        "pi",
    ),
    "another offline host": (
        household(
            offline_host(by={"wake_by": "aurora"}), {"hosts": {"aurora": {"always_on": False}}}
        ),
        "is not always on",
        "pi",
    ),
    "no packet": (
        offline_host(by={"wake_by": "aurora"}, wake_on_lan=None),
        "workstation has no wake_on_lan",
        "wake_on_lan",
    ),
    "no LAN": (
        offline_host(by={"wake_by": "aurora"}, address={"lan": None, "tailnet": "100.64.0.20"}),
        "workstation has no address",
        "pull_from",
    ),
    "no way": (
        household(
            {
                "hosts": {
                    "workstation": {
                        "offline": {"pull_from": "aurora"},
                        "address": {"tailnet": None},
                    },
                    "aurora": {"address": {"lan": None}},
                }
            }
        ),
        "no network in common",
        "add hosts.aurora.address.lan: …",
    ),
    "a relay on the internet": (
        household(
            {
                "hosts": {
                    "workstation": {"offline": {"pull_from": "aurora"}},
                    "aurora": {"address": {"lan": None, "tailnet": None, "public": "203.0.113.7"}},
                }
            }
        ),
        "no network in common",
        "add hosts.aurora.address.lan: …",
    ),
    "agent": (
        offline_host(by={"pull_from": "aurora"}, role="agent"),
        "the agent workstation",
        "quarantine",
    ),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.requirement("S0-05")
def test_a_waker_or_relay_that_cannot_work_is_refused(case: str) -> None:
    """One problem, with the place and the way out."""
    changes, what, way_out = BAD[case]
    (problem,) = build.found(changes, "offline-known")
    assert problem.where.startswith("hosts.workstation.offline.")
    assert what in problem.what
    assert way_out in problem.way_out


@pytest.mark.parametrize("by", [{"wake_by": "aurora"}, {"pull_from": "pi"}])
def test_a_correct_offline_host_passes(by: Changes) -> None:
    assert build.found(offline_host(by=by), "offline-known") == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"offline": {}}, "write wake_by or pull_from"),
        ({"offline": {"wake_by": "pi", "pull_from": "pi"}}, "write wake_by or pull_from"),
        ({"offline": {"wake_by": "pi"}, "always_on": True}, "always_on: false"),
    ],
)
def test_an_offline_host_has_one_method_of_delivery(changes: Changes, what: str) -> None:
    with pytest.raises(Exception, match=what):
        build.stack_config(household({"hosts": {"workstation": changes}}))


@pytest.mark.requirement("S0-08")
def test_building_on_an_offline_host_without_waking_it_is_a_warning() -> None:
    builds: Changes = {"hosts": {"pi": {"build": {"host": "workstation"}}}}
    (problem,) = build.found(household(builds), "builder-offline")
    assert problem.severity == "warning"
    assert "offline: {wake_by: pi}" in problem.way_out
    assert (
        build.found(household(offline_host(by={"wake_by": "pi"}), builds), "builder-offline") == []
    )


@pytest.mark.requirement("S0-67")
def test_settings_of_an_offline_host_reach_its_switch() -> None:
    """Its settings, its relay or waker, and the trusted signer."""
    made = build.plan(PULLS)
    its = made.hosts["workstation"]
    told = offline_spec(its, made.hosts, made.stack.site.owner.ssh_keys)
    spec = OfflineSpec.model_validate_json(
        json.dumps(
            {
                **switch_spec(its, "r1", made.stack.deploy, policy_of(made.stack, its)),
                "offline": told,
                "payload": {"stage": "", "secrets": {}, "build": ""},
            }
        )
    )
    assert (spec.offline.host, spec.offline.wake) == ("aurora", "")
    assert spec.offline.signers == (" ".join(build.OWNER.split()[:2]),)


def test_bundles_with_the_same_content_have_the_same_id() -> None:
    assert identity("r", "v", "") == identity("r", "v", "")
    assert len({identity("r", "v", ""), identity("r", "", "v"), identity("v", "r", "")}) == 3


def test_a_sealed_secret_opens_only_with_the_hosts_own_key(tmp_path: Path) -> None:
    for tool in ("age", "ssh-keygen"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not there")
    for name in ("host", "other"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(words, check=True)
    text = "it's $(secret)\né"
    sealed = seal(text, (tmp_path / "host.pub").read_text())

    def opened(key: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["age", "-d", "-i", str(tmp_path / key)],
            input=sealed,
            capture_output=True,
            text=True,
            check=False,
        )

    assert opened("host").stdout == text
    assert opened("other").returncode != 0


def test_without_the_owners_key_nothing_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an agent, a key in a file signs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not there")
    with pytest.raises(BundleError, match="ssh-add"):
        sign("text\n", [" ".join(KEY.split()[:2])], None)
    (tmp_path / ".ssh").mkdir()
    own = tmp_path / ".ssh/id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(own)], check=True)
    public = " ".join(own.with_suffix(".pub").read_text().split()[:2])
    assert sign("text\n", [public], None).startswith("-----BEGIN SSH SIGNATURE-----")
