"""In the lab, messages name the lab's commands."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console

from homelab.cli.app import app
from homelab.deploy.leaving import after_retiring
from homelab.lab import words
from homelab.lab.display import Display
from homelab.lab.engine import Result
from homelab.lab.events import Failed, Message, Step
from homelab.lab.words import of_the_lab
from tests import build
from tests.household import household


def test_a_command_that_the_lab_has_is_replaced_by_the_labs() -> None:
    every = typer.main.get_command(app)
    lab = {*every.commands["lab"].commands}  # type: ignore[attr-defined]
    # The lab's `up` is the one of Pulumi: it takes no host and no mode.
    assert {*every.commands} & lab == {*words.HOMELAB, "up"}  # type: ignore[attr-defined]
    assert {"up", "preview", "destroy", "refresh", "stack"} & lab == {*words.PULUMI}
    for name in words.HOMELAB:
        assert of_the_lab(f"see `homelab {name} nas`") == f"see `homelab lab {name} nas`"
    for name in words.PULUMI:
        assert of_the_lab(f"then pulumi {name}") == f"then homelab lab {name}"


@pytest.mark.parametrize(
    "text", ["homelab lab status", "homelab check", "the homelab stack", "pulumi upstream"]
)
def test_nothing_else_is_replaced(text: str) -> None:
    assert of_the_lab(text) == text


@pytest.mark.parametrize("address", ["root@192.168.1.225", "-p 2222 sam@fd00::10", "a@b.ts.net"])
def test_a_log_of_a_lab_host_is_a_file_of_the_lab(address: str) -> None:
    """The address in the stack is the real host's."""
    log = "/var/lib/homelab/deployments/7d1493bfb433d99c/log"
    shown = of_the_lab(f"look at it (ssh {address} cat {log}), then run pulumi up again")
    file = f".homelab/lab/*/hosts/*/root{log}"
    assert shown == f"look at it (cat {file}), then run homelab lab up again"


def test_the_steps_after_retiring_a_lab_host_change_nothing_real() -> None:
    plan = build.plan(household({"hosts": {"aurora": {"state": "retired"}}}))
    host = plan.hosts["aurora"]
    real = "\n".join(after_retiring(plan, host))
    assert "pulumi up" in real
    assert "--host-key" in real
    said = of_the_lab("\n".join(words.after_retiring(plan, host)))
    assert "pulumi" not in said
    assert "--host-key" not in said
    assert "sops" not in said
    assert "next: homelab lab up removes its resources" in said
    assert "homelab lab destroy" in said


def test_errors_and_messages_name_the_labs_commands(tmp_path: Path) -> None:
    out = StringIO()
    plan = build.plan(household({}))
    shown = Display(plan, tmp_path, as_json=False, console=Console(file=out, width=200))
    kind = "command:local:Command"
    step = Step("update", f"urn:pulumi:s::p::{kind}::pi-switch", kind, "pi-switch", "", custom=True)
    shown.event(
        Failed(step, "pi: was rolled back\n  next: fix the cause, then run pulumi up again")
    )
    shown.event(Message("warning", "see `homelab status`, then `pulumi preview`"))
    shown.say("pi: let go of it: homelab unlock pi")
    said = out.getvalue()
    assert "then run homelab lab up again" in said
    assert "see `homelab lab status`, then `homelab lab preview`" in said
    assert "homelab lab unlock pi" in said
    assert "pulumi" not in said


def test_a_rehearsed_move_speaks_of_the_copy_and_ends_with_the_real_command() -> None:
    assert words.of_a_copy("Pulumi.home.yaml: - host: aurora") == (
        "copy of Pulumi.home.yaml: - host: aurora"
    )
    assert words.of_a_copy("homelab.lock.yaml written; commit it") == (
        "copy of homelab.lock.yaml written"
    )
    assert words.of_a_copy("next: pulumi up, then homelab move anki") == ""
    assert words.of_a_copy("aurora: stopping anki.service") == "aurora: stopping anki.service"
    assert words.after_moving("anki", "server") == (
        "rehearsal; your stack is unchanged: homelab move anki --to server"
    )
    assert words.after_moving("anki", None).endswith("unchanged: homelab move anki")


def test_a_warning_of_an_earlier_run_is_not_repeated(tmp_path: Path) -> None:
    out, warned = StringIO(), set[str]()
    console = Console(file=out, width=200)
    for _ in range(2):
        shown = Display(build.plan(), tmp_path, as_json=False, console=console, warned=warned)
        shown.event(Message("warning", "hosts.pi: placeholder"))
        shown.event(Message("error", "hosts.pi: broken"))
    assert out.getvalue().count("placeholder") == 1
    assert out.getvalue().count("broken") == 2


@pytest.mark.parametrize(
    ("action", "ok", "printed"),
    [("up", True, True), ("preview", True, True), ("up", False, False), ("destroy", True, False)],
)
def test_outputs_of_the_stack_are_printed_as_pulumi_does(
    tmp_path: Path, action: str, ok: bool, printed: bool
) -> None:
    out = StringIO()
    console = Console(file=out, highlight=False, soft_wrap=True)
    display = Display(build.plan(), tmp_path, as_json=False, console=console)
    outputs = {"entry": "192.168.1.5", "key": "[secret]"}
    display.summary(action, Result(ok, {"same": 1}, outputs), {})
    lines = '\nOutputs:\n    entry          "192.168.1.5"\n    key            "[secret]"\n'
    assert (lines in out.getvalue()) == printed
    assert ("Outputs" in out.getvalue()) == printed
