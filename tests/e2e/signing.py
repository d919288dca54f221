"""Zones signed by programs of others, with keys that nobody keeps."""

import subprocess
import time
from pathlib import Path

from reference_servers import found

SOURCE = Path(__file__).parents[1] / "dataplane" / "signed" / "zone.source"

# Options of dnssec-signzone and of ldns-signzone: NSEC, NSEC3, NSEC3 with opt-out.
BIND = {"bind-nsec.test": [], "bind-nsec3.test": ["-3", "-"],
        "bind-optout.test": ["-3", "abcd", "-H", "5", "-A"]}
LDNS = {"ldns-nsec.test": [], "ldns-nsec3.test": ["-n", "-t", "0"],
        "ldns-optout.test": ["-n", "-p", "-s", "ef01", "-t", "2"]}


def run(folder, *words):
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True,
                          timeout=60).stdout.strip()


def sign_by_bind(folder, origin, options, text=None):
    key = run(folder, found("dnssec-keygen"), "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", origin)
    plain = folder / f"{origin}.plain"
    plain.write_text((text or SOURCE.read_text()) + (folder / f"{key}.key").read_text())
    run(folder, found("dnssec-signzone"), "-Q", "-q", "-z", "-P", "-o", origin, *options,
        "-f", f"{origin}.signed", plain, key)
    return folder / f"{key}.key"


def sign_by_ldns(folder, origin, options, text=None):
    key = run(folder, found("ldns-keygen"), "-a", "ECDSAP256SHA256", "-k", origin)
    plain = folder / f"{origin}.plain"
    plain.write_text(f"$ORIGIN {origin}.\n" + (text or SOURCE.read_text()))
    hour_ago = time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() - 3600))
    run(folder, found("ldns-signzone"), "-o", origin, "-i", hour_ago, *options, "-f",
        f"{origin}.signed", plain, key)
    return folder / f"{key}.key"
