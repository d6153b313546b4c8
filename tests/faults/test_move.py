"""A service moves between two machines, and the power of either is cut."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.faults.machine import eventually
from tests.faults.mover import Pair

pytestmark = pytest.mark.requirement("S0-77")
_PAGE = "http://127.0.0.1:8080/wiki?name=Page"


def shows(pair: Pair, text: str) -> None:
    """Wait until the app on the new machine answers with this text."""
    ask = f"curl -s --max-time 10 '{_PAGE}' || echo no answer"
    eventually(lambda: text in pair.target.run(ask), f"the page has {text}", 20)


def carry_out(pair: Pair, name: str) -> list[str]:
    """Everything before the stack file is written."""
    command = pair.command(name)
    asyncio.run(command._carried(command.move))
    return command.said


def finish(pair: Pair, name: str) -> None:
    asyncio.run(pair.command(name)._finished("pi", "nas"))


def test_a_moved_app_answers_with_its_data_on_the_other_machine(pair: Pair) -> None:
    source, target = pair.saver.machine, pair.target
    pair.saver.write("old data")
    # The users of the two machines have other numbers.
    target.run("usermod -u 4321 notes; groupmod -g 4321 notes")
    with pytest.raises(AssertionError, match="dependency"):
        target.run(
            "systemctl start notes 2>&1 || journalctl -b -o cat -u notes; systemctl start notes"
        )
    said = carry_out(pair, "notes")
    assert any("are the same on both hosts" in line for line in said), said
    assert not source.is_active("notes.service")
    pair.up("notes")
    shows(pair, "old data")
    owner = target.run("stat -c %U:%G:%u /var/lib/notes/notes.fossil").strip()
    assert owner == "notes:notes:4321"
    finish(pair, "notes")
    assert source.run("ls /var/lib/notes").split() == ["notes.fossil"]
    assert "files" not in target.run("ls /var/lib/homelab/arrivals/notes").split()
    target.reboot()
    shows(pair, "old data")


def test_a_held_service_stays_stopped_over_a_reboot_and_undo_starts_it(pair: Pair) -> None:
    pair.saver.write("old data")
    carry_out(pair, "notes")
    pair.saver.machine.reboot()
    assert not pair.saver.machine.is_active("notes.service")
    assert not pair.saver.machine.run("systemctl --failed --plain --no-legend").strip()
    asyncio.run(pair.command("notes")._undone("pi", "nas"))
    pair.saver.shows("old data")
    pair.saver.machine.reboot()
    pair.saver.shows("old data")


def test_a_postgresql_database_moves_with_its_rows(pair: Pair) -> None:
    source, target = pair.saver.machine, pair.target
    psql = "cd /; runuser -u postgres -- psql -X -q -A -t -v ON_ERROR_STOP=1"
    for machine in (source, target):
        machine.run("systemctl start postgresql")
        machine.run(f"{psql} -c 'CREATE ROLE shop LOGIN'")
        # As the module of a service makes it.
        machine.run(f"{psql} -c 'CREATE DATABASE shop OWNER shop'")
    source.run(
        "systemctl start shop; ln -s ../postgresql.service ../shop.service "
        "/usr/local/lib/systemd/system/multi-user.target.wants/"
    )
    pair.saver.sql("SET ROLE shop; CREATE TABLE orders (what text)")
    pair.saver.sql("INSERT INTO orders SELECT 'order ' || n FROM generate_series(1, 1000) n")
    assert "pi: dumping the database shop" in carry_out(pair, "shop")
    pair.up("shop")
    answer = target.run(f"{psql} -d shop -c 'SELECT count(*), min(what) FROM orders'").strip()
    assert answer == "1000|order 1"
    assert target.run(f"{psql} -d shop -c '\\dt'").strip() == "public|orders|table|shop"
    assert pair.saver.sql("SELECT count(*) FROM orders") == "1000"


def test_a_mariadb_database_moves_with_its_rows(pair: Pair) -> None:
    for machine in (pair.saver.machine, pair.target):
        machine.run("systemctl start mysql; mysql -e 'CREATE DATABASE forum'")
    pair.saver.machine.run("systemctl start forum")
    pair.saver.mysql("CREATE TABLE post (text varchar(40)); INSERT INTO post VALUES ('old data')")
    carry_out(pair, "forum")
    pair.up("forum")
    assert pair.target.run("mysql -N -B forum -e 'SELECT text FROM post'").strip() == "old data"


def test_rows_that_are_missing_keep_the_service_from_starting(pair: Pair) -> None:
    for machine in (pair.saver.machine, pair.target):
        machine.run("systemctl start mysql; mysql -e 'CREATE DATABASE forum'")
    pair.saver.mysql("CREATE TABLE post (text varchar(40)); INSERT INTO post VALUES ('old data')")
    carry_out(pair, "forum")
    pair.target.run("echo 'post 2' >/var/lib/homelab/arrivals/forum/rows/mysql-forum")
    with pytest.raises(AssertionError, match="dependency"):
        pair.up("forum")
    log = pair.target.run("journalctl -b -o cat -u homelab-arrive-forum")
    assert "forum does not have the rows that it had on pi" in log
    assert pair.saver.mysql("SELECT text FROM post") == "old data"


@pytest.mark.parametrize("which", ["old", "new"])
def test_after_a_power_cut_at_any_step_of_the_copy_the_move_goes_on(pair: Pair, which: str) -> None:
    pair.saver.write("old data")
    machine = pair.saver.machine if which == "old" else pair.target
    steps = []
    for number in itertools.count(1):
        step = pair.cut_at(machine, number, "^(mv|systemctl|tar)", lambda: carry_out(pair, "notes"))
        if not step:
            break
        steps.append(step)
        held = pair.saver.machine.run("ls /var/lib/homelab/departures/*/held 2>/dev/null || true")
        if not held:
            pair.saver.shows("old data")
        else:
            assert not pair.saver.machine.is_active("notes.service")
    assert len([s for s in steps if s.startswith("mv")]) >= 2, steps
    pair.up("notes")
    shows(pair, "old data")


def test_after_a_power_cut_while_the_data_is_put_in_place_the_app_has_it(pair: Pair) -> None:
    pair.saver.write("old data")
    carry_out(pair, "notes")
    wants = "/usr/local/lib/systemd/system/multi-user.target.wants"
    pair.target.run(f"ln -sf ../notes.service {wants}/")
    arrival = "/var/lib/homelab/arrivals/notes"
    pair.target.run(f"cp -a {arrival} /root/ready; sync")
    steps = []
    for number in itertools.count(1):
        pair.target.run(f"""
          systemctl stop notes
          rm -rf {arrival} /var/lib/notes
          cp -a /root/ready {arrival}
        """)
        step = pair.cut_at(
            pair.target, number, "^mv", lambda: pair.target.run("systemctl start notes")
        )
        if not step:
            break
        steps.append(step)
        shows(pair, "old data")
    assert len([s for s in steps if s.startswith("mv -nT")]) >= 1, steps
    assert len(steps) >= 4, steps
    shows(pair, "old data")
