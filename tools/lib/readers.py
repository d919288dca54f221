"""What the reader files of a running Holdfast tell (dataplane/table/FORMAT.md, ReaderFile). Used by
tools/lab and tools/bench peers."""


def polls(run_dir):
    """Whether the first poll thread has passed a generation, so that it answers from tables: kernel
    sockets do so before, and whoever measures the port would measure them."""
    for reader in run_dir.glob("readers/dataplane.*"):
        if 0 < int.from_bytes(reader.read_bytes()[64:72], "little") < 2**64 - 1:
            return True
    return False
