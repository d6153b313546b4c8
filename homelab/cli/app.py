"""`homelab`: show, check, render and rehearse a stack.

Every command reads `Pulumi.<stack>.yaml` in the current directory. Exit codes:
0 success, 1 problems found, 2 invalid command line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from homelab.cli.adopt import adopt_app
from homelab.cli.attic import attic_app
from homelab.cli.backups import backup_app, orphans_app, restore_app
from homelab.cli.differences import diff_app
from homelab.cli.doctor import doctor_app
from homelab.cli.evaluate import eval_app
from homelab.cli.home import home_app
from homelab.cli.hosts import hosts_app
from homelab.cli.install import host_app, install_app, passphrase
from homelab.cli.lab import HERE, Directory, Json, StackName, lab_app
from homelab.cli.leave import leave_app
from homelab.cli.metrics import metrics_app
from homelab.cli.move import move_app
from homelab.cli.pin import pin_app
from homelab.cli.problems import print_error, print_problems
from homelab.cli.secrets import secret_app
from homelab.cli.security import security_app
from homelab.cli.services import service_app
from homelab.cli.start import start_app
from homelab.cli.update import update_app
from homelab.cli.upgrade import upgrade_app
from homelab.cli.why import why_app
from homelab.problems import HomelabError, InvalidStackError, Problem, UsageError, by_cause

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A homelab from one stack config. `pulumi up` deploys it; this command inspects it.",
)
app.add_typer(start_app)
app.add_typer(upgrade_app)
app.add_typer(adopt_app, name="adopt")
app.add_typer(update_app)
app.add_typer(pin_app)
app.add_typer(leave_app)
app.add_typer(backup_app, name="backup")
app.add_typer(restore_app)
app.add_typer(orphans_app)
app.add_typer(move_app)
app.add_typer(diff_app)
app.add_typer(doctor_app)
app.add_typer(eval_app)
app.add_typer(home_app)
app.add_typer(hosts_app)
app.add_typer(install_app)
app.add_typer(host_app, name="host")
app.add_typer(security_app)
app.add_typer(why_app)
app.add_typer(metrics_app)
app.add_typer(service_app, name="service")
app.add_typer(attic_app, name="attic")
app.add_typer(secret_app, name="secret")
app.add_typer(lab_app, name="lab")


def _print_version(wanted: bool) -> None:
    """Print the version of the library, and end."""
    if wanted:
        from homelab.ops.doctor.machine import own_version

        print(f"homelab {own_version()}")
        raise typer.Exit


@app.callback()
def _of_all_commands(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Take the options before a command."""


def main() -> None:
    """Run the command line. A known error prints its message and sets the exit code."""
    from homelab.ops.project.reading import reported_files

    try:
        with reported_files():
            app()
    except HomelabError as error:
        print_error(error)
        sys.exit(error.exit_code)


@app.command()
def check(
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
    list_: Annotated[bool, typer.Option("--list", help="List checks with their reasons.")] = False,
    security: Annotated[
        bool,
        typer.Option("--security", help="Print the security baseline: the score of each host."),
    ] = False,
) -> None:
    """Print all problems of a stack, or of all stacks if none is named.

    With `--security`, print what the security baseline says about each host instead, as far as the
    stack config and the text of its modules show it. `homelab eval --security` asks Nix.
    With `--list` too, print the rules of the baseline.
    """
    if list_:
        _list_checks(security=security, as_json=as_json)
        return
    if security:
        from homelab.cli.baseline import check_baseline

        raise typer.Exit(check_baseline(cwd, stack, as_json=as_json))
    from homelab.ops.project.stack import check_stack, meant_stacks

    problems: list[Problem] = []
    for name in meant_stacks(cwd, stack):
        try:
            problems += check_stack(cwd, name)[1]
        except InvalidStackError as error:
            problems += error.problems
    errors = [p for p in problems if p.severity == "error"]
    if as_json:
        print(json.dumps([p.as_data() for p in by_cause(problems)], indent=2))
    else:
        print_problems(problems)
        if not problems:
            print("nothing is wrong")
    raise typer.Exit(1 if errors else 0)


