"""What a running Holdfast tells of those who read its tables: by their files (dataplane/table/
FORMAT.md, ReaderFile) and by `holdfast status --json`. Used by tools/lab and tools/bench peers."""


def polls(run_dir):
    """Whether the first poll thread has passed a generation, so that it answers from tables: kernel
    sockets do so before, and whoever measures the port would measure them."""
    for reader in run_dir.glob("readers/dataplane.*"):
        if 0 < int.from_bytes(reader.read_bytes()[64:72], "little") < 2**64 - 1:
            return True
    return False


def busy(status):
    """(TSC cycles in polls that gave frames, replies sent) of the poll threads together, of the
    object of `holdfast status --json`; None where the data plane does not count such cycles."""
    counters = [reader["counters"] for reader in status["readers"] or ()
                if reader["role"] == "dataplane"]
    if not counters or any("busy_cycles" not in one for one in counters):
        return None
    return sum(one["busy_cycles"] for one in counters), sum(one["sent"] for one in counters)
