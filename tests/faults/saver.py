"""The machine `pi` with backups: the units of `backup.nix`, an app, and databases.

The jobs are planned from a stack, and the libraries of `backup.nix` make their units. What nixpkgs
adds to them is here: the commands of its restic module.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from homelab.backup.restic import COMMAND, modules
from homelab.plan import Plan
from tests import build
from tests.faults.house import House
from tests.faults.machine import Machine, eventually
from tests.faults.network import run
from tests.programs import units
from tests.tools.libraries import evaluated

DISKS = {"mnt/disk": "96M", "srv/photos": "32M"}
"""Disks of the machine besides those of every machine: one holds the repositories."""
PACKAGES = Path("/packages")
"""Where the store of the machine is."""
_UNITS = "usr/local/lib/systemd/system"
_PAGE = "http://127.0.0.1:8080/wiki?name=Page"
_GATES = "/usr/local/lib/gates"

# Stops before the command with this number among those that the test counts, so that the test can
# cut the power between two steps.
_GATE = """\
#!/bin/bash
line="${0##*/} $*"
if [ -e /run/gate ] && [[ $line =~ $(cat /run/gate.counts) ]]; then
  exec {lock}>/run/gate.lock
  flock "$lock"
  count=$(($(cat /run/gate.count 2>/dev/null || echo 0) + 1))
  echo "$count" >/run/gate.count
  exec {lock}>&-
  if [ "$count" = "$(cat /run/gate)" ]; then
    echo "$line" >/run/gate.reached.new
    /usr/bin/mv /run/gate.reached.new /run/gate.reached
    sleep infinity
  fi
