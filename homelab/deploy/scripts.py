"""The text of every script that runs on a host, made from the `.sh` files beside this module.

Pure: the same arguments give the same text, byte for byte, because Pulumi compares it to decide
whether a host has changed. Nothing here runs anything, and every script may run twice.

Each text is meant for the standard input of `shell(user)`, where neither a process list nor a
failing command's error message can show it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Literal

from homelab.deploy.policy import DeployPolicy
from homelab.deploy.shell import (
    ScriptError,
    assigned,
    fed,
    files_function,
    function,
    named,
    secrets_function,
)

LOCK_SECONDS = 300
"""How long a script waits for another one on the same host before it fails and names it."""


def shell(user: str = "root") -> str:
    """The command that reads these scripts on standard input, for the SSH user."""
    command = "bash -euo pipefail -s"
    return command if user == "root" else f"sudo -n {command}"


def stage_script(
    release: str,
    files: Mapping[str, str | bytes],
    *,
    stack: str = "",
    lock_seconds: int = LOCK_SECONDS,
) -> str:
    """Write a release's files exactly as given, all or none; an existing release stays as it is."""
    body = files_function("files", "flake/", files)
    return _compose("stage", _of(release, stack), lock_seconds, body)


def secrets_script(
    release: str,
    secrets: Mapping[str, str],
    *,
    stack: str = "",
    lock_seconds: int = LOCK_SECONDS,
) -> str:
    """Place all secrets of a release, each at `secrets/<release>/<name>`, mode 0400.

    New secrets for the release that runs take effect at the next switch, so that a rollback
    restores the old ones.
    """
    body = secrets_function("secrets", secrets)
    return _compose("secrets", _of(release, stack), lock_seconds, body)


def build_script(
    release: str,
    policy: DeployPolicy,
    flags: Sequence[str] = (),
    *,
    wake: Sequence[str] = (),
    copied: bool = False,
    lock_seconds: int = LOCK_SECONDS,
) -> str:
    """Build a staged release into its `result`, then run the preflight of the switch. With `copied`
    it never builds: `receive_script` came before.

    `wake` is the command that wakes the host's builder, and the builder's address and port.

    A release that is already built only gets the preflight. What would stop a switch fails the
    build: all builds run before all switches, so no host has changed by then.
    """
    names = {"RELEASE": named("release", release), **_settings(policy)}
    names |= {"WAKE_BUILDER": " ".join(wake), "DRY_RUN": "yes" if policy.dry_run else ""}
    names["NETRC"] = policy.netrc
    if copied:
        names["COPIED"] = "yes"
    extra = _part("boot") + _part("reboot") + _part("preflight") + lend_function()
    return _compose("build", names, lock_seconds, extra, arguments=flags)


def receive_script(
    release: str, system: str, *, stack: str = "", lock_seconds: int = LOCK_SECONDS
) -> str:
    """Make a system that was copied into the host's store the `result` of a staged release."""
    return _compose("receive", {**_of(release, stack), "SYSTEM": system}, lock_seconds)


def take_script(path: str, release: str = "", archive: bytes = b"") -> str:
    """Put a source into the host's store at this path. It reads the Nix archive after this text,
    unless `archive` is given. With `release`, it stays for as long as that release.
    """
    names = {"SOURCE": path, "RELEASE": named("release", release) if release else ""}
    if not archive:
        return _file("take", names)
    text = base64.encodebytes(archive).decode()
    return _compose("take", names, extra=function("source_text", fed("base64 -d", text)))


def lend_function() -> str:
    """The shell function `lend`, also for `homelab.install`. It needs `root` and `fail`."""
    return _part("lend")


def with_netrc(build: str, netrc: str) -> str:
    """A build script with the passwords of binary caches, for a host that has none yet."""
    return build.replace(AT_ONCE, AT_ONCE + assigned({"NETRC_TEXT": netrc}), 1)


def activate_script(
    release: str,
    deployment_id: str,
    policy: DeployPolicy,
    *,
    secrets_version: str,
    paths: Sequence[str],
    activation_seconds: int,
    confirm_seconds: int,
    external: Sequence[str] = (),
    lock_seconds: int = LOCK_SECONDS,
) -> str:
    """Arm the rollback of a new deployment, then start it; both continue without the connection.

    `paths` names the paths that reached the host just before, and so must reach it afterwards;
    `external` names the external probes that passed then, kept for a run that resumes.
    """
    own = {**_of(release, policy.stack), "DEPLOYMENT_ID": named("deployment", deployment_id)}
    version = {"SECRETS_VERSION": secrets_version}
    window = {"WINDOW_SECONDS": str(activation_seconds + confirm_seconds)}
    loader = {"BOOT_LOADER": policy.loader, "BOOT_LIMIT": str(policy.limit)}
    boot = _part("boot") + _part("reboot")
    supervise = {**own, **version, **loader, "CONFIRM_SECONDS": str(confirm_seconds)}
    supervise |= {"MAY_FAIL": " ".join(policy.may_fail), "REBOOT": policy.restarts}
    supervise |= {"CLEAN_UP": "yes" if policy.clean_up else "", "MODE": policy.mode}
    # Time for all units to start, for the lock, and for the confirmation.
    resume = {**own, "WINDOW_SECONDS": str(2 * confirm_seconds + lock_seconds)}
    detached = {
        "SUPERVISE": _file("supervise", supervise, lock_seconds, boot),
        "ROLLBACK": _file("rollback", {**own, **window, **loader}, extra=boot),
        "RESUME": _file("resume", resume, lock_seconds),
    }
    names = {**own, **version, **window, **detached, **_settings(policy), "PATHS": " ".join(paths)}
    names["EXTERNAL"] = "\t".join(external)
    extra = boot + _part("preflight") + _part("probe")
    return _compose("activate", {**names, "PROBES": _probe_lines(policy)}, lock_seconds, extra)


