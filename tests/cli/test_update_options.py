"""`homelab update` where a newer nixpkgs has options under other names, or no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import stackdir
from tests.cli.test_update import NEWER, Stand, call, stand

__all__ = ["call", "stand"]
OWN = "hosts/nas/lid.nix"
TREE = "/nix/store/0ccnxa25whszw7mgbgyzdm4nqc0zwnm8-source"
MODULE = """\
{ ... }:
{
  # the lid of the old laptop
  services.logind = {
    lidSwitch = "ignore"; # it is closed
  };
}
"""


def renamed(old: str, new: str, *files: str) -> dict[str, str]:
    named = " and ".join(f"`{f}'" for f in files)
    text = f"The option `{old}' defined in {named} has been renamed to `{new}'."
    return {"file": f"{TREE}/nixos/modules/rename.nix", "text": text}


LID = renamed(
    *("services.logind.lidSwitch", "services.logind.settings.HandleLid", f"{TREE}/own/{OWN}")
)
DIR = renamed(
    *("services.jellyfin.group", "services.jellyfin.run.group", f"{TREE}/services/jellyfin.nix")
)
MORE = renamed("services.x.y", "services.x.z", f"{TREE}/own/{OWN}")
GONE = {
    "file": f"{TREE}/nixos/modules/rename.nix",
    "text": f"The option definition `services.logind.lidSwitch' in `{TREE}/own/{OWN}' no longer has"
    " any effect; please remove it.\nThe lid is gone.",
}


@pytest.fixture
def top(stand: Stand) -> Path:
    """A stack with an option of each kind."""
    services = {
        "jellyfin": {"host": "nas", "options": {"services.jellyfin.group": "media"}},
        "miniflux": {"host": "nas"},
    }
    stackdir.write_stack(stand.stack, {"services": services, "hosts": {"nas": {"modules": [OWN]}}})
    (stand.stack / OWN).write_text(MODULE, encoding="utf-8")
    return stand.stack


def test_renamed_options_are_named_with_their_line_and_not_changed(
    call: Any, stand: Stand, top: Path
) -> None:
    text = (top / "Pulumi.small.yaml").read_text(encoding="utf-8")
    stand.evaluates("after", "1", "16.4", warnings=[LID, DIR])
    said = call("update", "--host", "nas", "--yes")
    assert said.code == 0, said.out + said.err
    assert (
        f"renamed: nas: {OWN}:5: hosts.nas.modules: services.logind.lidSwitch is now "
        "services.logind.settings.HandleLid; write the new name, or try --fix\n"
    ) in said.out
    lines = text.splitlines()
    line = next(n for n, each in enumerate(lines, 1) if "services.jellyfin.group" in each)
    assert (
        f"renamed: nas: Pulumi.small.yaml:{line}: "
        "services.jellyfin.options.services.jellyfin.group: services.jellyfin.group is now "
        "services.jellyfin.run.group; write the new name, or try --fix\n"
    ) in said.out
    # Each once: no warning repeats it.
    assert said.out.count("HandleLid") == 1
    assert (top / OWN).read_text(encoding="utf-8") == MODULE
    assert (top / "Pulumi.small.yaml").read_text(encoding="utf-8") == text


def test_mend_writes_the_new_names_and_evaluates_again(call: Any, stand: Stand, top: Path) -> None:
    text = (top / "Pulumi.small.yaml").read_text(encoding="utf-8")
    stand.evaluates("after", "1", "16.4", warnings=[LID, DIR])
    stand.evaluates("fixed", "1", "16.4", warnings=[MORE])
    said = call("update", "--host", "nas", "--fix", "--yes")
    assert said.code == 0, said.out + said.err
    assert said.out.count("fixed: ") == 2
    assert f"{OWN} written" in said.err
    # What the host says with the new names.
    assert said.out.count("renamed: ") == 3
    assert "services.x.y is now services.x.z" in said.out.partition("fixed: ")[2]
    new = MODULE.replace("lidSwitch =", "settings.HandleLid =")
    assert (top / OWN).read_text(encoding="utf-8") == new
    fixed = (top / "Pulumi.small.yaml").read_text(encoding="utf-8")
    assert fixed == text.replace("services.jellyfin.group:", "services.jellyfin.run.group:")
    assert NEWER in stand.lock.read_text(encoding="utf-8")


def test_without_yes_nothing_is_mended(call: Any, stand: Stand, top: Path) -> None:
    stand.evaluates("after", "1", "16.4", warnings=[LID])
    stand.evaluates("fixed", "1", "16.4")
    said = call("update", "--host", "nas", "--fix")
    assert "fixed: " in said.out
    assert "nothing was written" in said.err
    assert (top / OWN).read_text(encoding="utf-8") == MODULE


def test_a_module_that_another_host_reads_is_only_named(call: Any, stand: Stand, top: Path) -> None:
    values = {"hosts": {h: {"modules": [OWN]} for h in ("nas", "pi")}}
    stackdir.write_stack(stand.stack, {"services": {"miniflux": {"host": "nas"}}, **values})
    (top / OWN).write_text(MODULE, encoding="utf-8")
    stand.evaluates("after", "1", "16.4", warnings=[LID])
    said = call("update", "--host", "nas", "--fix", "--yes")
    assert said.code == 0, said.out + said.err
    assert f"renamed: nas: {OWN}:5" in said.out
    assert "fixed" not in said.out
    assert (top / OWN).read_text(encoding="utf-8") == MODULE


def test_an_option_that_is_gone_stops_the_update(call: Any, stand: Stand, top: Path) -> None:
    stand.evaluates("after", "1", "16.4", assertions=[GONE])
    said = call("update", "--host", "nas", "--fix", "--yes")
    assert said.code == 1
    assert (
        f"error: nas: {OWN}:5: hosts.nas.modules: services.logind.lidSwitch is gone: The lid is "
        "gone; remove it"
    ) in said.out
    assert NEWER not in stand.lock.read_text(encoding="utf-8")
    # One that the old nixpkgs has no more either is no news.
    stand.evaluates("before", "1", "16.4", assertions=[GONE])
    assert call("update", "--host", "nas", "--yes").code == 0


def test_json_has_every_place(call: Any, stand: Stand, top: Path) -> None:
    stand.evaluates("after", "1", "16.4", warnings=[LID])
    (found,) = json.loads(call("update", "--host", "nas", "--json").out)["hosts"]["nas"]["options"]
    assert found == {
        "where": "hosts.nas.modules",
        "file": OWN,
        "line": 5,
        "option": "services.logind.lidSwitch",
        "new": "services.logind.settings.HandleLid",
        "same_type": True,
    }
