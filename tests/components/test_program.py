"""The resources of the home stack, in preview and in up."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import resource as pulumi_resource
from pulumi.runtime.proto import source_pb2

from homelab import testing
from homelab.config.document import read_document
from homelab.deploy.spec import json_of
from homelab.lab import laptop
from homelab.ops.deploy.offline_spec import OfflineSpec
from homelab.testing import Recorded, Resource, mocks
from tests import build, stackdir

HOME = read_document(build.SHIPPED / "Pulumi.home.yaml").values
ALWAYS_ON = {"pi", "aurora", "pavilion"}
OFFLINE = "workstation"
"""A host without connections before its switch."""
SWITCH = "-switch"
IDENTITY = {"release-id.nix", "facts.nix"}
"""Files that list everything, and so change with every change."""
TAKES = ("command:remote:Command", "command:local:Command")


def home(changes: dict[str, Any] | None = None, *, preview: bool = False) -> Recorded:
    """What the home stack with changes registers; tests that ask the same share it."""
    return _recorded(json.dumps(changes or {}), preview)


@functools.lru_cache(maxsize=16)
def _recorded(changes: str, preview: bool) -> Recorded:
    values = testing.changed(json.loads(json.dumps(HOME)), json.loads(changes))
    config = {f"homelab:{key}": json.dumps(value) for key, value in values.items()}
    recorded = mocks.run(build.SHIPPED, "home", config, preview=preview)
    assert recorded.error == ""
    return recorded


def run_anew(*, preview: bool = False) -> Recorded:
    """A run for a test that watches the program at work."""
    return _recorded.__wrapped__("{}", preview)


@functools.cache
def up() -> Recorded:
    return home()


@functools.cache
def preview() -> Recorded:
    return home(preview=True)


@pytest.fixture(params=["up", "preview"])
def run(request: pytest.FixtureRequest) -> Recorded:
    return up() if request.param == "up" else preview()


def switches(recorded: Recorded) -> list[Resource]:
    return [r for r in recorded.of(":local:Command") if r.name.endswith(SWITCH)]


def test_a_preview_and_an_up_register_the_same() -> None:
    """Which resources exist is known before the first one registers."""
    assert [(r.type, r.name, r.parent) for r in sorted(preview().resources, key=str_of)] == [
        (r.type, r.name, r.parent) for r in sorted(up().resources, key=str_of)
    ]


def str_of(resource: Resource) -> str:
    return f"{resource.type}::{resource.name}"


def test_type_and_name_are_unique(run: Recorded) -> None:
    names = Counter((r.type, r.name) for r in run.resources)
    assert [n for n, count in names.items() if count > 1] == []


def test_every_parent_is_registered(run: Recorded) -> None:
    urns = {r.urn for r in run.resources}
    tops = [r for r in run.resources if r.parent not in urns]
    assert [(r.type, r.name) for r in tops] == [("homelab:index:Homelab", "home")]
    with_children = {r.parent for r in run.resources}
    empty = [r.name for r in run.resources if not r.custom and r.urn not in with_children]
    files = {r.name for r in run.of(":File")}
    assert [n for n in empty if n not in words(run) | files] == []


def words(recorded: Recorded) -> set[str]:
    """Names of the components of services and routes."""
    return {r.name for r in recorded.resources if r.type.startswith("homelab:services:")}


def test_every_service_and_route_is_a_component(run: Recorded) -> None:
    assert {r.name for r in run.of(":Service")} >= {"blocky", "draw", "navidrome", "tailscale"}
    (draw,) = [r for r in run.of(":Service") if r.name == "draw"]
    assert draw.inputs == {
        "hosts": ["aurora"],
        "units": ["podman-draw"],
        "port": {"aurora": 8088},
        "state": [],
        "backup": [],
        "no_backup": ["drawings stay in the browser"],
        "sign_in": ["forward"],
        "settings": HOME["services"]["draw"],
    }
    (route,) = [r for r in run.of(":Route") if r.name == "draw"]
    assert route.parent == draw.urn
    assert route.inputs == {
        "url": "https://draw.home.example.org",
        "upstream": "http://100.100.71.10:8088",
        "audience": "family",
        "publish": "internal",
        "auth": "forward",
    }
    (music,) = [r for r in run.of(":Route") if r.name == "music"]
    assert (music.inputs["publish"], music.inputs["record"]) == ("tunnel", "music-home.example.org")


def test_a_changed_port_changes_its_service_its_route_and_the_hosts_concerned() -> None:
    """On these hosts, files, secrets and switches change, and nothing else."""

    def inputs(recorded: Recorded) -> dict[tuple[str, str], Any]:
        return {(r.type.rpartition(":")[2], r.name): r.inputs for r in recorded.resources}

    old = inputs(up())
    new = inputs(home({"services": {"miniflux": {"port": 8099}}}))
    assert old.keys() == new.keys()
    changed = {key for key in new if old[key] != new[key] and key[0] != "Command"}
    assert {k for k in changed if k[1].rpartition("/")[2] not in IDENTITY} == {
        ("File", "aurora/services/miniflux.nix"),
        ("File", "aurora/backup.nix"),  # a restore asks the probe of the service
        ("File", "aurora/firewall.nix"),
        ("File", "pi/proxy.nix"),
        ("Service", "miniflux"),
        ("Route", "news"),
        ("Host", "aurora"),
        ("Host", "pi"),
        # The proxy reaches the port over the tailnet, so the policy changes too.
        ("Acl", "tailnet-policy"),
    }
    hosts = {name.partition("-")[0] for kind, name in new if kind == "Command"}
    commands = {n for k, n in new if k == "Command" and old[k, n] != new[k, n]}
    assert hosts > {n.partition("-")[0] for n in commands} == {"aurora", "pi"}


def test_every_component_registers_outputs(run: Recorded) -> None:
    left = [r.name for r in run.resources if not r.custom and r.urn not in run.outputs]
    assert left == []
    silent = {r.type for r in run.resources if not r.custom and not run.outputs[r.urn]}
    # A file creates nothing, and what a rollout makes are the commands below it.
    assert silent == {f"homelab:{kind}" for kind in ("deploy:Rollout", "deploy:Wave", "hosts:File")}


def test_names_of_a_hosts_resources_start_with_its_name(run: Recorded) -> None:
    """A run without the clouds targets '**:Command::pi-*'."""
    for resource in run.resources:
        if resource.type in TAKES:
            host, _, what = resource.name.partition("-")
            assert host in {"pi", "aurora", "workstation", "pavilion"}
            assert what in {"files", "secrets", "build", "switch"}


def test_every_resource_has_an_explicit_provider_of_its_own_package(run: Recorded) -> None:
    for resource in run.resources:
        if resource.custom and not resource.type.startswith("pulumi:providers:"):
            package = resource.type.partition(":")[0]
            assert f"pulumi:providers:{package}::home-{package}" in resource.provider, resource.name


def test_the_policy_is_written_before_any_host_switches(run: Recorded) -> None:
    for switch in switches(run):
        assert "tailnet-policy" in run.needs(switch)


def test_every_host_is_built_before_any_switches(run: Recorded) -> None:
    """A failed build changes no host. An offline host delays no other."""
    for switch in switches(run):
        host = switch.name.removesuffix(SWITCH)
        needs = run.needs(switch)
        for other in ALWAYS_ON:
            assert {f"{other}-files", f"{other}-secrets", f"{other}-build"} <= needs, switch.name
        if host != OFFLINE:
            assert not [n for n in needs if n.startswith(f"{OFFLINE}-")], switch.name


@pytest.mark.requirement("S0-05", "S0-67")
def test_an_offline_host_has_one_resource(run: Recorded) -> None:
    """A remote command could not wake it or wait for it."""
    own = [r for r in run.resources if r.custom and r.name.startswith(f"{OFFLINE}-")]
    assert [r.name for r in own] == [f"{OFFLINE}{SWITCH}"]
    (switch,) = own
    assert "stdin" in switch.secrets
    assert switch.hidden == ["stdin"]
    assert set(switch.inputs) == {"addPreviousOutputInEnv", "create", "stdin"}
    (host,) = [r for r in run.of(":Host") if r.name == OFFLINE]
    assert "services.jellyfin" in text_of(run, OFFLINE, "services/jellyfin.nix")
    assert host.inputs.keys() == {"builder", "release"}
    spec = OfflineSpec.model_validate_json(switch.inputs["stdin"])
    assert (spec.offline.host, spec.offline.wake) == ("pi", "wake-workstation")
    assert "services/jellyfin.nix" in spec.payload.stage
    assert 'nixos-rebuild "$action" --flake' in spec.payload.build
    assert '\n    rebuild build "$@"\n' in spec.payload.build


@pytest.mark.requirement("S0-08")
def test_a_build_on_an_offline_host_wakes_it(run: Recorded) -> None:
    """The builder switches after this build, so nothing else would wake it before."""
    assert "WAKE_BUILDER='wake-workstation 192.168.1.20 22'" in run["pi-build"].inputs["stdin"]
    assert "WAKE_BUILDER=''" in run["aurora-build"].inputs["stdin"]


def test_files_come_before_their_build(run: Recorded) -> None:
    for host in ALWAYS_ON:
        assert f"{host}-files" in run.needs(run[f"{host}-build"])


def test_the_hosts_on_the_deployers_path_switch_last(run: Recorded) -> None:
    needs = run.needs(run["pi-switch"])
    assert {"aurora-switch", "pavilion-switch"} <= needs


def test_access_and_the_switch_come_before_the_record(run: Recorded) -> None:
    """Fail closed: the route works and Access protects it before the record exists."""
    records = run.of(":DnsRecord")
    assert {r.name for r in records} == {"music-dns", "auth-dns"}
    for record in records:
        needs = run.needs(record)
        assert "pi-switch" in needs
        assert record.name.replace("-dns", "-access") in needs


def test_keys_are_issued_before_the_host_needs_them(run: Recorded) -> None:
    assert "pavilion-join" in run.needs(run["pavilion-secrets"])
    assert "tailnet-policy" in run.needs(run["pavilion-join"])
    assert "home-example-org-tunnel" in run.needs(run["pi-secrets"])
    assert "acme-pi" in run.needs(run["pi-secrets"])


def test_a_higher_epoch_gives_the_host_a_new_join_key() -> None:
    later = home({"secrets": {"epochs": {"tailscale": 2}}})
    assert [r.name for r in later.of(":TailnetKey")] == ["pavilion-join-2"]
    assert "pavilion-join-2" in later.needs(later["pavilion-secrets"])


def test_secrets_are_marked_secret_in_every_input() -> None:
    recorded = up()
    for host in ALWAYS_ON:
        assert "stdin" in recorded[f"{host}-secrets"].secrets
        assert {"stdout", "stderr"} <= set(recorded[f"{host}-secrets"].secret_outputs)
    assert "tunnelSecret" in recorded["home-example-org-tunnel"].secrets
    assert "apiToken" in recorded["home-cloudflare"].secrets
    assert {"oauthClientId", "oauthClientSecret"} <= recorded["home-tailscale"].secrets


def test_no_secret_value_is_in_another_input(run: Recorded) -> None:
    known = {"issued-api-token", "issued-join-key"}
    known |= {
        laptop.stand_in(f'["{a}"]["{b}"]')
        for a, b in (
            ("cloudflare", "token"),
            ("tailscale", "client_id"),
            ("tailscale", "client_secret"),
        )
    }
    known.add(laptop.stand_in('["master"]'))
    for resource in run.resources:
        plain = _without(resource.inputs, resource.secrets)
        text = json.dumps(plain, default=repr)
        assert not [k for k in known if k in text], resource.name


def _without(value: Any, secrets: set[str], path: str = "") -> Any:
    if path in secrets:
        return "[secret]"
    if isinstance(value, dict):
        return {k: _without(v, secrets, f"{path}.{k}" if path else k) for k, v in value.items()}
    if isinstance(value, list):
        return [_without(v, secrets, f"{path}[{i}]") for i, v in enumerate(value)]
    return value


def test_components_hold_nothing_secret_and_hosts_show_their_files(run: Recorded) -> None:
    for resource in run.resources:
        if not resource.custom:
            assert resource.secrets == set(), resource.name
    assert "services.caddy" in text_of(run, "pi", "proxy.nix")


def text_of(recorded: Recorded, host: str, path: str) -> str:
    """A file of a host, as in a preview."""
    (file,) = [r for r in recorded.of(":File") if r.name == f"{host}/{path}"]
    (above,) = [r for r in recorded.resources if r.urn == file.parent]
    assert above.name == host
    return str(file.inputs["text"])


def test_the_inputs_of_a_switch_are_readable_in_a_preview(run: Recorded) -> None:
    """A rotated secret restarts its units, and the inputs stay readable."""
    for switch in switches(run):
        assert switch.secrets == ({"stdin"} if switch.name == f"{OFFLINE}{SWITCH}" else set())
        spec = json.loads(json_of(switch.inputs["stdin"]))
        assert re.fullmatch("[0-9a-f]{16}", spec["secrets_version"])
        assert spec["host_key"].startswith("ssh-ed25519 ")


def test_remote_commands_are_as_the_provider_needs_them(run: Recorded) -> None:
    for command in run.of(":remote:Command"):
        assert set(command.inputs) == {
            "addPreviousOutputInEnv",
            "connection",
            "create",
            "logging",
            "stdin",
        }
        assert command.inputs["logging"] == "none"
        assert command.hidden == ["stdin"]
        assert "privateKey" not in command.inputs["connection"]
        assert command.inputs["connection"]["hostKey"].startswith("ssh-ed25519 ")


def test_a_planned_host_registers_nothing() -> None:
    recorded = home({"hosts": {"pavilion": {"state": "planned"}}})
    assert [r.name for r in recorded.resources if "pavilion" in r.name] == []


def test_a_held_host_is_unchanged_and_outside_the_barrier() -> None:
    recorded = home({"hosts": {"aurora": {"state": "held"}}})
    for name in ("aurora-files", "aurora-secrets", "aurora-build", "aurora-switch"):
        assert {"stdin", "create"} <= set(recorded[name].ignored), name
        assert recorded[name].urn == up()[name].urn, "or Pulumi would delete it and make another"
    for switch in switches(recorded):
        if switch.name == "aurora-switch":
            continue
        assert not [n for n in recorded.needs(switch) if n.startswith("aurora-")]


def test_a_record_is_named_by_its_service_and_never_by_a_host(tmp_path: Path) -> None:
    def published(host: str) -> Recorded:
        changes = {
            "cloudflare": {"tunnel": {"host": "pi"}},
            "site": {"names": {"public": "{name}-home.{zone}"}},
            "services": {"jellyfin": {"host": host, "publish": "tunnel"}},
        }
        directory = stackdir.write_stack(tmp_path / host, changes)
        return stack_run(directory, changes)

    one, other = published("nas"), published("pi")
    urns = [
        sorted(
            r.urn
            for r in recorded.resources
            if "jellyfin" in r.name and not r.type.endswith(":File")
        )
        for recorded in (one, other)
    ]
    assert urns[0] == urns[1]
    assert len(urns[0]) == 4, "service, route, application, record"


def stack_run(
    directory: Path, changes: dict[str, Any], *, preview: bool = False, secrets: bool = True
) -> Recorded:
    values = build.config(stackdir.changed(changes))
    config = {f"homelab:{key}": json.dumps(value) for key, value in values.items()}
    recorded = mocks.run(
        directory, stackdir.NAME, config, preview=preview, stand_in_secrets=secrets
    )
    assert recorded.error == ""
    return recorded


def test_the_package_of_cloudflare_is_never_imported(tmp_path: Path) -> None:
    """Its import takes longer than the rest of a preview."""
    directory = stackdir.write_stack(tmp_path)
    values = build.config(stackdir.changed())
    program = f"""
