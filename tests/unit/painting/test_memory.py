"""How much memory there is: the machine's, and what control groups let a process have of it."""

from pathlib import Path

import pytest
import torch

from nstd.errors import StorageError
from nstd.painting.memory import Memory, host_memory, memory_of

MIB = 1 << 20


class Machine:
    """A system's files as `host_memory` reads them: 1,000 MiB, 600 free, 50 of this process."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.groups = folder / "proc", folder / "cgroup"
        self.write(
            "proc/meminfo",
            f"MemTotal: {1000 << 10} kB\nMemAvailable: {550 << 10} kB\nSwapFree: 0 kB\n",
            folder,
        )
        self.write("proc/self/status", f"Name:\tpython\nVmRSS:\t   {50 << 10} kB\n", folder)
        self.write("proc/self/cgroup", "0::/\n", folder)
        self.groups.mkdir()
        self.folder = folder

    def write(self, name: str, text: str, folder: Path | None = None) -> None:
        path = (folder or self.folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def memory(self) -> Memory:
        return host_memory(self.proc, self.groups)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_a_group_it_is_the_machine_s_and_ours_counts_as_free(machine: Machine) -> None:
    assert machine.memory() == Memory(1000 * MIB, 600 * MIB)


def test_a_unit_s_limit_holds_wherever_above_it_is_set(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "0::/system.slice/nstd.service\n")
    machine.write("cgroup/system.slice/nstd.service/memory.max", "max\n")
    machine.write("cgroup/system.slice/nstd.service/memory.current", "0\n")
    machine.write("cgroup/system.slice/nstd.service/memory.stat", "anon 7\n")
    machine.write("cgroup/system.slice/memory.max", f"{400 * MIB}\n")
    machine.write("cgroup/system.slice/memory.current", f"{300 * MIB}\n")
    machine.write("cgroup/system.slice/memory.stat", f"anon 1\ninactive_file {100 * MIB}\n")
    # 300 are used, of which 100 are files that go when asked, and 50 are ours.
    assert machine.memory() == Memory(400 * MIB, 250 * MIB)


def test_groups_of_the_first_version_count_too(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "4:cpu,memory:/docker/1\n1:pids:/docker/1\n0::/\n")
    machine.write("cgroup/memory/docker/1/memory.limit_in_bytes", f"{200 * MIB}\n")
    machine.write("cgroup/memory/docker/1/memory.usage_in_bytes", f"{150 * MIB}\n")
    machine.write("cgroup/memory/docker/1/memory.stat", "total_inactive_file 0\n")
    assert machine.memory() == Memory(200 * MIB, 100 * MIB)


def test_a_system_that_does_not_say_is_an_error_with_a_name(machine: Machine) -> None:
    machine.write("proc/meminfo", "MemTotal: 1 kB\n")
    with pytest.raises(StorageError, match=r"meminfo does not tell 'MemAvailable'"):
        machine.memory()
    (machine.proc / "meminfo").unlink()
    with pytest.raises(StorageError, match="proc failed: No such file"):
        machine.memory()


def test_here_it_is_what_the_kernel_says_at_most() -> None:
    facts = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    found = memory_of(torch.device("cpu"))
    assert 0 < found.free <= found.total <= int(facts["MemTotal"].removesuffix("kB")) * 1024
