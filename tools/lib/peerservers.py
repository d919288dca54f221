"""The servers of `tools/bench peers`: how each is configured, at its best by its own documentation
with one thread that answers UDP, and the words that start it. Pure, but for Server.write().

Rate limits and logs of queries are off, replies are minimal, and nothing is written at run time.
Each start finds the server's folder without state of the one before.
"""

import json
import shutil
from collections import namedtuple
from pathlib import Path

import labconfig
import netpair
from peerzone import ORIGIN, PRIMARY, SECONDARY, SERVICE, SERVICE_PORT

CHECK = "5f3c1c52-0f0e-4d0b-9d3f-8a6f6f1d2a01"

# Where and what: `folder` of the server alone, `zones` with the files of peerzone, `address` that
# answers, `names` in the zone; of Holdfast `programs` and `huge`, a hugetlbfs mount or None.
Place = namedtuple("Place", "folder zones address names programs huge")
# `files`: of a Place, the texts of its files by name. `words`: of a Place, its command. `xdp`: it
# takes frames from the interface. `pinned`: the bench moves it to core 0; Holdfast does that itself
# with the thread that polls. `ours`: it is Holdfast.
Server = namedtuple("Server", "name files words xdp pinned ours", defaults=(False,))


def knot_conf(place, xdp):
    listen = (f"xdp:\n    listen: {netpair.SERVER_INTERFACE}@53\n" if xdp else "")
    return f"""server:
    rundir: "{place.folder}"
{"" if xdp else f"    listen: {place.address}@53"}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
{listen}log:
  - target: stderr
    any: warning
database:
    storage: "{place.folder}"
zone:
  - domain: {ORIGIN}
    file: "{place.zones}/zone.static"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
"""


def nsd_conf(place):
    return f"""server:
  ip-address: {place.address}
  server-count: 1
  reuseport: yes
  username: root
  chroot: ""
  zonesdir: "{place.zones}"
  database: ""
  pidfile: ""
  logfile: "{place.folder}/nsd.log"
  xfrdfile: ""
  xfrdir: "{place.folder}"
  zonelistfile: "{place.folder}/zone.list"
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  minimal-responses: yes
  round-robin: no
remote-control:
  control-enable: no
zone:
  name: {ORIGIN}
  zonefile: zone.static
"""


def gdnsd_conf(place):
    """Its check is as fast as it takes: whole seconds, a timeout of at least one and below the
    interval."""
    return f"""options => {{
  listen => [ "{place.address}" ]
  udp_threads => 1
  tcp_threads => 1
  udp_rcvbuf => 1048576
  udp_sndbuf => 1048576
  run_dir => "{place.folder}/run"
  state_dir => "{place.folder}/state"
}}
service_types => {{
  tcp => {{
    plugin => tcp_connect
    port => {SERVICE_PORT}
    interval => 2
    timeout => 1
    up_thresh => 1
    ok_thresh => 1
    down_thresh => 1
  }}
}}
plugins => {{
  simplefo => {{
    {SERVICE} => {{ service_types => tcp, primary => {PRIMARY}, secondary => {SECONDARY} }}
  }}
}}
"""


def pdns_conf(place):
    """The bind backend, whose answers the packet cache keeps; those of LUA records it does not."""
    return f"""launch=bind
bind-config={place.folder}/named.conf
enable-lua-records=yes
local-address={place.address}
receiver-threads=1
distributor-threads=1
reuseport=yes
cache-ttl=60
query-cache-ttl=60
negquery-cache-ttl=60
max-packet-cache-entries=4000000
socket-dir={place.folder}
daemon=no
guardian=no
disable-syslog=yes
loglevel=3
"""


def named_conf(place):
    return f'zone "{ORIGIN}" {{ type master; file "{place.zones}/zone.lua"; }};\n'