@app.command()
def show(
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
    clients: Annotated[
        bool, typer.Option("--clients", help="Print the settings for devices, as Markdown.")
    ] = False,
    oidc: Annotated[
        bool, typer.Option("--oidc", help="Print the OpenID Connect clients, as Markdown.")
    ] = False,
    policy: Annotated[
        bool,
        typer.Option("--policy", help="Print what to add to the stack with the tailnet's policy."),
    ] = False,
) -> None:
    """Show the plan of a stack: hosts, services, names and who may reach them."""
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.stack import find_stack, open_stack
    from homelab.show import as_data, as_tables

    # A plan can be shown before its secrets exist.
    with rehearsed():
        opened = open_stack(cwd, find_stack(cwd, stack))
    if clients:
        from homelab.network.clients import guide

        print(guide(opened.plan), end="")
        return
    if oidc:
        from homelab.identity.clients import guide as oidc_guide

        print(oidc_guide(opened.plan), end="")
        return
    if policy:
        from homelab.tailnet.part import part

        print(part(opened.plan), end="")
        return
    if as_json:
        print(json.dumps(as_data(opened.plan), indent=2))
        return
    as_tables(opened.plan)


@app.command()
def reach(
    word: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|HOST|SOURCE]", help="Show only this name, host or source."),
    ] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
    why: Annotated[bool, typer.Option("--why", help="Print the reason of each answer.")] = False,
    picture: Annotated[
        bool, typer.Option("--picture", help="Print a Mermaid flow chart instead.")
    ] = False,
) -> None:
    """Show who can reach what, over which path and with which sign-in.

    It asks the plan, not the network: a stack with problems can be asked, too.
    """
    from homelab.ops.project.stack import check_stack, find_stack
    from homelab.reach.picture import as_mermaid
    from homelab.reach.plan import plan_reach
    from homelab.reach.text import as_data, as_text, chosen

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    found = plan_reach(plan)
    answers = chosen(found, word)
    if as_json:
        print(json.dumps(as_data(answers), indent=2))
    elif picture:
        print(as_mermaid(found, answers), end="")
    else:
        print(as_text(found, answers, why=why), end="")


