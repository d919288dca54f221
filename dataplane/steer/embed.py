#!/usr/bin/python3
"""Writes the compiled XDP program as a C++ source: embed.py OBJECT OUTPUT."""

import pathlib
import sys

octets = pathlib.Path(sys.argv[1]).read_bytes()
lines = (octets[at : at + 16] for at in range(0, len(octets), 16))
text = "".join("  ".join([""] + [f"0x{octet:02X}," for octet in line]) + "\n" for line in lines)
pathlib.Path(sys.argv[2]).write_text(
    "// Generated from steer.bpf.c.\n"
    '#include "dataplane/steer/steer_object.h"\n'
    "const unsigned char kSteerObject[] = {\n" + text + "};\n"
    f"const unsigned long kSteerObjectOctets = {len(octets)};\n",
    encoding="ascii")