fi
PATH=${PATH//"${0%/*}:"/}
exec "${0##*/}" "$@"
"""
GATED = ("mv", "mysql", "mysqldump", "restic", "runuser", "systemctl", "tar")
"""Programs that a test can stop at."""


def app(name: str, port: int | None, dump: Mapping[str, str]) -> dict[str, object]:
    """A service of the stack with one database. Without a port, nothing asks whether it answers."""
    asked = {} if port is None else {"port": port, "audience": "family"}
    return {
        **asked,
        "host": "pi",
        "flake": {"input": "apps", "unit": name},
        "state": [f"/var/lib/{name}"],
        "backup": {"dump": [dump]},
    }


STACK: dict[str, object] = {
    "hosts": {
        "pi": {
            "platform": "x86_64-linux",
            "role": None,
            "address": {"lan": "192.168.1.225", "tailnet": "100.100.71.3"},
        },
        "nas": {"address": {"lan": "192.168.1.2", "tailnet": "100.100.71.2"}},
    },
    "flakes": {"apps": {"url": "github:example/apps"}},
    "datasets": {
        "photos": {"host": "pi", "path": "/srv/photos", "mount": "/srv/photos", "tier": "user"}
    },
    "services": {
        "notes": app("notes", 8080, {"sqlite": "/var/lib/notes/notes.fossil"}),
        "shop": app("shop", None, {"postgresql": "shop"}),
        "forum": app("forum", None, {"mysql": "forum"}),
    },
    "backup": {
        "targets": {
            "disk": {"kind": "local", "host": "pi", "path": "/mnt/disk/restic"},
            "usb": {"kind": "sftp", "host": "nas", "path": "/mnt/usb/restic"},
        }
    },
}


@cache
def planned() -> Plan:
    """The plan of the machine's stack."""
    return build.plan(STACK)


@cache
def rendered(host: str) -> Mapping[str, Any]:
    """The options that the libraries of `backup.nix` set on a host."""
    return options_of(planned(), host)


def options_of(plan: Plan, host: str) -> Mapping[str, Any]:
    """The same of another plan."""
    return evaluated(modules(plan, plan.hosts[host]), PACKAGES)


def equip(machine: Machine, made: Mapping[str, Any] | None = None) -> None:
    """Install the release with backups, and an empty app, on a machine that is off."""
    root = machine.root
    for path, text in _files(rendered("pi") if made is None else made):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if ".requires/" in path:
            file.symlink_to(text)
            continue
        file.write_text(text)
        if text.startswith("#!"):
            file.chmod(0o755)
    packages = root / "packages/pkgs"
    for name in ("sqlite", "util-linux", "mysql", "podman"):
        (packages / name).mkdir(parents=True, exist_ok=True)
        (packages / name / "bin").symlink_to("/usr/bin")
    (root / "usr/bin/homelab-backup").symlink_to("/packages/pkgs/homelab-backup/bin/homelab-backup")
    # Debian's own units of PostgreSQL.
    (root / "usr/lib/systemd/system-generators/postgresql-generator").unlink()
    wants = root / _UNITS / "multi-user.target.wants"
    wants.mkdir()
    for name in ("notes.service", "homelab-restore-resume.service"):
        (wants / name).symlink_to(f"../{name}")
    for name in GATED:
        (root / _GATES[1:] / name).symlink_to("gate")
    secrets = root / "run/homelab/secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    script = """
      useradd --system --home-dir /var/lib/notes notes
      install -d -o notes -g notes -m 0700 /var/lib/notes
      install -d /var/lib/shop /var/lib/forum /var/backup
      install -d -o postgres /var/backup/postgresql
      cd /tmp
      fossil init --admin-user notes /var/lib/notes/notes.fossil >/dev/null
      chown -R notes: /var/lib/notes
    """
    run("chroot", root, "env", "HOME=/tmp", "bash", "-euc", script)
    machine.sync()


class Saver:
    """What a test does with the machine's backups."""

    def __init__(self, house: House) -> None:
        assert isinstance(house.machine, Machine)
        self.house, self.machine = house, house.machine

    def on_new_machine(self) -> None:
        """Replace the machine by a new one of the same name, with the disk of the repositories."""
        old = self.machine
        old.run("sync")
        old.cut_power()
        new = Machine(
            f"{old.name}-new",
            old.image,
            old.directory.with_name(f"{old.directory.name}-new"),
            old.laptop,
            DISKS,
        )
        new.take_disk("mnt/disk", old)
        equip(new)
        run("rm", "-r", new.root / "var/lib/notes")
        new.sync()
        old.remove()
        self.machine = self.house.machine = new
        new.boot()

    # --- the app ---------------------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Replace the page of the app."""
        self.machine.run(
            f"cd /tmp && printf %s {shlex.quote(text)} >/tmp/page && export HOME=/tmp && "
            "if ! runuser -u notes -- fossil wiki create Page /tmp/page -R /var/lib/notes/notes.fossil; then "
            "runuser -u notes -- fossil wiki commit Page /tmp/page -R /var/lib/notes/notes.fossil; fi"
        )

    def answers(self) -> str:
        """The page of the app over HTTP, or what is wrong."""
        return self.machine.run(f"curl -s --max-time 10 '{_PAGE}' || echo no answer")

    def shows(self, text: str) -> None:
        """Wait until the app answers with this text on its page."""
        eventually(lambda: text in self.answers(), f"the page has {text}: {self.answers()}", 20)

    def sql(self, text: str) -> str:
        """The answer of the machine's PostgreSQL, in the database of `shop`."""
        client = "runuser -u postgres -- psql -X -q -A -t -v ON_ERROR_STOP=1"
        return self.machine.run(f"cd /; {client} -d shop -c {shlex.quote(text)}").strip()

    def mysql(self, text: str) -> str:
        """The answer of the machine's MariaDB, in the database of `forum`."""
        return self.machine.run(f"mysql -N -B forum -e {shlex.quote(text)}").strip()

    # --- backups ---------------------------------------------------------------------------------

    def save(self, job: str, target: str = "disk", days_ago: int = 0) -> str:
        """Run the unit of a job to its end; its journal. Raises AssertionError if it fails.

        The snapshot can have an earlier time.
        """
        time = f"date -d '{days_ago} days ago' +'RESTIC_TIME=\"%F %T\"'"
        self.machine.run(f"{time} >/run/restic-time" if days_ago else "rm -f /run/restic-time")
        return self.start(f"restic-backups-{job}-{target}.service")

    def start(self, unit: str) -> str:
        """Start a unit; its journal. Raises AssertionError with the journal if it fails."""
        try:
            self.machine.run(f"systemctl start {unit}", seconds=120)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.journal(unit)}") from error
        return self.journal(unit)

    def journal(self, unit: str) -> str:
        """What a unit printed since the boot."""
        return self.machine.run(f"journalctl -b -o cat -u {unit} --no-pager")

    def backup(self, *words: str, seconds: float = 120) -> str:
        """Run `homelab-backup`; its output. Raises AssertionError if it fails."""
        return self.machine.run(f"homelab-backup {shlex.join(words)} 2>&1", seconds=seconds)

    def refused(self, *words: str) -> str:
        """The output of a `homelab-backup` that must fail."""
        return self.machine.run(f"! homelab-backup {shlex.join(words)} 2>&1", seconds=120)