@app.command()
def graph(
    view: Annotated[
        str,
        typer.Argument(help="machines, services, names, sign-in or backups. Default: all of them."),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Directory to write SVG files to. Default: print Mermaid."),
    ] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Draw the homelab: machines and networks, services, names, sign-in, and backups.

    Prints Mermaid flow charts, which GitHub and most editors render, or writes one SVG file for
    each view. It asks the plan, not the network.
    """
    from homelab.graph.views import pictures
    from homelab.ops.project.pictures import write_pictures
    from homelab.ops.project.stack import check_stack, find_stack

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    found = pictures(plan, view)
    if out is not None:
        for path in write_pictures(out, found):
            print(path)
        return
    from homelab.graph.mermaid import as_mermaid

    print("\n".join(as_mermaid(picture) for picture in found.values()), end="")


@app.command()
def docs(stack: StackName = None, cwd: Directory = HERE) -> None:
    """Write pages about the homelab to docs/STACK/: hosts, names, ports, backups, secrets,
    exceptions.

    `homelab check` warns once they differ from the stack.
    """
    from homelab.ops.project.pages import place_of, write_pages
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.stack import find_stack, open_stack

    name = find_stack(cwd, stack)
    # Pages have names of secrets and never a value, so no secrets file is read.
    with rehearsed():
        changed = write_pages(cwd, name, open_stack(cwd, name).plan)
    for path in changed:
        print(f"{path} written")
    if not changed:
        print(f"{place_of(cwd, name)}: nothing changed")


@app.command()
def render(
    out: Annotated[Path, typer.Option("--out", help="Directory to write to.")] = Path("out"),
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Write every host's files to OUT/<host>/, as they would be on the host.

    Removes files of an earlier run. Refuses a directory with any other files.
    """
    from homelab.ops.project.stack import find_stack, open_stack
    from homelab.ops.project.trees import write_releases

    opened = open_stack(cwd, find_stack(cwd, stack))
    trees = {**opened.releases, **opened.images}
    written = write_releases(out, trees)
    if as_json:
        print(json.dumps({h: {"release": r.id, "files": len(r.files)} for h, r in trees.items()}))
    else:
        for host, release in trees.items():
            print(f"{out / host}: {len(release.files)} files, release {release.id}")
        print(f"{written.changed} written, {written.removed} removed, the others are unchanged")


@app.command()
def bootstrap(
    host: Annotated[str, typer.Argument(help="A host with `bootstrap:` in the stack config.")],
    build: Annotated[
        bool, typer.Option("--build", help="Build the image with Nix on this machine.")
    ] = False,
    out: Annotated[
        Path, typer.Option("--out", help="Directory for its files and the image (--build).")
    ] = Path("out"),
    onto: Annotated[
        Path | None,
        typer.Option("--onto", help="Where the partition FIRMWARE of its SD card is mounted."),
    ] = None,
    wifi: Annotated[
        str, typer.Option("--wifi", help="WiFi network (--onto). Default: that of the stack.")
    ] = "",
    wifi_password_file: Annotated[
        Path | None,
        typer.Option("--wifi-password-file", help="File with its password, instead of asking."),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", help="Private host key. Default: the made one (--onto)."),
    ] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Print the steps of a new machine that starts from an image. Changes nothing.

    With --build, builds that image. With --onto, puts the SSH host key and the WiFi password on
    its SD card, for the first start: neither is in the image.
    """
    from homelab.ops.project.stack import check_stack, find_stack
    from homelab.system.steps import first_steps

    if build and onto is not None:
        raise UsageError("--build comes first, and --onto once its image is on the card; keep one")
    if onto is not None:
        from homelab.ops.install.card import write_card

        name, ask = find_stack(cwd, stack), passphrase(wifi_password_file, "Password of WiFi")
        for line in write_card(cwd, name, host, onto, key_file=key_file, ssid=wifi, password=ask):
            print(line)
        return
    if wifi or wifi_password_file is not None or key_file is not None:
        raise UsageError("--wifi, --wifi-password-file and --key-file are for --onto; add it")
    if build:
        from homelab.ops.install.image import build_image
        from homelab.ops.project.stack import open_stack

        opened = open_stack(cwd, find_stack(cwd, stack))
        print(build_image(opened, host, out, lambda line: print(line, file=sys.stderr)))
        return
    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    print(first_steps(plan, host), end="")


@app.command()
def schema(
    service: Annotated[
        bool, typer.Option("--service", help="Print that of services/NAME.yaml instead.")
    ] = False,
) -> None:
    """Print the JSON Schema of the stack file, for editors."""
    from homelab.config.schema import service_schema, stack_schema

    print(json.dumps(service_schema() if service else stack_schema(), indent=2))


@app.command()
def lock(
    stack: StackName = None,
    cwd: Directory = HERE,
    move: Annotated[
        list[str] | None,
        typer.Option(
            "--move", metavar="NAME…", help="Service or dataset that has moved on purpose."
        ),
    ] = None,
    rotate: Annotated[
        list[str] | None,
        typer.Option(
            "--rotate", metavar="NAME…", help="Service with a new epoch on purpose, or `namespace`."
        ),
    ] = None,
) -> None:
    """Write the stack's lock file, which records placements, ports and paths."""
    from homelab.ops.project.files import write_lock
    from homelab.ops.project.stack import find_stack

    for line in write_lock(cwd, find_stack(cwd, stack), tuple(move or ()), tuple(rotate or ())):
        print(line)


@app.command()
def sops(
    stack: StackName = None,
    cwd: Directory = HERE,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to write; prints the lines that change."),
    ] = None,
) -> None:
    """Print .sops.yaml, with the age recipients of each file made from the hosts' SSH keys.

    With `--out .sops.yaml` it writes the file, unless there are problems.
    """
    from homelab.ops.project.files import write_sops_rules
    from homelab.ops.project.stack import check_stack, find_stack
    from homelab.secrets.recipients import sops_yaml

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    if not plan.stack.secrets.operators:
        # Standard output may be redirected to the file, so the warning goes to standard error.
        warning = Problem(
            "secrets.operators",
            f"there are no operators, so {plan.stack.secrets.file} has no rule, and no person can "
            "edit a host's file",
            "add operators: [age1…], as age-keygen prints it",
            severity="warning",
        )
        print_problems([warning], out=sys.stderr)
    if out is None:
        print(sops_yaml(plan), end="")
        return
    for line in write_sops_rules(out, plan):
        print(line)


def _list_checks(*, security: bool, as_json: bool) -> None:
    from homelab.checks import every_rule
    from homelab.policy.baseline import BASELINE

    if security:
        rows = [{"id": r.id, "required": r.required, "why": r.why} for r in BASELINE]
    else:
        rows = [{"id": r.id, "severity": r.severity, "why": r.why} for r in every_rule()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        kind = row.get("severity") or ("required" if row["required"] else "recommended")
        print(f"{row['id']} ({kind})\n    {row['why']}")
