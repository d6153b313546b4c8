"""Build the start image of a new machine, where Nix is."""

from __future__ import annotations

from pathlib import Path

from homelab.ops.install.model import Report
from homelab.ops.install.nix import build_with_nix
from homelab.ops.project.stack import Stack
from homelab.ops.project.trees import write_releases
from homelab.problems import HomelabError, UsageError, did_you_mean
from homelab.system.bootstrap import IMAGES, output


def build_image(stack: Stack, name: str, out: Path, report: Report) -> Path:
    """Write the files of a host below `out`, and build its image. The path of the image.

    Raises UsageError for a host that starts from no image, HomelabError if Nix fails.
    """
    trees = {**stack.releases, **stack.images}
    known = [n for n in trees if stack.plan.hosts[n].config.bootstrap is not None]
    if name not in known:
        raise UsageError(
            f'there is no host "{name}" that starts from an image; '
            + (did_you_mean(name, known, "hosts") if known else "write bootstrap: sd-image, or iso")
        )
    host = stack.plan.hosts[name]
    assert host.config.bootstrap is not None
    _, attribute, pattern = IMAGES[host.config.bootstrap]
    write_releases(out, {name: trees[name]})
    report(f"{name}: building its image; its files are in {out / name}")
    link = out / f"{name}.image"
    build_with_nix(
        f"path:{(out / name).resolve()}#nixosConfigurations.{output(host)}.config.system.build."
        f"{attribute}",
        link,
        f"on another machine with Nix: homelab bootstrap {name} prints the command",
    )
    found = sorted(link.glob(pattern.removeprefix("result/")))
    if not found:
        raise HomelabError(f"{name}: {link} has no image; is nix on PATH another program?")
    return found[0]
