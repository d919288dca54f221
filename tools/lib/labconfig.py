"""Makes a lab's copy of a node's TOML file: the user's zones, checks and switches, with the lab's
addresses, port and folders in place of the machine's. Used by tools/lab; no side effect but the
written file.
"""

import json
import os
import re
import tomllib
from collections import namedtuple
from pathlib import Path

IO_KINDS = ("af_xdp", "af_packet", "sockets")
# More arguments of each driver: frames of AF_PACKET as small as Ethernet's, sent past the qdisc.
DEVICE_ARGUMENTS = {"af_xdp": "",
                    "af_packet": ",qdisc_bypass=1,blocksz=4096,framesz=2048,framecnt=2048"}
DEFAULT_TABLE_OCTETS = 256 << 20
DEFAULT_MEMORY_MB = 256

# What the lab decides: `addresses` clients query, `interface` the server's end of the veth, `run`,
# `state` and `tables` folders, `huge` the private hugetlbfs mount or None.
Place = namedtuple("Place", "name io addresses interface run state tables huge")


class ConfigError(Exception):
    """The file cannot be used; the sentence names it."""


def load(path):
    """The tables of a TOML file; ConfigError with the file and the line of the fault."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def table(config, name):
    """The table `name`, made when absent; ConfigError when the key is something else."""
    found = config.setdefault(name, {})
    if not isinstance(found, dict):
        raise ConfigError(f"key '{name}' is no table")
    return found


def tables(config, name):
    """The array of tables `name`; ConfigError when the key is something else."""
    found = config.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ConfigError(f"key '{name}' is no array of tables; expected [[{name}]]")
    return found


def table_octets(config):
    """How large the table image is: "64M", "2G"; Holdfast's default when not given."""
    text = table(config, "tables").get("size", "")
    match = re.fullmatch(r"(\d+)([MG])", str(text))
    return int(match[1]) << (20 if match[2] == "M" else 30) if match else DEFAULT_TABLE_OCTETS


def pages_wanted(config, io):
    """Hugepages of 2 MB for the image and, with a port, for packet memory. One in sixteen more:
    the data plane rounds its areas up."""
    octets = table_octets(config)
    if io != "sockets":
        octets += table(config, "dataplane").get("memory_mb", DEFAULT_MEMORY_MB) << 20
    pages = (octets + (2 << 20) - 1) // (2 << 20)
    return pages + pages // 16 + 1


def first_origin(config):
    """The origin of the first zone, to ask for at start; the root when there is none."""
    zones = tables(config, "zone")
    return zones[0].get("origin", ".") if zones else "."


def make_paths_absolute(config, folder):
    """Relative paths start at the folder of the user's file, and the copy lies elsewhere."""
    collections = config.get("cidr_collection", {})  # like the others not made where it is not
    holders = [(zone, ("file", "records")) for zone in tables(config, "zone")]
    holders += [(webhook, ("secret_file",)) for webhook in tables(config, "webhook")]
    holders += [(config.get("health"), ("checks",)), (config.get("http"), ("token_file",)),
                (config.get("location"), ("geo", "regions", "latency"))]
    if isinstance(collections, dict):
        holders += [(collection, ("blocks",)) for collection in collections.values()]
    for holder, keys in holders:
        for key in keys:
            if isinstance(holder, dict) and isinstance(holder.get(key), str):
                holder[key] = os.path.join(folder, holder[key])


def own_arguments(device, io):
    """What the user's file tells the driver beside its interface, if that is the lab's driver too:
    ",busy_budget=0"."""
    driver, *arguments = str(device or "").split(",")
    if not driver.startswith(f"net_{io}"):
        return ""
    fixed = {"iface", *(one.partition("=")[0] for one in DEVICE_ARGUMENTS[io].split(","))}
    return "".join("," + one for one in arguments if one.partition("=")[0] not in fixed)


def render(config, folder, place, cores=None):
    """Returns the text of the lab's copy. `config` is changed.
    @param folder  absolute; where relative paths of the user's file start.
    @param cores   how many this machine has.
    """
    cores = cores or os.cpu_count() or 1
    make_paths_absolute(config, folder)
    node = table(config, "node")
    node["state_dir"], node["run_dir"] = str(place.state), str(place.run)
    if node.get("control_core", 0) >= cores:
        del node["control_core"]
    memory = table(config, "tables")
    memory["directory"] = str(place.tables)
    memory["hugepages"] = "2M" if place.huge else "none"
    config["listen"] = [{"address": address, "port": 53} for address in place.addresses]

    sockets = table(config, "sockets")
    if place.io == "sockets":
        config.pop("dataplane", None)
        sockets["enabled"], sockets["udp"] = True, "always"
        return dump(config)
    if sockets.get("udp") == "always":
        sockets["udp"] = "fallback"
    if place.io == "af_packet":
        # The kernel drops UDP 53 here (netpair.py), so sockets could not take over in any case.
        sockets["udp"] = "never"
    dataplane = table(config, "dataplane")
    ports = tables(dataplane, "port")
    port = {key: value for key, value in (ports[0] if ports else {}).items()
            if key not in ("device", "queues", "addresses")}
    theirs = own_arguments(ports[0].get("device") if ports else None, place.io)
    port["device"] = (f"net_{place.io}0,iface={place.interface}{DEVICE_ARGUMENTS[place.io]}"
                      f"{theirs}")
    port["queues"] = 1  # a veth with our own XDP program has one
    dataplane["enabled"], dataplane["port"] = True, [port]
    lcores = dataplane.get("lcores") or [cores - 1]
    dataplane["lcores"] = [min(lcores[0], cores - 1)]
    if node.get("control_core") == dataplane["lcores"][0]:
        del node["control_core"]
    dataplane["file_prefix"] = f"hf-{place.name}"
    dataplane["hugepages"] = place.huge is not None
    if place.huge:
        dataplane["eal_args"] = [*dataplane.get("eal_args", []), "--huge-dir", str(place.huge)]
    return dump(config)


def value_text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A JSON string is a TOML string, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(value_text(one) for one in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{key_text(key)} = {value_text(one)}" for key, one in value.items())
        return "{ " + ", ".join(pairs) + " }"
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def key_text(key):
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else value_text(key)


def dump(config, path=()):
    """TOML text of nested tables; reading it gives the same tables again."""
    def is_tables(value):
        return isinstance(value, list) and value and all(isinstance(one, dict) for one in value)

    lines, below = [], []
    for key, value in config.items():
        name = ".".join(key_text(part) for part in (*path, key))
        if isinstance(value, dict):
            below.append(f"\n[{name}]\n{dump(value, (*path, key))}")
        elif is_tables(value):
            below += [f"\n[[{name}]]\n{dump(one, (*path, key))}" for one in value]
        else:
            lines.append(f"{key_text(key)} = {value_text(value)}\n")
    return "".join(lines + below)


def write(path, text):
    Path(path).write_text("# Made by tools/lab from the file it was given; changes are lost.\n"
                          + text)
