"""The lab's copy of a node file: the user's words stay, what belongs to the machine is replaced."""

import tomllib
from pathlib import Path

import labconfig
import pytest

NODE = """
[node]
id = "ns1"
state_dir = "/var/lib/holdfast"
control_core = 0
[tables]
hugepages = "auto"
size = "64M"
[[listen]]
address = "192.0.2.53"
[dataplane]
lcores = [1, 2]
burst = 16
eal_args = ["--log-level=8"]
[[dataplane.port]]
device = "0000:3b:00.0"
queues = 4
verify_udp_checksum = false
addresses = ["192.0.2.53"]
[[dataplane.port]]
device = "0000:3b:00.1"
[sockets]
udp = "fallback"
threads = 2
[[zone]]
origin = "example.test"
file = "zones/example.zone"
records = "/abs/example.json"
[health]
checks = "checks.json"
[location]
geo = "/abs/places.mmdb"
latency = "latency.csv"
[http]
listen = ["127.0.0.1:9153"]
token_file = "token"
[metric."eu-1/errors"]
threshold = 2.5
[[webhook]]
secret_file = "secret"
[cidr_collection.c]
blocks = "blocks.json"
[check."a.b \\"c\\" \\u007f"]
interval_ms = 100
"""


def rendered(io, text=NODE, huge=None, cores=2):
    place = labconfig.Place("t", io, ("10.9.0.1", "fd09::1"), "s0", Path("/run/l/run"),
                            Path("/run/l/state"), Path("/run/l/tables"), huge)
    return tomllib.loads(labconfig.render(tomllib.loads(text), "/home/u", place, cores))


@pytest.mark.parametrize("io", labconfig.IO_KINDS)
def test_addresses_and_folders_are_the_labs_and_paths_are_absolute(io):
    node = rendered(io)
    assert node["listen"] == [{"address": "10.9.0.1", "port": 53},
                              {"address": "fd09::1", "port": 53}]
    assert node["node"]["state_dir"] == "/run/l/state"
    assert node["node"]["run_dir"] == "/run/l/run"
    assert node["node"]["id"] == "ns1"
    assert node["tables"] == {"hugepages": "none", "size": "64M", "directory": "/run/l/tables"}
    assert node["zone"] == [{"origin": "example.test", "file": "/home/u/zones/example.zone",
                             "records": "/abs/example.json"}]
    assert node["health"] == {"checks": "/home/u/checks.json"}
    assert node["location"] == {"geo": "/abs/places.mmdb", "latency": "/home/u/latency.csv"}
    assert node["http"] == {"listen": ["127.0.0.1:9153"], "token_file": "/home/u/token"}
    assert node["metric"] == {"eu-1/errors": {"threshold": 2.5}}
    assert node["webhook"] == [{"secret_file": "/home/u/secret"}]
    assert node["cidr_collection"] == {"c": {"blocks": "/home/u/blocks.json"}}
    assert node["check"] == {'a.b "c" \x7f': {"interval_ms": 100}}


def test_a_port_of_the_chosen_kind_takes_the_place_of_the_users():
    dataplane = rendered("af_xdp")["dataplane"]
    assert dataplane["port"] == [{"device": "net_af_xdp0,iface=s0", "queues": 1,
                                  "verify_udp_checksum": False}]
    assert dataplane["lcores"] == [1]
    assert dataplane["burst"] == 16
    assert dataplane["hugepages"] is False
    assert rendered("af_packet")["dataplane"]["port"][0]["device"].startswith(
        "net_af_packet0,iface=s0,qdisc_bypass=1")


def test_what_the_users_port_tells_the_labs_driver_stays():
    text = '[[dataplane.port]]\ndevice = "net_af_xdp3,iface=eth9,busy_budget=0,force_copy=1"\n'
    assert rendered("af_xdp", text)["dataplane"]["port"][0]["device"] == (
        "net_af_xdp0,iface=s0,busy_budget=0,force_copy=1")
    assert rendered("af_packet", text)["dataplane"]["port"][0]["device"] == (
        "net_af_packet0,iface=s0" + labconfig.DEVICE_ARGUMENTS["af_packet"])
    text = '[[dataplane.port]]\ndevice = "net_af_packet0,iface=eth9,framecnt=64,qpairs=2"\n'
    assert rendered("af_packet", text)["dataplane"]["port"][0]["device"] == (
        "net_af_packet0,iface=s0" + labconfig.DEVICE_ARGUMENTS["af_packet"] + ",qpairs=2")


def test_a_node_without_a_dataplane_gets_one_unless_the_lab_uses_sockets():
    text = '[[listen]]\naddress = "192.0.2.1"\n'
    assert rendered("af_xdp", text)["dataplane"]["port"][0]["device"] == "net_af_xdp0,iface=s0"
    assert "dataplane" not in rendered("sockets", text)


@pytest.mark.parametrize("io, before, after", [
    ("sockets", "fallback", "always"), ("sockets", "never", "always"),
    ("af_xdp", "fallback", "fallback"), ("af_xdp", "always", "fallback"),
    ("af_xdp", "never", "never"), ("af_packet", "fallback", "never"),
])
def test_who_answers_udp_follows_the_kind_of_port(io, before, after):
    node = rendered(io, NODE.replace('udp = "fallback"', f'udp = "{before}"'))
    assert node["sockets"]["udp"] == after
    assert node["sockets"]["threads"] == 2


@pytest.mark.parametrize("cores, lcores, control", [(1, [0], None), (2, [1], 0), (8, [1], 0)])
def test_cores_that_this_machine_lacks_are_not_named(cores, lcores, control):
    node = rendered("af_xdp", cores=cores)
    assert node["dataplane"]["lcores"] == lcores
    assert node["node"].get("control_core") == control


def test_hugepages_are_used_where_the_lab_has_mounted_some():
    node = rendered("af_xdp", huge=Path("/run/l/tables"))
    assert node["tables"]["hugepages"] == "2M"
    assert node["dataplane"]["hugepages"] is True
    assert node["dataplane"]["eal_args"] == ["--log-level=8", "--huge-dir", "/run/l/tables"]


@pytest.mark.parametrize("size, io, pages", [
    ('size = "64M"', "sockets", 32 + 2 + 1), ('size = "2G"', "sockets", 1024 + 64 + 1),
    ("", "sockets", 128 + 8 + 1), ('size = "64M"', "af_xdp", 160 + 10 + 1),
])
def test_pages_cover_tables_and_packet_memory(size, io, pages):
    assert labconfig.pages_wanted(tomllib.loads(f"[tables]\n{size}\n"), io) == pages


@pytest.mark.parametrize("text, says", [
    ("[node\n", "line 1"), ("a = \n", "line 1"), ("zone = 3\n", "key 'zone'"),
    ("node = 1\n", "key 'node'"), ("[dataplane]\nport = 1\n", "key 'port'"),
])
def test_a_file_that_cannot_be_used_is_named(tmp_path, text, says):
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(labconfig.ConfigError, match=says):
        labconfig.load(path)
        rendered("af_xdp", text)
    with pytest.raises(labconfig.ConfigError, match="nowhere.toml"):
        labconfig.load(tmp_path / "nowhere.toml")


def test_what_is_written_reads_back_as_it_was():
    config = {"a": 1, "f": 1.5, "b": True, "s": 'q"\\\n\t\u00e9', "l": [1, 2], "e": [], "m": [{}],
              "t": {"u": {"v w": "x"}, "n": [{"o": 1, "p": {"q": 2}}, {"o": 2}]}}
    assert tomllib.loads(labconfig.dump(config)) == config