import json, sys
from pathlib import Path
from homelab.testing import mocks
config = json.loads({json.dumps(json.dumps({f"homelab:{k}": json.dumps(v) for k, v in values.items()}))})
recorded = mocks.run(Path({str(directory)!r}), {stackdir.NAME!r}, config, preview=True)
assert recorded.error == "", recorded.error
assert recorded.of("pulumi:providers:cloudflare")
print(json.dumps(sorted(m for m in sys.modules if m.startswith("pulumi_"))))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=build.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not [m for m in json.loads(done.stdout) if m.startswith("pulumi_cloudflare")]


def test_a_preview_works_without_any_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a new clone: one warning, and only values that depend on secrets are unknown."""
    monkeypatch.setenv("PATH", "/nowhere")
    directory = stackdir.write_stack(tmp_path)
    recorded = stack_run(directory, {}, preview=True, secrets=False)
    warnings = [line for line in recorded.logs if "cannot be had" in line]
    assert len(warnings) == 1
    assert "pi-switch" in {r.name for r in recorded.resources}


def test_an_up_without_credentials_registers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    directory = stackdir.write_stack(tmp_path)
    values = build.config(stackdir.changed())
    config = {f"homelab:{key}": json.dumps(value) for key, value in values.items()}
    recorded = mocks.run(directory, stackdir.NAME, config, preview=False, stand_in_secrets=False)
    assert recorded.resources == []
    assert "master" in recorded.error
    assert "cloudflare/token" in recorded.error


def test_a_registration_carries_the_nearest_frames_of_its_stack_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The SDK keeps them in the state, for each file of a host."""
    frames: list[int] = []
    whole = pulumi_resource._get_stack_trace

    def counted() -> source_pb2.StackTrace:
        trace = whole()
        frames.append(len(trace.frames))
        return trace

    monkeypatch.setattr(pulumi_resource, "_get_stack_trace", counted)
    registered = len(run_anew(preview=True).resources)
    # What the SDK registers before the program begins is its own affair.
    assert len([n for n in frames if n <= 4]) == registered
    assert not hasattr(sys, "tracebacklimit")
