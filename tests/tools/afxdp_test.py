"""tools/bench afxdp: what each variant tells Holdfast, and where samples of its core belong."""

import io
import tomllib
from pathlib import Path

import benchafxdp
import pytest
from benchafxdp import VARIANTS
from peerservers import Place

SENDING = """
    ffffffff81 __xsk_generic_xmit ([kernel.kallsyms])
    ffffffff82 __sys_sendto+0x12 ([kernel.kallsyms])
    7f00000001 __send (/usr/lib/x86_64-linux-gnu/libc.so.6)

    ffffffff83 veth_poll ([kernel.kallsyms])
    ffffffff84 net_rx_action ([kernel.kallsyms])
    ffffffff82 __sys_sendto+0x12 ([kernel.kallsyms])

    55d0000001 holdfast::answer::Answer(int const&, int) (/b/tools/holdfast-dataplane)
    55d0000002 holdfast::io::RunLcore (/b/tools/holdfast-dataplane)

    7f00000002 [unknown] (/usr/lib/x86_64-linux-gnu/dpdk/librte_net_af_xdp.so.23.0)

    7f00000003 __libc_recvfrom (/usr/lib/x86_64-linux-gnu/libc.so.6)

    ffffffff85 do_syscall_64 ([kernel.kallsyms])
"""


def test_a_sample_belongs_to_the_outermost_thing_its_core_did():
    assert [benchafxdp.place_of(stack) for stack in benchafxdp.stacks(SENDING)] == [
        "send", "receive at the other end", "Holdfast", "driver",
        "C library around system calls", "system calls' entry, others"]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: one.name)
def test_a_variant_changes_what_it_says_and_nothing_else(variant, tmp_path):
    def config(one):
        place = Place(tmp_path, tmp_path, "10.9.0.1", 1000, Path("/programs"), Path("/huge"))
        text = benchafxdp.server_of(one).files(place)["holdfast.toml"]
        return tomllib.load(io.BytesIO(text.encode()))

    default, found = config(VARIANTS[0]), config(variant)
    port, changed = default["dataplane"]["port"][0], found["dataplane"]["port"][0]
    wanted = dict(variant.port)
    for argument in wanted.pop("device", "").split(",")[2:]:
        assert changed["device"] == f"{port['device']},{argument}"
        changed["device"] = port["device"]
    assert changed == port | wanted
    if variant.dataplane.get("hugepages", True):
        found["dataplane"]["port"] = [port]
        assert found == default | {"dataplane": default["dataplane"] | variant.dataplane}
    else:
        assert found["dataplane"]["hugepages"] is False
        assert found["tables"]["hugepages"] == "none"


def test_rows_are_medians_of_what_every_round_has():
    rounds = [{"default": {"answered": 1.0, "work": 5.0}}, {"default": {"answered": 3.0}}]
    rows = {row.name: row for row in benchafxdp.rows_of(rounds)}
    assert set(rows) == {"answered/default"}
    assert rows["answered/default"].value == 2.0
    profile = {row.name: row.value for row in benchafxdp.profile_rows([{"send": 4.0}, {"poll": 2}])}
    assert profile == {"ns/send": 2.0, "ns/poll": 1.0}
