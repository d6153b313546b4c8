"""Databases of a host's servers: restores, undo, and power cuts while a dump is loaded."""

from __future__ import annotations

import pytest

from tests.faults.saver import Saver
from tests.faults.test_restore_power import cut_at

pytestmark = pytest.mark.requirement("S0-36")


@pytest.fixture
def shop(saver: Saver) -> Saver:
    """With a PostgreSQL that has been dumped and backed up."""
    machine = saver.machine
    saver.start("postgresql.service")
    saver.start("shop.service")
    machine.run("cd /; runuser -u postgres -- psql -X -q -c 'CREATE ROLE shop LOGIN'")
    machine.run("cd /; runuser -u postgres -- psql -X -q -c 'CREATE DATABASE shop OWNER shop'")
    saver.sql("CREATE TABLE orders (what text); INSERT INTO orders VALUES ('old data')")
    saver.start("postgresqlBackup-shop.service")
    saver.save("shop")
    saver.sql("UPDATE orders SET what = 'new data'")
    return saver


@pytest.fixture
def forum(saver: Saver) -> Saver:
    """With a MariaDB that has been backed up."""
    saver.start("mysql.service")
    saver.start("forum.service")
    saver.machine.run("mysql -e 'CREATE DATABASE forum'")
    saver.mysql("CREATE TABLE post (text varchar(40)); INSERT INTO post VALUES ('old data')")
    saver.mysql("CREATE VIEW first AS SELECT * FROM post LIMIT 1")
    saver.mysql(
        "CREATE TRIGGER cut BEFORE INSERT ON post FOR EACH ROW SET NEW.text = TRIM(NEW.text)"
    )
    saver.save("forum")
    saver.mysql("UPDATE post SET text = 'new data'; CREATE TABLE later (number int)")
    return saver


def test_a_postgresql_database_is_restored_on_a_machine_and_goes_back(shop: Saver) -> None:
    assert "shop_before_" in shop.backup("in-place", "shop", "disk", "latest")
    assert shop.sql("SELECT what FROM orders") == "old data"
    shop.backup("undo", "shop")
    assert shop.sql("SELECT what FROM orders") == "new data"
    assert "shop has 1 tables" in shop.backup("drill", "shop", "disk")


def test_a_power_cut_while_a_postgresql_dump_loads_leaves_the_data_from_before(shop: Saver) -> None:
    wants = "/usr/local/lib/systemd/system/multi-user.target.wants"
    shop.machine.run(f"ln -s ../postgresql.service ../shop.service {wants}/; sync")
    # It looks, renames the present database, and loads the dump.
    for number in (2, 3):
        assert cut_at(shop, number, "^runuser", "homelab-backup in-place shop disk latest")
        assert shop.sql("SELECT what FROM orders") == "new data"
    assert not cut_at(shop, 9, "^runuser", "homelab-backup in-place shop disk latest")
    assert shop.sql("SELECT what FROM orders") == "old data"


def test_a_mariadb_database_comes_from_its_dump_and_goes_back(forum: Saver) -> None:
    assert "forum loads, with 1 rows in 1 tables" in forum.backup("drill", "forum", "disk")
    restored = forum.backup("in-place", "forum", "disk", "latest")
    assert "/kept/mysql-forum.sql" in restored
    assert forum.mysql("SELECT text FROM first") == "old data"
    assert "later" not in forum.mysql("SHOW TABLES")
    forum.mysql("INSERT INTO post VALUES ('  since ')")
    assert "since" in forum.mysql("SELECT text FROM post").split("\n")
    forum.backup("undo", "forum")
    assert forum.mysql("SELECT text FROM first") == "new data"
    assert "later" in forum.mysql("SHOW TABLES")
    assert "since" in forum.machine.run(
        "cat /var/lib/homelab/restores/forum-*/undone/mysql-forum.sql"
    )


def test_a_mariadb_dump_that_was_cut_off_changes_nothing(forum: Saver) -> None:
    forum.machine.run("""
      rm /packages/pkgs/mysql/bin
      mkdir /packages/pkgs/mysql/bin
      printf '#!/bin/bash\n/usr/bin/mysqldump "$@" | head -n 20\n' >/packages/pkgs/mysql/bin/mysqldump
      chmod +x /packages/pkgs/mysql/bin/mysqldump
    """)
    forum.save("forum")
    assert "is cut off" in forum.refused("in-place", "forum", "disk", "latest")
    assert "is cut off" in forum.refused("drill", "forum", "disk")
    assert forum.mysql("SELECT text FROM post") == "new data"


def test_a_power_cut_while_a_mariadb_dump_loads_leaves_the_data_from_before(forum: Saver) -> None:
    wants = "/usr/local/lib/systemd/system/multi-user.target.wants"
    forum.machine.run(f"ln -s ../mysql.service ../forum.service {wants}/; sync")
    # It looks, dumps the present database, drops it, and loads the dump.
    for number in (2, 3, 4):
        assert cut_at(forum, number, "^mysql", "homelab-backup in-place forum disk latest")
        assert forum.mysql("SELECT text FROM post") == "new data"
    assert not cut_at(forum, 9, "^mysql", "homelab-backup in-place forum disk latest")
    assert forum.mysql("SELECT text FROM post") == "old data"
