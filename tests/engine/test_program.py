"""The whole program under the real engine, with the real command provider, on lab hosts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping

import pytest

from homelab import testing
from homelab.lab import laptop
from tests import stackdir
from tests.components.former import in_former_words

from .conftest import Real

NO_BACKUP = {"backup": {"skip": "a test"}}


def services(**miniflux: object) -> dict[str, object]:
    """Two services of the one host, reached through the other."""
    own = {"host": "nas", **NO_BACKUP}
    return {"services": {"jellyfin": own, "miniflux": {**own, **miniflux}}}


def lines_of(text: str) -> list[str]:
    """What a run prints, without the warnings about this stack and the row that repeats them, and
    without the rows of dots that a slow run prints.
    """
    lines = [line for line in text.splitlines() if line.strip() and "warning" not in line]
    lines = [line for line in lines if not line.startswith("@ ")]
    about = lines.index("Diagnostics:")
    del lines[about : about + 2]
    return lines


def of(host: str, *parts: str) -> set[str]:
    """The host and these of its resources."""
    return {host, *(f"{host}-{part}" for part in parts)}


EVERYTHING = ("files", "secrets", "build", "switch")


@pytest.mark.requirement("S4-33")
def test_a_preview_works_without_secrets_and_reaches_no_host(real: Real) -> None:
    tools = real.environment["PATH"].split(os.pathsep)
    real.environment["PATH"] = os.pathsep.join(tools[1:])  # without the stand-in for sops
    for name in ("SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "SSH_AUTH_SOCK"):
        real.environment.pop(name, None)
    real.environment["HOME"] = str(real.directory)
    preview = real.run("preview")
    assert preview.ok, preview.text
    assert "1 of the deployer's secrets cannot be had" in preview.text
    assert {*of("pi", *EVERYTHING), *of("nas", *EVERYTHING)} <= preview.steps.keys()
    refused = real.up()
    assert not refused.ok
    assert "secret master" in refused.text
    assert not of("pi", *EVERYTHING) & refused.steps.keys()
    assert not real.lab.connections


def test_the_lab_registers_the_same_resources_as_the_real_engine(real: Real) -> None:
    real.write(services())
    preview = json.loads(real.pulumi("preview", "--json").stdout)
    lab = subprocess.run(
        [sys.executable, "-m", "homelab", "lab", "preview", "-s", stackdir.NAME, "--json"],
        cwd=real.directory,
        capture_output=True,
        text=True,
        check=True,
    )
    rehearsed = json.loads(lab.stdout)
    assert {s["urn"] for s in rehearsed["steps"]} == {s["urn"] for s in preview["steps"]}
    assert rehearsed["changes"] == preview["changeSummary"]


def test_up_commits_every_host_and_again_does_nothing_and_destroy_forgets(real: Real) -> None:
    real.write(services())
    up = real.up()
    assert up.ok, up.text
    releases = real.wanted_releases()
    assert {host: real.release(host) for host in ("pi", "nas")} == releases
    reached = dict(real.lab.connections)
    again = real.up("--expect-no-changes")
    assert again.ok, again.text
    assert not again.steps
    assert len(lines_of(again.text)) <= 10, again.text
    gone = real.run("destroy", "--yes", "--skip-preview")
    assert gone.ok, gone.text
    assert set(gone.steps.values()) == {"delete"}
    assert dict(real.lab.connections) == reached
    assert {host: real.release(host) for host in releases} == releases


def test_a_state_with_the_types_of_an_earlier_release_previews_as_no_change(real: Real) -> None:
    real.write(services())
    assert real.up().ok
    state = real.pulumi("stack", "export").stdout
    former = real.directory / "former.json"
    former.write_text(in_former_words(state))
    assert state.count("homelab:hosts:Host") == former.read_text().count("homelab:host:Host") > 0
    assert real.pulumi("stack", "import", "--file", str(former)).returncode == 0
    reached = dict(real.lab.connections)

    preview = real.run("preview", "--expect-no-changes")
    assert preview.ok, preview.text
    # A run for one host alone works before the first whole one.
    alone = real.up("--expect-no-changes", "--target", "**::pi-*")
    assert alone.ok, alone.text
    up = real.up("--expect-no-changes")
    assert up.ok, up.text
    assert dict(real.lab.connections) == reached
    assert urns(real) == {r["urn"] for r in json.loads(state)["deployment"]["resources"]}


def test_a_state_that_was_exported_is_imported_on_a_new_laptop(real: Real) -> None:
    """The commands of the guide, with an empty backend and home of Pulumi: what is left are the
    repository, the exported state and the passphrase.
    """
    assert real.up().ok
    kept = urns(real)
    assert real.pulumi("stack", "export", "--file", "state.json").returncode == 0
    assert "only a test's" not in (real.directory / "state.json").read_text()
    stack = real.directory / f"Pulumi.{stackdir.NAME}.yaml"
    before = stack.read_text()
    for variable, name in (("PULUMI_BACKEND_URL", "new-state"), ("PULUMI_HOME", "new-home")):
        (real.directory.parent / name).mkdir()
        place = str(real.directory.parent / name)
        real.environment[variable] = f"file://{place}" if "URL" in variable else place
    assert real.pulumi("stack", "init", stackdir.NAME).returncode == 0
    assert real.pulumi("stack", "import", "--file", "state.json").returncode == 0
    assert stack.read_text() == before, "the key of the secrets is the one in the stack file"
    assert urns(real) == kept
    preview = real.run("preview", "--expect-no-changes")
    assert preview.ok, preview.text


def urns(real: Real) -> set[str]:
    resources = json.loads(real.pulumi("stack", "export").stdout)["deployment"]["resources"]
    return {resource["urn"] for resource in resources}


def test_a_change_is_shown_by_line_and_reaches_only_the_hosts_it_concerns(real: Real) -> None:
    real.write(services())
    assert real.up().ok
    reached = dict(real.lab.connections)

    real.write(services(port=8123))
    shown = real.pulumi("preview", "--diff").stdout
    assert re.search(r'^ +- +LISTEN_ADDR = "0\.0\.0\.0:8080";$', shown, re.MULTILINE)
    assert re.search(r'^ +\+ +LISTEN_ADDR = "0\.0\.0\.0:8123";$', shown, re.MULTILINE)

    # Each changed file is named. Unchanged files are not shown.
    named = real.run("preview").steps.keys()
    assert {"nas/services/miniflux.nix", "nas/firewall.nix", "pi/proxy.nix"} <= named
    assert "nas/services/jellyfin.nix" not in named
    assert "jellyfin.nix" not in shown
    # Of a switch as well, only the lines that change are shown.
    assert re.search(r'^ +\+ +"target": ".+:8123/healthcheck"$', shown, re.MULTILINE)
    assert "jellyfin over lan" not in shown

    real.write(testing.merged(services(), {"hosts": {"nas": {"zram": {"percent": 31}}}}))
    up = real.up()
    assert up.ok, up.text
    # A new file is created; everything else is updated.
    assert {name: step for name, step in up.steps.items() if step != "update"} == {
        "nas/power.nix": "create"
    }
    assert {name for name in up.steps if "/" not in name} == of("nas", *EVERYTHING)
    assert {name.partition("/")[0] for name in up.steps if "/" in name} == {"nas"}
    assert real.lab.connections["pi"] == reached["pi"]


def test_a_switch_that_is_not_committed_fails_with_its_report_and_is_tried_again(
    real: Real,
) -> None:
    real.write(services())
    assert real.up().ok
    before = real.release("nas")
    real.lab.inject_fault("nas", "loses-network")
    real.write(services(port=8123))
    up = real.up()
    assert not up.ok
    assert up.failed == {"nas-switch"}
    assert "was rolled back; the host is as before" in up.text
    assert "next: fix the cause, then run pulumi up again" in up.text
    assert "Traceback" not in up.text
    assert real.release("nas") == before

    real.lab.clear_faults("nas")
    retried = real.up()
    assert retried.ok, retried.text
    # The next host was not switched.
    assert retried.steps == {"nas-switch": "update", "pi-switch": "update"}
    assert real.release("nas") != before


def test_a_held_host_is_unchanged_even_if_it_is_new(real: Real) -> None:
    held = {"hosts": {"nas": {"state": "held"}}}
    real.lab.inject_fault("nas", "unreachable")
    real.write(testing.merged(services(), held))
    first = real.up()
    assert first.ok, first.text
    assert not real.lab.connections["nas"]

    real.lab.clear_faults("nas")
    real.write(services())
    assert real.up().ok
    reached, before = real.lab.connections["nas"], real.release("nas")

    real.lab.inject_fault("nas", "unreachable")
    real.write(testing.merged(services(port=8123), held))
    up = real.up()
    assert up.ok, up.text
    assert not of("nas", *EVERYTHING) & up.steps.keys()
    assert of("pi", *EVERYTHING) <= up.steps.keys()
    assert (real.lab.connections["nas"], real.release("nas")) == (reached, before)


def test_a_planned_host_registers_nothing(real: Real) -> None:
    real.write({"hosts": {"nas": {"state": "planned"}}})
    preview = real.run("preview")
    assert preview.ok, preview.text
    assert not of("nas", *EVERYTHING) & preview.steps.keys()


SLEEPS = {
    "always_on": False,
    "wake_on_lan": {"interface": "eth0", "mac": "d8:5e:d3:0a:1b:2c"},
    "offline": {"wake_by": "pi", "wake_seconds": 10},
}


@pytest.mark.requirement("S0-05")
def test_an_offline_host_is_one_resource_and_another_host_wakes_it(real: Real) -> None:
    """A host that does not wake fails alone."""
    real.write(testing.merged(services(), {"hosts": {"nas": SLEEPS}}))
    real.lab.inject_fault("nas", "unreachable")
    up = real.up("--continue-on-error")
    assert not up.ok
    assert up.failed == {"nas-switch"}
    assert "the host is off, and did not answer within 10 s of the wake packets" in up.text
    assert of("pi", *EVERYTHING) <= up.steps.keys()
    assert {name for name in up.steps if name.startswith("nas-")} == {"nas-switch"}

    real.lab.clear_faults("nas")
    real.lab.inject_fault("nas", "offline")
    woken = real.up()
    assert woken.ok, woken.text
    assert "wake-nas" in {line["command"] for line in real.lab.log("pi")}
    again = real.up("--expect-no-changes")
    assert again.ok, again.text


@pytest.mark.parametrize("nas", [{}, SLEEPS], ids=["awake", "offline"])
def test_no_secret_is_in_the_state_or_the_output(real: Real, nas: Mapping[str, object]) -> None:
    real.write(testing.merged(services(), {"hosts": {"nas": nas}}))
    up = real.up("--debug", "--show-full-output")
    assert up.ok, up.text
    placed = (real.lab.root("nas") / "var/lib/homelab/secrets").rglob("miniflux-admin")
    [password] = re.findall(r"PASSWORD='?([A-Za-z0-9+/=_-]{16,})", next(placed).read_text())
    master = laptop.stand_in('["master"]')
    printed = [
        up.text,
        real.pulumi("stack", "export").stdout,
        real.pulumi("stack", "history", "--json").stdout,
        *(p.read_text() for p in (real.directory.parent / "state").rglob("*") if p.is_file()),
    ]
    for secret in (password, master):
        assert not [text for text in printed if secret in text]
    # The encrypted value is in the state.
    assert password in real.pulumi("stack", "export", "--show-secrets").stdout
