"""Own programs that use homelab: every example of the guide runs as described."""

from __future__ import annotations

import gc
import json
import re
import shutil
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pulumi
import pytest

import homelab
from homelab.config.document import read_document
from homelab.config.load import load_stack_config
from homelab.config.service_modules import CatalogService
from homelab.testing import Recorded, run
from tests import build

GUIDE = (build.ROOT / "docs/guide/library.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
CHECKED = ("announce", "SecretRef", "CatalogService")
FOREIGN = '{"grants": [{"src": ["sam@example.org"], "dst": ["*"], "ip": ["*"]}]}'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped stacks in a directory for other programs."""
    home = tmp_path_factory.mktemp("library") / "home"
    shutil.copytree(build.SHIPPED, home, ignore=shutil.ignore_patterns(".homelab"))
    return home


def program(
    project: Path, text: str, *, preview: bool = True, policy: str | None = None
) -> Recorded:
    """What a program registers, recorded once for all tests that look at it."""
    return _recorded(project, text, preview, policy)


@cache
def _recorded(project: Path, text: str, preview: bool, policy: str | None) -> Recorded:
    (project / "__main__.py").write_text(text, encoding="utf-8")
    values = read_document(project / "Pulumi.home.yaml").values
    settings = {f"homelab:{k}": json.dumps(v) for k, v in values.items()}
    settings |= {"tailscale:clientId": "id", "tailscale:clientSecret": "secret"}
    more = {"policy": policy} if policy is not None else {}
    return run(project, "home", settings, preview=preview, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("preview", [True, pytest.param(False, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "example",
    # What the quick ones register is looked at below, too.
    [
        e if any(w in e for w in CHECKED) else pytest.param(e, marks=pytest.mark.long)
        for e in EXAMPLES
    ],
)
def test_an_example_of_the_guide_runs(project: Path, example: str, preview: bool) -> None:
    recorded = program(project, example, preview=preview)
    assert recorded.error == ""
    assert recorded.resources


def test_the_examples_do_what_the_guide_says(project: Path) -> None:
    added, secret, built = (
        program(project, next(e for e in EXAMPLES if word in e)) for word in CHECKED
    )
    assert {"pi-files", "pi-build"} <= added.needs(added["announce"])
    assert str(added.exports["music"]).startswith("https://music-home.")
    assert secret.exports["token"]
    assert "grafana" in {r.name for r in built.of(":Service")}


def test_a_secret_by_reference_is_secret_and_read_once(project: Path) -> None:
    text = """
import pulumi, pulumi_command
import homelab
home = homelab.run()
ref = homelab.SecretRef(sops="own/key")
for name in ("one", "two"):
    pulumi_command.local.Command(
        name, stdin=home.secret(ref), opts=pulumi.ResourceOptions(provider=home.providers["command"])
    )
"""
    recorded = program(project, text)
    assert recorded.error == ""
    assert recorded["one"].secrets == {"stdin"}
    assert recorded["one"].inputs == recorded["two"].inputs


def test_two_homelabs_stay_apart_and_the_first_keeps_its_names(project: Path) -> None:
    alone = program(project, "import homelab\nhomelab.run()\n")
    both = program(project, next(e for e in EXAMPLES if "register(" in e))
    assert both.error == ""
    names = Counter(r.urn for r in both.resources)
    assert [urn for urn, count in names.items() if count > 1] == []
    first = {r.urn for r in alone.resources}
    assert first < {r.urn for r in both.resources}
    others = [r for r in both.resources if r.urn not in first]
    assert [r.name for r in others if not r.name.startswith("cabin")] == []
    tree = {r.urn: r.parent for r in both.resources}
    for resource in others:
        urn = resource.urn
        while tree.get(urn) in tree:
            urn = tree[urn]
        assert urn.endswith("::cabin"), resource.name


@pytest.mark.parametrize("preview", [True, False])
def test_a_tailnet_alone_reads_the_policy_before_it_writes_and_refuses_a_foreign_one(
    project: Path, preview: bool
) -> None:
    example = next(e for e in EXAMPLES if "homelab.Tailnet(" in e)
    recorded = program(project, example, preview=preview, policy=FOREIGN)
    made = [r.type for r in recorded.resources if r.type.startswith("tailscale:")]
    if preview:
        assert recorded.error == ""
        assert "tailscale:index/acl:Acl" in made
    else:
        assert "policy in force" in recorded.error
        assert made == []


def test_run_does_not_change_the_interpreter(project: Path) -> None:
    hooks, frozen = [], gc.get_freeze_count()

    def own() -> None:
        homelab.run()
        hooks.append(sys.excepthook)

    values = read_document(project / "Pulumi.home.yaml").values
    settings = {f"homelab:{k}": json.dumps(v) for k, v in values.items()}
    assert run(project, "home", settings, preview=True, program=own).error == ""
    assert hooks == [sys.excepthook]
    assert gc.isenabled()
    # Objects that the tests froze may be freed meanwhile.
    assert gc.get_freeze_count() <= frozen


def test_a_config_built_in_python_passes_the_same_checks(project: Path) -> None:
    config = load_stack_config(read_document(project / "Pulumi.home.yaml"))
    bad = {**config.services, "grafana": CatalogService(host="nobody")}

    def own() -> None:
        homelab.run(config=config.model_copy(update={"services": bad}))

    recorded = run(project, "home", {}, preview=True, program=own)
    assert recorded.resources == []
    assert "services.grafana.host" in recorded.error
    same = homelab.open_config(project, "home", config)
    assert same.releases == homelab.open_stack(project, "home").releases


def test_every_public_name_exists_and_is_typed() -> None:
    assert sorted(homelab.__all__) == homelab.__all__
    for name in homelab.__all__:
        assert getattr(homelab, name) is not None
    assert issubclass(homelab.Homelab, pulumi.ComponentResource)
    assert (Path(homelab.__file__).parent / "py.typed").exists()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = homelab.nothing