def records():
    """SERVICE as record sets of Holdfast: a failover pair."""
    def one(role, address, **more):
        return {"Name": f"{SERVICE}.{ORIGIN}.", "Type": "A", "SetIdentifier": role.lower(),
                "Failover": role, "TTL": 60, "ResourceRecords": [{"Value": address}], **more}

    return {"ResourceRecordSets": [one("PRIMARY", PRIMARY, HealthCheckId=CHECK),
                                   one("SECONDARY", SECONDARY)]}


def checks():
    return {"HealthChecks": [{
        "Id": CHECK, "CallerReference": SERVICE, "HealthCheckVersion": 1, "HealthCheckConfig": {
            "IPAddress": PRIMARY, "Port": SERVICE_PORT, "Type": "TCP", "RequestInterval": 10,
            "FailureThreshold": 2}}]}


def holdfast_config(place):
    """A node's file before tools/lab's copy is made of it: the poll thread on core 0, control on
    the other core."""
    return {
        "node": {"control_core": 1},
        "tables": {"size": f"{max(64, place.names // 4000)}M"},
        "dataplane": {"lcores": [0], "memory_mb": 64},
        "zone": [{"origin": ORIGIN, "file": f"{place.zones}/zone.records",
                  "records": "records.json"}],
        "health": {"checks": "checks.json"},
        "check": {CHECK: {"interval_ms": 100, "connect_timeout_ms": 50,
                          "unhealthy_threshold": 2, "healthy_threshold": 2}}}


def holdfast_conf(place, change):
    config = holdfast_config(place)
    change(config)
    huge = place.huge if config["dataplane"].get("hugepages", True) else None
    return labconfig.render(config, str(place.folder), labconfig.Place(
        "peers", "af_xdp", (place.address,), netpair.SERVER_INTERFACE, place.folder / "run",
        place.folder / "state", huge or place.folder / "tables", huge), cores=2)


def holdfast(name, change=lambda config: None):
    """Holdfast on AF_XDP. @param change  of the tables of its file, in place."""
    return Server(name,
                  lambda place: {"holdfast.toml": holdfast_conf(place, change),
                                 "records.json": json.dumps(records()),
                                 "checks.json": json.dumps(checks())},
                  lambda place: [place.programs / "holdfast", "run", "--config",
                                 place.folder / "holdfast.toml"],
                  xdp=True, pinned=False, ours=True)


SERVERS = {server.name: server for server in (
    holdfast("holdfast-afxdp"),
    Server("knot-xdp", lambda place: {"knot.conf": knot_conf(place, True)},
           lambda place: ["knotd", "-c", place.folder / "knot.conf"],
           xdp=True, pinned=True),
    Server("knot-sockets", lambda place: {"knot.conf": knot_conf(place, False)},
           lambda place: ["knotd", "-c", place.folder / "knot.conf"],
           xdp=False, pinned=True),
    Server("nsd", lambda place: {"nsd.conf": nsd_conf(place)},
           lambda place: ["nsd", "-d", "-c", place.folder / "nsd.conf"],
           xdp=False, pinned=True),
    Server("gdnsd", lambda place: {"config": gdnsd_conf(place),
                                   "zones/" + ORIGIN: (place.zones / "zone.dyna").read_text()},
           lambda place: ["gdnsd", "-c", place.folder, "start"],
           xdp=False, pinned=True),
    Server("pdns", lambda place: {"pdns.conf": pdns_conf(place), "named.conf": named_conf(place)},
           lambda place: ["pdns_server", f"--config-dir={place.folder}"],
           xdp=False, pinned=True))}
HOLDFAST = SERVERS["holdfast-afxdp"]


def write(server, place):
    """Makes the server's folder anew, with its files and no state; takes away Holdfast's tables."""
    shutil.rmtree(place.folder, ignore_errors=True)
    for name in ("", "run", "state", "tables"):
        (place.folder / name).mkdir(parents=True)
    for old in Path(place.huge).iterdir() if place.huge and server.ours else ():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    for name, text in server.files(place).items():
        path = place.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