def _files(made: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Files of the machine's release and of its store, by path."""
    for name, unit in made["systemd"]["services"].items():
        if name.startswith("homelab-arrive-"):
            yield f"{_UNITS}/{name}.service", units.text("service", name, unit, PACKAGES)
            for user in unit["requiredBy"]:
                # As NixOS installs a unit that another one requires.
                yield f"{_UNITS}/{user}.requires/{name}.service", f"../{name}.service"
        if name.startswith("restic-backups-"):
            job = name.removeprefix("restic-backups-")
            yield from _restic(job, unit, made["services"]["restic"]["backups"][job])
    resume = made["systemd"]["services"]["homelab-restore-resume"]
    yield (
        f"{_UNITS}/homelab-restore-resume.service",
        units.text("service", "resume", resume, PACKAGES),
    )
    yield from ((f"{_UNITS}/{name}", text) for name, text in _OWN_UNITS.items())
    yield "etc/homelab/backup.json", made["environment"]["etc"]["homelab/backup.json"]["text"]
    yield "packages/pkgs/homelab-backup/bin/homelab-backup", f"{_HEAD}{COMMAND[1]}"
    yield f"{_GATES[1:]}/gate", _GATE
    yield "etc/tmpfiles.d/secrets.conf", "C /run/homelab - - - - /etc/secrets\n"
    for target in ("disk", "usb"):
        yield f"etc/secrets/secrets/restic-{target}", f"password of {target}\n"


_HEAD = f"""\
#!/bin/bash
export PATH={_GATES}:/run/current-system/sw/bin:$PATH
export PATH=$PATH:/usr/lib/postgresql/15/bin
export HOMELAB_SETTLE_SECONDS=0.2
"""

_SLEEPS = "[Service]\nExecStart=/bin/sleep infinity\n"
_OWN_UNITS = {
    "notes.service": """\
[Service]
User=notes
WorkingDirectory=/var/lib/notes
Environment=HOME=/var/lib/notes
ExecStart=/usr/bin/fossil server --port 8080 --localhost /var/lib/notes/notes.fossil
Restart=on-failure

[Install]
WantedBy=multi-user.target
""",
    "shop.service": _SLEEPS,
    "forum.service": _SLEEPS,
    "postgresql.service": """\
[Service]
Type=notify
User=postgres
RuntimeDirectory=postgresql
ExecStart=/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main \
  -c config_file=/etc/postgresql/15/main/postgresql.conf
""",
    # As nixpkgs dumps a database.
    "postgresqlBackup-shop.service": """\
[Service]
Type=oneshot
User=postgres
ExecStart=/bin/sh -c 'umask 077; cd /var/backup/postgresql; pg_dump -C shop | gzip -c >new && mv new shop.sql.gz'
""",
    "mysql.service": """\
[Service]
Type=notify
RuntimeDirectory=mysqld
User=mysql
ExecStart=/usr/sbin/mariadbd --skip-networking --innodb-log-file-size=4M
""",
    "mnt-disk.mount": "[Mount]\nWhat=/dev/disk/by-label/disk\nWhere=/mnt/disk\nType=ext4\n",
}


def files_of_job(made: Mapping[str, Any], job: str) -> Iterator[tuple[str, str]]:
    """Files of one more job, from what the libraries made."""
    unit = made["systemd"]["services"][f"restic-backups-{job}"]
    yield from _restic(job, unit, made["services"]["restic"]["backups"][job])
    yield "etc/homelab/backup.json", made["environment"]["etc"]["homelab/backup.json"]["text"]


def _restic(
    name: str, unit: Mapping[str, Any], backup: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """The unit of a job, and its program `restic-<job>`, as the restic module of nixpkgs makes them."""
    options = " ".join(f"-o {option}" for option in backup.get("extraOptions", ()))
    variables = {
        "RESTIC_REPOSITORY": backup["repository"],
        "RESTIC_PASSWORD_FILE": backup["passwordFile"],
        "RESTIC_CACHE_DIR": f"/var/cache/restic-backups-{name}",
    }
    exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in variables.items())
    yield f"usr/bin/restic-{name}", f'#!/bin/bash\n{exports}exec restic {options} "$@"\n'
    restic = f"restic {options}".strip()
    paths, prepare, cleanup, exclude = (
        f"packages/{name}-{what}" for what in ("paths", "prepare", "cleanup", "exclude")
    )
    yield paths, "".join(f"{path}\n" for path in backup["paths"])
    yield exclude, "".join(f"{pattern}\n" for pattern in backup.get("exclude", ()))
    for path, key in ((prepare, "backupPrepareCommand"), (cleanup, "backupCleanupCommand")):
        # The shell of NixOS is bash.
        yield path, backup.get(key, "#!/bin/sh\n").replace("#!/bin/sh", "#!/bin/bash")
    first = f"{restic} cat config >/dev/null || {restic} init\n" if backup["initialize"] else ""
    yield f"packages/{name}-start", f"#!/bin/bash\nset -e\n/{prepare}\n{first}"
    backup_script = (
        f'#!/bin/bash\nexec {restic} backup ${{RESTIC_TIME:+--time "$RESTIC_TIME"}} \\\n'
        f"  --exclude-file=/{exclude} --files-from=/{paths}\n"
    )
    yield f"packages/{name}-backup", backup_script
    forget = f"{restic} forget --prune {' '.join(backup['pruneOpts'])}"
    service = {
        "Type": "oneshot",
        "Environment": [
            f"PATH={_GATES}:/usr/bin:/usr/sbin",
            *(f'"{key}={value}"' for key, value in variables.items()),
        ],
        # A test may set the time of a snapshot.
        "EnvironmentFile": "-/run/restic-time",
        "CacheDirectory": f"restic-backups-{name}",
        "CacheDirectoryMode": "0700",
        "ExecStartPre": f"/packages/{name}-start",
        "ExecStart": [
            *([f"/packages/{name}-backup"] if backup["paths"] else ()),
            f"/usr/bin/env {restic} unlock",
            f"/usr/bin/env {forget}",
        ],
        "ExecStopPost": f"/{cleanup}",
        **unit["serviceConfig"],
    }
    text = units.text("service", name, {**unit, "serviceConfig": service}, Path("/nonexistent"))
    yield f"{_UNITS}/restic-backups-{name}.service", text


def described() -> Mapping[str, Any]:
    """The jobs as `homelab-backup` reads them."""
    found: Mapping[str, Any] = json.loads(
        rendered("pi")["environment"]["etc"]["homelab/backup.json"]["text"]
    )
    return found