def dry_script(release: str) -> str:
    """Print what a switch to a built release would do. It changes nothing."""
    return _compose("dry", {"RELEASE": named("release", release)})


def confirm_script(
    deployment_id: str,
    units: Sequence[str] = (),
    *,
    seal: bool,
    policy: DeployPolicy | None = None,
    settle: int = 0,
) -> str:
    """Check the activated system on the host; with `seal`, tell the supervisor to commit.

    With `seal` it also runs the probes: each that passed before the switch must pass again, and
    for `settle` seconds systemd must not have restarted any service.
    """
    names = {"DEPLOYMENT_ID": named("deployment", deployment_id), "SEAL": "yes" if seal else ""}
    names["PROBES"] = _probe_lines(policy) if policy and seal else ""
    names["MAY_FAIL"] = " ".join(policy.may_fail) if policy else ""
    names["SETTLE_SECONDS"] = str(settle)
    return _compose("confirm", names, extra=_part("probe"), arguments=units)


def resume_script(deployment_id: str) -> str:
    """Resume a deployment after the restart that it asked for, if the host has not done so."""
    return _compose("resumed", {"DEPLOYMENT_ID": named("deployment", deployment_id)})


def rollback_script(deployment_id: str) -> str:
    """Start the rollback of a deployment whose client is gone; without an id, of the open one.
    `status_script` reports how it ends.
    """
    return _compose(
        "abandon", {"DEPLOYMENT_ID": named("deployment", deployment_id) if deployment_id else ""}
    )


def unlock_script(*, force: bool) -> str:
    """Release a lock or deployment that was left behind; with `force`, also one in progress."""
    return _compose("unlock", {"FORCE": "yes" if force else ""})


def retire_script(host: str, release: str) -> str:
    """Remove what earlier releases left on a host that runs its retired release."""
    names = {"HOST": named("host", host), "RELEASE": named("release", release), "YES": "yes"}
    return _compose("retire", names, extra=_part("leave"))


def forget_script(*, confirmed: bool) -> str:
    """Remove everything of homelab from a host but its system; unless `confirmed`, only list it."""
    return _compose("forget", {"YES": "yes" if confirmed else ""}, extra=_part("leave"))


def status_script(
    release: str,
    deployment_id: str = "",
    *,
    log_lines: int = 0,
    full: bool = False,
    loader: str = "hardware",
    seen: str = "",
    wait_seconds: int = 0,
) -> str:
    """Report what a host runs, what it would boot, and the named deployment, or else the open one.

    `full` adds failed units; `full` and `log_lines` both add whether the boot loader agrees. With
    `seen`, the last known phase of the named deployment, the report comes as soon as the phase is
    another one, at the latest after `wait_seconds`.
    """
    names = {
        "FULL": "yes" if full else "",
        "RELEASE": named("release", release) if release else "",
        "DEPLOYMENT_ID": named("deployment", deployment_id) if deployment_id else "",
        "LOG_LINES": str(log_lines),
        "SEEN": seen,
        "WAIT_SECONDS": str(wait_seconds),
        "BOOT_LOADER": loader,
    }
    return _compose("status", names, extra=_part("boot"))


def generations_script() -> str:
    """List the generations of a host's system, the newest first."""
    return _compose("generations", {})


def follow_script(log: str, command: Sequence[str]) -> str:
    """Run a command of the host under the host's lock. It goes on if the connection is lost."""
    return _compose("follow", {"LOG": named("log", log)}, arguments=command)


def command_script(command: Sequence[str]) -> str:
    """Run a command of the host that changes nothing."""
    return _compose("command", {}, arguments=command)


def orphans_script(places: Sequence[str]) -> str:
    """List what services may have left on this host: `kind`, tab, `name`."""
    return _compose("orphans", {}, arguments=places)


def move_script(
    service: str,
    do: str,
    arguments: Sequence[str] = (),
    texts: Mapping[str, str] | None = None,
) -> str:
    """One step of a move of a service on this host. It may read standard input after the script."""
    names = {"SERVICE": named("service", service), "DO": do, **(texts or {})}
    return _file("move", names, extra=MOVING, arguments=arguments)


def adopt_script(directory: str) -> str:
    """Describe a host and its configuration in a directory: `name`, tab, value in base64."""
    return _compose("adopt", {}, arguments=[directory])


