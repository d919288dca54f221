"""Control goes away and comes back while a client watches: it goes on from the zones in its store,
or with tables of another size, and no answer is wrong or missing.
"""

import contextlib
import os
import re
import sqlite3
import time
from pathlib import Path

import pytest
from answer_zone import ORIGIN, ZONES
from holdfast_node import ADDRESSES, Check, needs_programs, until
from watch import PLAN, Watch, report

pytestmark = needs_programs

NAMES = int(os.environ.get("HOLDFAST_NAMES", "50000"))
LARGE = "large.test"
LARGE_ZONE = ("$ORIGIN large.test.\n$TTL 60\n@ SOA ns.example.net. h.example.net. 1 2 3 4 5\n"
              "@ NS ns.example.net.\n" + "".join(
                  f"n{n} A 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n" for n in range(NAMES)))
LAST = {f"n{NAMES - 1}.{LARGE}": [["10." + ".".join(
    str(NAMES - 1 >> shift & 255) for shift in (16, 8, 0))]]}


@pytest.fixture(name="node")
def fixture_node(make_one):
    checks = [Check("up", make_one.endpoint(mode="pass"), fall=40),
              Check("down", make_one.endpoint(mode="fail"), fall=2)]
    return make_one.node(ZONES, checks)


def watch_node(node, **plan):
    return Watch(ADDRESSES[0], node.port, {**PLAN, **plan})


def restart_control(node):
    """@return seconds until it works again."""
    began, before = time.monotonic(), node.kill("control")

    def ready():
        with contextlib.suppress(OSError, ValueError):
            return node.status()["pid"] != before
    until(ready, seconds=120)
    return time.monotonic() - began


def database(node):
    return contextlib.closing(sqlite3.connect(node.folder / "state" / "holdfast.db"))


def stored(node):
    with database(node) as store:
        return store.execute("SELECT count(*) FROM parsed_zone").fetchone()[0]


def loads(node):
    """(zones taken from the store, zones parsed) of each load."""
    return [(int(taken), int(parsed)) for taken, parsed in re.findall(
        r"zones: (\d+) taken from the store, (\d+) parsed", node.log())]


def models(node):
    return {zone["origin"]: zone["model"] for zone in node.status()["zones"]}


def test_B2_a_restart_parses_only_what_has_changed(node):
    node.put_zone(LARGE, LARGE_ZONE)
    node.write_config(f"{max(16, NAMES // 8000 * 2)}M")
    node.start()
    node.await_checks(up="healthy", down="unhealthy")
    until(lambda: stored(node) == 3, seconds=60)
    generation = node.status()["generation"]
    assert loads(node) == [(0, 3)]
    with watch_node(node, **LAST) as watch:
        watch.mark("before", 1)
        watch.mark("killed")
        took = [restart_control(node) for _ in range(3)]
    assert loads(node)[1:] == [(3, 0)] * 3
    assert set(models(node).values()) == {"stored"}
    assert node.status()["generation"] == generation
    assert watch.total("lost") == 0

    node.put_zone(LARGE, LARGE_ZONE + "more A 192.0.2.7\n")
    restart_control(node)
    assert loads(node)[-1] == (2, 1)
    assert models(node)[f"{LARGE}."] == "parsed"
    assert node.addresses(f"more.{LARGE}") == ["192.0.2.7"]
    report("B2-stored", round(max(took), 2), "s", f"until control is ready with {NAMES} names")


def test_zones_that_leave_the_configuration_leave_the_store(node):
    node.put_zone("more.test", "$ORIGIN more.test.\n@ 60 SOA ns.example.net. h.example.net. 1 2 3 "
                  "4 5\n@ 60 NS ns.example.net.\n")
    node.write_config()
    node.start()
    until(lambda: stored(node) == 3)
    del node.zones["more.test"]
    node.write_config()
    node.call("reload")
    until(lambda: stored(node) == 2)
    assert loads(node) == [(0, 3), (2, 0)]


