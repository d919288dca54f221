"""A bit of the tables flips in memory while they serve: the scrub finds it, says so, and all
readers are led to tables that were built anew. Prints "FAULT A8-scrub ...".
"""

import json
import time
from pathlib import Path

from answer_zone import SHORT_ZONE
from holdfast_node import ADDRESSES, Check, needs_programs, until
from watch import Watch, report

pytestmark = needs_programs

ORIGIN = "s.test"
RIGHT, OTHER = "192.0.2.201", "192.0.2.77"
ZONE = SHORT_ZONE.replace("short", "s") + f"hit 60 IN A {RIGHT}\nother 60 IN A {OTHER}\n"


def octets(address):
    return bytes(map(int, address.split(".")))


def damage(image):
    """Flips the last bit of the one address that the tables hold of RIGHT."""
    content = image.read_bytes()
    assert content.count(octets(RIGHT)) == 1
    with image.open("r+b") as file:
        file.seek(content.index(octets(RIGHT)) + 3)
        file.write(bytes([octets(RIGHT)[3] ^ 1]))


def test_A8_the_scrub_finds_damage_and_the_tables_are_built_anew(make_one):
    node = make_one.node({ORIGIN: (ZONE, ())}, [Check("up", make_one.endpoint(mode="pass"))],
                         size="2M")
    node.config.write_text(node.config.read_text().replace(
        'size = "2M"\n', 'size = "2M"\nscrub_seconds = 1\n'))
    node.start()
    node.await_checks(up="healthy")
    until(lambda: node.status()["scrub"]["passes"] > 0)
    assert "no damage found" in node.call("status").stdout
    reader, took = node.pid("sockets"), []
    watch = Watch(ADDRESSES[0], node.port, {f"other.{ORIGIN}": [[OTHER]]})
    with watch:
        for times in range(1, 4):
            image = Path(node.status()["tables"]["path"])
            began = time.monotonic()
            damage(image)
            assert node.addresses(f"hit.{ORIGIN}") != [RIGHT]
            until(lambda count=times: node.status()["scrub"]["rebuilt"] == count)
            took.append(time.monotonic() - began)
            assert node.addresses(f"hit.{ORIGIN}") == [RIGHT]
            assert node.status()["tables"]["path"] != str(image) and not image.exists()
            passes = node.status()["scrub"]["passes"]
            until(lambda before=passes: node.status()["scrub"]["passes"] > before)
    assert watch.total("lost") == 0, watch.figures
    assert node.pid("sockets") == reader
    scrub = json.loads(node.call("status", "--json").stdout)["scrub"]
    assert scrub["defects"] == 3 and scrub["problem"] is None
    for said in (scrub["last_defect"], node.call("status").stdout, node.log()):
        assert f"(hit.{ORIGIN}.): an address in a record has a wrong checksum" in said
    assert node.check_states() == {"up": "healthy"}
    assert "whole" in node.call("tables", "verify").stdout
    report("A8-scrub", round(max(took), 2), "s",
           f"slowest of {len(took)} from a flipped bit to tables built anew, a pass a second; "
           f"{watch.total('answered')} other answers meanwhile, none lost or wrong")
