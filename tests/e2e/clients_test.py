"""The programs that people ask with, and a caching resolver between them and a node: all of them
understand what it says, over UDP and TCP.
"""

import contextlib
import subprocess

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest
from conftest import open_folder
from holdfast_node import ADDRESSES, Node, needs_programs
from reference_servers import found, unbound

NEEDED = ("dig", "kdig", "drill", "unbound")
ORIGIN = "people.test"
ZONE = f"""$ORIGIN {ORIGIN}.
$TTL 300
@ IN SOA ns hostmaster 1 7200 900 1209600 60
@ IN NS ns
ns IN A 127.0.0.1
www IN A 192.0.2.80
www IN AAAA 2001:db8::80
alias IN CNAME www
*.wild IN TXT "wild"
dn IN DNAME wild
svc IN HTTPS 1 www alpn=h2
srv IN SRV 1 2 443 www
odd IN TYPE65280 \\# 3 0a0b0c
mx IN MX 10 www
""" + "".join(f'big IN TXT "{n:02} {"x" * 100}"\n' for n in range(40))
# (name, type): what stands in the output of each program
SHOWN = {("www", "A"): "192.0.2.80", ("alias", "AAAA"): "2001:db8::80", ("x.wild", "TXT"): "wild",
         ("y.dn", "TXT"): f"y.wild.{ORIGIN}", ("srv", "SRV"): f"1 2 443 www.{ORIGIN}",
         ("odd", "TYPE65280"): "0A0B0C", ("mx", "MX"): f"10 www.{ORIGIN}", ("big", "TXT"): "39 xxx",
         ("@", "SOA"): f"hostmaster.{ORIGIN}", ("none", "A"): "NXDOMAIN"}

NSID, COOKIE = "the node", 10

pytestmark = [needs_programs,
              pytest.mark.skipif(not all(found(name) for name in NEEDED),
                                 reason="needs " + ", ".join(NEEDED))]


def absolute(name):
    return f"{ORIGIN}." if name == "@" else f"{name}.{ORIGIN}."


@pytest.fixture(name="node", scope="module")
def fixture_node():
    with open_folder() as folder, contextlib.ExitStack() as stack:
        node = Node(folder, {ORIGIN: (ZONE, [])}, tail=f'[dns]\nnsid = "{NSID}"\n')
        stack.callback(node.close)
        yield node.start()


@pytest.fixture(name="resolver", scope="module")
def fixture_resolver(node):
    """The port of an unbound that asks the node for its zone."""
    with unbound([ORIGIN], f"{ADDRESSES[0]}@{node.port}", ' module-config: "iterator"\n') as port:
        yield port


def ask(port, name, kind, way=dns.query.udp):
    query = dns.message.make_query(name, kind, use_edns=0, payload=1232)
    return way(query, ADDRESSES[0], port=port, timeout=2)


@pytest.mark.parametrize("name, kind", SHOWN)
@pytest.mark.parametrize("program, tcp", [("dig", "+tcp"), ("kdig", "+tcp"), ("drill", "-t")])
def test_each_program_shows_the_answer(node, program, tcp, name, kind):
    way = (f"@{ADDRESSES[0]}", "-p", str(node.port))
    for more in ((), (tcp,)):
        done = subprocess.run([found(program), *more, *way, absolute(name), kind],
                              capture_output=True, text=True, timeout=20, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 0 and "malformed" not in said.lower(), said
        # drill says that a reply was cut and leaves it at that.
        assert SHOWN[name, kind].lower() in said.lower() or "-t argument" in said, said


@pytest.mark.parametrize("name, kind", SHOWN)
@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("options", [None, [], [dns.edns.GenericOption(dns.edns.NSID, b"")]])
def test_the_resolver_of_dnspython_has_the_answer(node, name, kind, tcp, options):
    """Without EDNS, with it, with an option; dnspython goes on by TCP by itself."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [ADDRESSES[0]], node.port
    if options is not None:
        resolver.use_edns(0, 0, 1232, options)
    if SHOWN[name, kind] == "NXDOMAIN":
        with pytest.raises(dns.resolver.NXDOMAIN):
            resolver.resolve(absolute(name), kind, tcp=tcp)
        return
    answer = resolver.resolve(absolute(name), kind, tcp=tcp)
    assert SHOWN[name, kind].lower() in answer.response.to_text().lower()
    assert answer.response.edns == (-1 if options is None else 0)
    assert [(one.otype, one.data) for one in answer.response.options] == (
        [(dns.edns.NSID, NSID.encode())] if options else [])


def test_dnspython_keeps_a_cookie_over_both_transports(node):
    """A client cookie gets a server's, which is good from then on and comes back as it is."""
    def cookie(data, way):
        query = dns.message.make_query(absolute("www"), "A", use_edns=0, payload=1232,
                                       options=[dns.edns.GenericOption(COOKIE, data)])
        reply = way(query, ADDRESSES[0], port=node.port, timeout=5)
        assert reply.rcode() == dns.rcode.NOERROR and len(reply.answer) == 1
        (option,) = reply.options
        assert option.otype == COOKIE and option.data[:8] == data[:8] and len(option.data) == 24
        return option.data

    first = cookie(b"a client", dns.query.udp)
    assert cookie(first, dns.query.udp) == cookie(first, dns.query.tcp) == first
    forged = first[:-1] + bytes([first[-1] ^ 1])
    assert cookie(forged, dns.query.udp) != forged


@pytest.mark.parametrize("name, kind", SHOWN)
def test_a_caching_resolver_says_what_the_node_says(node, resolver, name, kind):
    """With letters of random case and minimised names, as unbound asks."""
    def essence(reply):
        return reply.rcode(), sorted((rrset.name.to_text().lower(), rrset.rdtype, sorted(
            item.to_text().lower() for item in rrset)) for rrset in reply.answer)

    for way in (dns.query.udp, dns.query.tcp):
        direct = ask(node.port, absolute(name), kind, dns.query.tcp)
        cached = ask(resolver, absolute(name), kind, way)
        if cached.flags & dns.flags.TC:
            continue  # the next way is TCP
        assert essence(cached) == essence(direct)
