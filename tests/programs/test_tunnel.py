"""cloudflared accepts the rendered rules and finds the right service for every public name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.programs.rendered import ALL, planned, settings
from tests.tools.programs import need_here, run


def config(tunnel: str, value: dict[str, Any], directory: Path) -> Path:
    """The file that services.cloudflared writes."""
    rules = [
        {"hostname": name, **(said if isinstance(said, dict) else {"service": said})}
        for name, said in value.get("ingress", {}).items()
    ]
    file = directory / f"{tunnel}.yml"
    text = {
        "tunnel": tunnel,
        "credentials-file": value["credentialsFile"],
        "ingress": [*rules, {"service": value["default"]}],
    }
    file.write_text(yaml.safe_dump(text), encoding="utf-8")
    return file


def tunnels(name: str, directory: Path) -> list[Path]:
    """Every tunnel of a stack."""
    return [
        config(tunnel, value, directory)
        for _, found in settings(planned(name), "services.cloudflared.tunnels", directory)
        for tunnel, value in found.items()
    ]


WITH_ONE = [n for n in ALL if (c := planned(n).cloudflare) is not None and c.tunnel]


@pytest.mark.parametrize("name", WITH_ONE)
@pytest.mark.requirement("S2-07")
def test_the_rules_are_accepted(name: str, tmp_path: Path) -> None:
    need_here("cloudflared")
    files = tunnels(name, tmp_path)
    assert files
    for file in files:
        done = run("cloudflared", "tunnel", "--config", file, "ingress", "validate")
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", WITH_ONE)
@pytest.mark.requirement("S2-07", "S4-32")
def test_every_public_name_leads_to_its_service_and_no_other_does(
    name: str, tmp_path: Path
) -> None:
    """For any path. Other names get 404."""
    need_here("cloudflared")
    cloudflare = planned(name).cloudflare
    assert cloudflare is not None
    (file,) = tunnels(name, tmp_path)

    def rule(url: str) -> str:
        done = run("cloudflared", "tunnel", "--config", file, "ingress", "rule", url)
        found = re.search(r"service: (\S+)", done.stdout + done.stderr)
        assert found is not None, done.stdout + done.stderr
        return found[1]

    wanted = {i.hostname: i.service for i in cloudflare.ingress}
    names = {r.public for r in planned(name).routes if r.publish == "tunnel"}
    assert names == set(wanted)
    for host, service in wanted.items():
        assert {rule(f"https://{host}{p}") for p in ("", "/a/b?c", "/..%2fx")} == {service}
        for other in (f"x{host}", f"x.{host}", host.partition(".")[2]):
            assert rule(f"https://{other}/") == "http_status:404"
