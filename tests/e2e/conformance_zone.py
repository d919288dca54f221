"""The static zone of the conformance list, and its child that is served beside it."""

ORIGIN, CHILD = "example.test", "child.example.test"
LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 48])  # 255 octets with the origin
ZONE = f"""$ORIGIN {ORIGIN}.
$TTL 300
@ 3600 IN SOA ns1 hostmaster 1 7200 900 1209600 60
@ IN NS ns1
@ IN NS ns2
ns1 IN A 192.0.2.53
ns1 IN AAAA 2001:db8::53
ns2 IN A 192.0.2.54
ns2 IN AAAA 2001:db8::54
www IN A 192.0.2.80
www IN AAAA 2001:db8::80
www IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.80
other IN HTTPS 1 www alpn=h2
Case IN A 192.0.2.81
toCase IN CNAME Case
a\\.b IN A 192.0.2.82
alias IN CNAME www
c1 IN CNAME c2
c2 IN CNAME c3
c3 IN CNAME www
dn IN DNAME target
www.target IN A 192.0.2.83
*.w IN A 192.0.2.84
*.w IN TXT "wild"
host.w IN TXT "not wild"
a.ent IN A 192.0.2.85
*.step IN TXT "{"s" * 200}" "{"s" * 200}"
*.below IN A 192.0.2.86
cut.below IN NS ns.cut.below
ns.cut.below IN A 192.0.2.87
sub IN NS ns1.sub
ns1.sub IN A 192.0.2.88
sub IN TXT "occluded"
child IN NS ns1.child
ns1.child IN A 192.0.2.89
srv IN SRV 1 2 443 www
none IN SRV 0 0 0 .
mx IN MX 10 www
null IN MX 0 .
ptr IN PTR www
caa IN CAA 128 foo "bar"
empty IN TXT ""
{LONGEST} IN CNAME {LONGEST.replace("d", "e")}
""" + "".join(f"multi IN A 198.51.100.{n}\n" for n in range(1, 9)) + \
    "".join(f'big IN TXT "{n:02} {"x" * 97}"\n' for n in range(30)) + \
    "".join(f'huge IN TXT "{n:03} {"x" * 246}"\n' for n in range(230)) + \
    "".join(f"many IN MX {n} h{n}{'z' * 30}.many\nh{n}{'z' * 30}.many IN AAAA 2001:db8::{n}\n"
            for n in range(1, 9)) + \
    "".join(f'rows IN MX {n} r{n:03}-{"y" * 55}.{"z" * 60}\n' for n in range(240))
CHILD_ZONE = f"""$ORIGIN {CHILD}.
$TTL 300
@ 600 IN SOA ns1 hostmaster 2 7200 900 1209600 30
@ IN NS ns1
ns1 IN A 192.0.2.89
"""