def test_a_stored_zone_that_is_damaged_is_parsed_again(node):
    node.start()
    until(lambda: stored(node) == 2)
    with database(node) as store:
        for origin, content in store.execute("SELECT origin, content FROM parsed_zone").fetchall():
            octets = bytearray(content)
            octets[len(octets) // 2] ^= 1
            store.execute("UPDATE parsed_zone SET content = ? WHERE origin = ?",
                          (bytes(octets), origin))
        store.commit()
    with watch_node(node):
        restart_control(node)
        assert loads(node)[-1] == (0, 2)
        until(lambda: stored(node) == 2)
        time.sleep(0.5)
    restart_control(node)
    assert loads(node)[-1] == (2, 0)


def test_a_zone_that_a_command_loaded_outlives_a_restart(node):
    node.start()
    file = node.folder / "other.zone"
    file.write_text("$ORIGIN short.test.\n$TTL 60\n@ SOA ns.example.net. h.example.net. 9 2 3 4 5\n"
                    "@ NS ns.example.net.\nby-command A 192.0.2.9\n")
    node.call("zone", "load", "short.test", str(file))
    file.unlink()
    node.call("zone", "drop", ORIGIN)
    until(lambda: stored(node) == 2)
    restart_control(node)
    assert loads(node)[-1] == (2, 0)  # of the configuration, below what the commands did
    assert node.addresses("by-command.short.test") == ["192.0.2.9"]
    assert models(node) == {"short.test.": "stored"}


def test_a_restart_takes_another_size_of_the_tables(node):
    node.start()
    node.await_checks(up="healthy", down="unhealthy")
    mapped = Path(f"/proc/{node.pid('sockets')}/maps")
    before = node.status()
    assert before["tables"]["total_octets"] <= 8 << 20
    with watch_node(node) as watch:
        watch.mark("before", 1)
        node.write_config("16M")
        refused = node.call("reload", status=1).stderr
        assert "[tables] size cannot change at a reload; end holdfast-control" in refused
        watch.mark("restart")
        restart_control(node)
        after = node.status()
        assert 8 << 20 < after["tables"]["total_octets"] <= 16 << 20
        assert after["tables"]["path"] != before["tables"]["path"]
        assert after["generation"] == before["generation"] + 1
        watch.mark("after")
        until(lambda: before["tables"]["path"] not in mapped.read_text())
        assert not Path(before["tables"]["path"]).exists()
        restart_control(node)
        watch.mark("again", 0.5)
    assert ": whole" in node.call("tables", "verify").stdout
    assert watch.total("lost") == 0
    assert node.status()["tables"]["path"] == after["tables"]["path"]
    node.call("reload")
    report("tables-size", watch.figures["restart"]["longest_ms"], "ms",
           f"longest silence, {watch.figures['before']['longest_ms']} ms before")


def test_a_restart_moves_the_tables_where_the_node_file_asks_for(node):
    node.start()
    node.await_checks(up="healthy", down="unhealthy")
    before = node.status()
    other = node.folder / "elsewhere"
    other.mkdir()
    text = node.config.read_text()
    node.config.write_text(text.replace(f'directory = "{node.folder}"', f'directory = "{other}"'))
    assert "[tables] is not what this node was started with" in node.call("reload").stderr
    restart_control(node)
    after = node.status()
    assert Path(after["tables"]["path"]).parent == other
    assert not Path(before["tables"]["path"]).exists()
    assert after["generation"] == before["generation"] + 1
    assert {one["id"]: one["state"] for one in after["checks"]} == {
        "up": "healthy", "down": "unhealthy"}
    node.config.write_text(text.replace(f'directory = "{node.folder}"',
                                        f'directory = "{node.folder}/none"'))
    restart_control(node)  # cannot be: it says so and stays
    assert node.status()["tables"]["path"] == after["tables"]["path"]
    assert f"warning: the tables stay {after['tables']['path']} and not as [tables] asks" in \
        node.log() and f"{node.folder}/none: No such file" in node.log()


@pytest.mark.skipif(os.geteuid() != 0, reason="a reader has another user only under root")
def test_a_place_that_readers_cannot_enter_is_not_moved_to(node):
    node.start()
    before = node.status()
    closed = node.folder / "closed"
    closed.mkdir(mode=0o700)
    text = node.config.read_text()
    node.config.write_text(text.replace(f'directory = "{node.folder}"', f'directory = "{closed}"'))
    with watch_node(node) as watch:
        watch.mark("restart")
        restart_control(node)
        watch.mark("after", 0.5)
    assert watch.total("lost") == 0
    assert node.status()["tables"]["path"] == before["tables"]["path"]
    assert not list(closed.iterdir())
    assert re.search(f"the tables stay {before['tables']['path']} .*: reader sockets.* "
                     rf"\(pid {node.pid('sockets')}\) cannot map the new ones; "
                     f"it must be able to enter {closed}", node.log())
    closed.chmod(0o755)
    restart_control(node)
    assert Path(node.status()["tables"]["path"]).parent == closed
    assert not Path(before["tables"]["path"]).exists()


def test_a_size_that_does_not_hold_the_zones_is_not_taken(make_one):
    node = make_one.node({LARGE: (LARGE_ZONE, [])}, size="16M")
    node.start()
    before = node.status()
    node.put_zone("more.test", "@ 60 SOA ns.example.net. h.example.net. 1 2 3 4 5\n"
                               "@ 60 NS ns.example.net.\nw 60 A 192.0.2.1\n")
    node.write_config("2M")
    restart_control(node)
    after = node.status()
    assert after["tables"]["path"] == before["tables"]["path"]
    assert f"the tables stay {before['tables']['path']} and not as [tables] asks" in node.log()
    assert node.addresses("w.more.test") == ["192.0.2.1"]
    del node.zones["more.test"]
    node.write_config("2M")
    restart_control(node)
    assert node.addresses(next(iter(LAST))) == next(iter(LAST.values()))[0]
    assert node.ask("w.more.test").rcode() == 5  # REFUSED: gone with the node file's line