def wake_script(command: str) -> str:
    """Wake another host with the command that this host has for it."""
    return _compose("wake", {"WAKE": named("command", command)})


def relay_script(
    offline_host: str, do: Literal["look", "put", "drop"], bundle: str = "", signature: str = ""
) -> str:
    """Read, replace or drop an offline host's bundle and report on its relay.

    The signature comes before the bundle, as `relay.sh` hands it out.
    """
    names = {"OFFLINE_HOST": named("host", offline_host), "DO": do}
    body = function("bundle", fed("cat", signature + bundle)) if do == "put" else ""
    return _compose("bundle", names, extra=body)


def taken_script(made: int) -> str:
    """Make a host refuse every bundle made before this time (nanoseconds since 1970)."""
    return _compose("taken", {"MADE": str(made)})


def evaluate_script(
    files: Mapping[str, str | bytes],
    question: str,
    attribute: str,
    *,
    memory_mib: int,
    by_directories: bool,
) -> str:
    """Evaluate a tree on the machine that runs the script; JSON goes to standard output, what Nix
    prints to standard error.

    `question` is a Nix expression: with flakes a function of the flake's `attribute`, with
    directories the answer itself, in a file beside the tree at `./flake`. Leaves nothing behind.
    """
    names = {
        "ATTRIBUTE": attribute,
        "HOW": "by_directories" if by_directories else "whole_flake",
        "MEMORY_MIB": str(memory_mib),
        "PROGRAM": "nix-instantiate" if by_directories else "nix",
    }
    body = files_function("files", "flake/", files)
    body += function("question", fed('cat >"$work/question.nix"', question + "\n"))
    return _alone("evaluate", names, _part("tree") + body)


def relock_script(files: Mapping[str, str]) -> str:
    """Complete the `flake.lock` of a flake with Nix; standard output gets its new text."""
    return _alone("relock", {}, _part("tree") + files_function("files", "flake/", files))


def unbuilt_script(derivation: str) -> str:
    """List what Nix would build and fetch for a derivation, on standard error."""
    return _alone("unbuilt", {"DERIVATION": derivation})


def _of(release: str, stack: str) -> dict[str, str]:
    """The release, and the stack that takes the lease on the host."""
    lease = {"STACK": named("stack", stack)} if stack else {}
    return {"RELEASE": named("release", release), **lease}


def _settings(policy: DeployPolicy) -> dict[str, str]:
    """The policy as variables of the scripts."""
    return {
        **({"STACK": named("stack", policy.stack)} if policy.stack else {}),
        "HOST": named("host", policy.host),
        "BOOT_LOADER": policy.loader,
        "BOOT_LIMIT": str(policy.limit),
        "AGAIN": policy.again,
        "MODE": "switch" if policy.mode == "dry" else policy.mode,
        "REBOOT": policy.restarts,
        "UNLOCKED": "yes" if policy.unlocked else "",
        "NEED_BACKUPS": "yes" if policy.need_backups else "",
    }


def _probe_lines(policy: DeployPolicy) -> str:
    """The probes as `probe.sh` reads them, one on a line."""
    lines = []
    for probe in policy.probes:
        fields = (probe.kind, probe.name, probe.target, probe.resolve)
        if any(set(text) & set(" \t\n\\") for text in fields):
            raise ScriptError(f"{probe.name}: a probe has no blanks; correct its address")
        lines.append(" ".join(text for text in fields if text))
    return "\n".join(lines)


# --- from values to text --------------------------------------------------------------------------


def _alone(part: str, names: Mapping[str, str], extra: str = "") -> str:
    """A script without the library of hosts: it may run on any machine with Nix."""
    return f"{AT_ONCE}set -euo pipefail\numask 077\n{assigned(names)}{extra}\n{_part(part)}"


@cache
def _part(name: str) -> str:
    return (resources.files("homelab.deploy") / "scripts" / f"{name}.sh").read_text("utf-8")


MOVING = _part("moving")
"""Functions for a move, which `homelab-backup` has too."""
AT_ONCE = '# shellcheck shell=bash\neval "$(cat)"\n'
"""The first line of a text for standard input. A shell reads its commands from a pipe byte by byte,
so that they may read what follows; `cat` reads the rest of the text in blocks."""


def _compose(
    part: str,
    names: Mapping[str, str],
    lock_seconds: int = LOCK_SECONDS,
    extra: str = "",
    *,
    arguments: Sequence[str] = (),
) -> str:
    """A script for the standard input of `shell`, with nothing after it."""
    return AT_ONCE + _file(part, names, lock_seconds, extra, arguments=arguments)


def _file(
    part: str,
    names: Mapping[str, str],
    lock_seconds: int = LOCK_SECONDS,
    extra: str = "",
    *,
    arguments: Sequence[str] = (),
) -> str:
    """Library, variables, body. The last line calls the body: a truncated text does nothing."""
    given = {"LOCK_SECONDS": str(lock_seconds), **names}
    return f"{_part('lib')}\n{assigned(given, arguments)}{extra}\n{_part(part)}"
