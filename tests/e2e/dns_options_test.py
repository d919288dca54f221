"""Cookies, NSID, keepalive, reasons of errors and the names of class CH as dig sees them, on every
way in; and [dns] of the node's file: what a reload changes, what a restart keeps, what nobody is
shown.
"""

import re
import stat
import subprocess

import pytest
from holdfast_node import ADDRESSES, Node, needs_programs
from lab_site import ADDRESS4, ADDRESS6, DATAPLANE, lab, needs_lab

pytestmark = needs_programs

ORIGIN = "opt.test"
ZONE = f"""$ORIGIN {ORIGIN}.
@   3600 IN SOA ns1 hostmaster 7 7200 900 1209600 120
@   300  IN NS  ns1
ns1 300  IN A   192.0.2.53
www 300  IN A   192.0.2.80
"""
ZONES = {ORIGIN: (ZONE, [])}
DNS = '[dns]\nnsid = "e2e-node"\nversion = "Holdfast of a test"\nidentity = "ns.e2e"\n'
SECRETS = ("0f1e2d3c4b5a69788796a5b4c3d2e1f0", "00112233445566778899aabbccddeeff")
WWW = (f"www.{ORIGIN}", "A")


def digger(port, before=()):
    """A function that runs dig and gives what it prints."""
    def dig(address, *words):
        done = subprocess.run(
            [*before, "dig", f"@{address}", "-p", str(port), "+time=3", "+tries=2", *words],
            capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    return dig


def cookie_in(text):
    """Client and server cookie of a reply; dig has looked that the client's is its own."""
    return re.search(r"COOKIE: ([0-9a-f]{48}) \(good\)", text)[1]


def status_in(text):
    return re.search(r"status: ([A-Z]+)", text)[1]


def hold(dig, addresses):
    for address in addresses:
        for way in ("+notcp", "+tcp"):
            first = dig(address, *WWW, "+cookie", way)
            assert status_in(first) == "NOERROR" and "192.0.2.80" in first
            cookie = cookie_in(first)
            # What it has made it knows again, on the other ways in too: the same comes back.
            assert cookie_in(dig(address, *WWW, f"+cookie={cookie}", "+tcp")) == cookie
            assert cookie_in(dig(address, *WWW, f"+cookie={cookie}", "+notcp")) == cookie
            forged = cookie[:-1] + ("0" if cookie[-1] != "0" else "1")
            assert cookie_in(dig(address, *WWW, f"+cookie={forged}", way)) != forged
            assert '("e2e-node")' in dig(address, *WWW, "+nsid", way)
            assert "NSID" not in first
            for name, text in (("version.bind", "Holdfast of a test"), ("id.server", "ns.e2e")):
                assert dig(address, "CH", "TXT", name, "+short", way).strip() == f'"{text}"'
            refused = dig(address, "other.invalid", "A", way)
            assert status_in(refused) == "REFUSED" and "EDE: 20 (Not Authoritative)" in refused
        assert "KEEPALIVE: 10.0" in dig(address, *WWW, "+tcp", "+keepalive")
        assert "KEEPALIVE" not in dig(address, *WWW, "+notcp", "+keepalive")
        assert "PAD" not in dig(address, *WWW, "+padding=128", "+tcp")


@pytest.fixture(name="node")
def fixture_node(make_one):
    node = make_one.node(ZONES)
    node.tail = DNS
    node.write_config()
    return node


def reload(node, dns):
    node.tail = dns
    node.write_config()
    return node.call("reload")


def test_over_sockets(node):
    node.start()
    hold(digger(node.port), ADDRESSES)


@needs_lab[0]
@needs_lab[1]
def test_over_af_xdp(tmp_path):
    node = Node(tmp_path, ZONES, tail=DNS + DATAPLANE)
    with lab(node.config) as site:
        hold(digger(53, site.enter()), (ADDRESS4, ADDRESS6))
        assert site.counted()["valid_cookie"] > 0


def test_a_reload_asks_for_cookies_and_takes_other_names(node):
    node.start()
    dig = digger(node.port)
    at = ADDRESSES[0]
    reload(node, DNS + 'cookies = "require"\n')
    plain = dig(at, *WWW, "+noedns", "+ignore")
    assert status_in(plain) == "NOERROR" and re.search(r"flags: [a-z ]*\btc\b", plain)
    assert "192.0.2.80" in dig(at, *WWW, "+noedns"), "over TCP"
    assert status_in(dig(at, *WWW, "+cookie", "+nobadcookie")) == "BADCOOKIE"
    again = dig(at, *WWW, "+cookie", "+badcookie")
    assert status_in(again) == "NOERROR" and "192.0.2.80" in again
    reload(node, '[dns]\ncookies = "off"\nextended_errors = false\n')
    assert "COOKIE:" not in dig(at, *WWW, "+cookie")
    assert "NSID" not in dig(at, *WWW, "+nsid")
    assert status_in(dig(at, "CH", "TXT", "version.bind")) == "REFUSED"
    assert "EDE" not in dig(at, "other.invalid", "A")
    node.tail = '[dns]\ncookies = "sometimes"\n'
    node.write_config()
    refused = node.run("reload")
    assert refused.returncode != 0 and "key 'cookies' is \"sometimes\"" in refused.stderr
    assert "COOKIE:" not in dig(at, *WWW, "+cookie"), "what was served is served on"


def test_a_restart_keeps_the_secret_that_control_made(node):
    node.start()
    cookie = cookie_in(digger(node.port)(ADDRESSES[0], *WWW, "+cookie"))
    kept = node.folder / "state" / "cookie_secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and kept.stat().st_size == 16
    node.stop()
    node.start()
    asked = digger(node.port)(ADDRESSES[0], *WWW, f"+cookie={cookie}")
    assert cookie_in(asked) == cookie


def test_a_secret_is_rolled_over_without_a_cookie_lost_and_shown_nowhere(node):
    node.start()
    dig = digger(node.port)

    def serve(*secrets):
        listed = ", ".join(f'"{one}"' for one in secrets)
        return reload(node, DNS + f'cookies = "require"\ncookie_secrets = [{listed}]\n')

    def ask(cookie):
        reply = dig(ADDRESSES[0], *WWW, f"+cookie={cookie}", "+nobadcookie")
        return status_in(reply), cookie_in(reply)

    said = serve(SECRETS[0])
    assert "[dns] has its cookie_secrets in it" in said.stdout + said.stderr
    cookie = cookie_in(dig(ADDRESSES[0], *WWW, "+cookie", "+nobadcookie"))
    serve(SECRETS[0], SECRETS[1])
    assert ask(cookie) == ("NOERROR", cookie)
    serve(SECRETS[1], SECRETS[0])
    state, renewed = ask(cookie)
    assert state == "NOERROR" and renewed != cookie
    serve(SECRETS[1])
    assert ask(renewed) == ("NOERROR", renewed)
    assert ask(cookie)[0] == "BADCOOKIE"
    shown = [node.log(), node.call("status", "--json").stdout, node.call("status").stdout,
             node.call("tables", "dump").stdout, said.stdout + said.stderr,
             node.call("explain", *WWW, "--json").stdout]
    for text in shown:
        for secret in SECRETS:
            assert secret not in text and bytes.fromhex(secret).decode("latin-1") not in text
