"""A zone that changes says so by its serial; a load that does not is served all the same, and
warned about."""

import pytest
from holdfast_node import needs_programs

pytestmark = needs_programs

ORIGIN = "serial.test"


def zone(serial, address, comment=""):
    return (f"$ORIGIN {ORIGIN}.\n$TTL 60\n@ IN SOA ns h {serial} 7200 900 1209600 60\n"
            f"@ IN NS ns\nns IN A 192.0.2.53\nwww IN A {address} {comment}\n")


def warning(now, was, least, most):
    return (f"zone {ORIGIN}.: serial is {now}, but other records were served with {was}; expected "
            f"{least}..{most} modulo 2^32 (RFC 1982), or secondaries keep what they have")


@pytest.mark.parametrize("by_command", [False, True])
def test_conf_R13_a_serial_that_is_not_newer_is_warned_about(make_one, by_command):
    node = make_one.node({ORIGIN: (zone(4294967295, "192.0.2.1"), ())}).start()
    file = node.folder / ("other.zone" if by_command else f"{ORIGIN}.zone")

    def load(serial, address, comment=""):
        """@return what it warned about."""
        file.write_text(zone(serial, address, comment))
        words = ("zone", "load", ORIGIN, file) if by_command else ("reload",)
        said = node.call(*words).stderr
        assert node.addresses(f"www.{ORIGIN}") == [address]
        served, = (one["serial"] for one in node.status()["zones"])
        assert served == serial
        return [line.removeprefix("holdfast: warning: ") for line in said.splitlines()
                if ": serial is " in line]

    assert load(1, "192.0.2.2") == []  # newer, round past the top
    assert load(1, "192.0.2.3") == [warning(1, 1, 2, 2147483648)]
    assert warning(1, 1, 2, 2147483648) in node.status()["warnings"]
    assert load(4294967295, "192.0.2.3") == [warning(4294967295, 1, 2, 2147483648)]
    assert load(5, "192.0.2.3") == []
    assert load(5, "192.0.2.3", "; no record changed") == []
    assert [one for one in node.status()["warnings"] if ": serial is " in one] == []
    assert load(2147483653, "192.0.2.4") == [warning(2147483653, 5, 6, 2147483652)]  # opposite
