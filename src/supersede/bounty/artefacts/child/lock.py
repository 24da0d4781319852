"""How the child process locks itself, irreversibly, before it parses a stranger's model.

Every measure that the system offers is applied; the bits report which ones took effect. This file
imports nothing of the package, because the child imports nothing of it.
"""

import ctypes
import os
import struct
import sys

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

__all__ = ["HELD", "die_with_parent", "grant", "leave_network", "lock_in"]

# bit 0, 1, …
HELD = (
    "memory",  # no more memory than is allowed
    "processor",  # no more CPU seconds than are allowed
    "descriptors",  # nothing new can be opened: no file, no socket, no pipe
    "processes",  # no new process or thread
    "files",  # Landlock: no path can be read, written or executed
    "network",  # an empty network namespace
    "user",  # not the superuser, and no way to become it
)

NOBODY = 65534
CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
# the same numbers on every architecture
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # number of rights in each version of Landlock


def leave_network() -> bool:
    """Enter an empty network namespace, while the process still has one thread."""
    if sys.platform != "linux":
        return False
    own = 0 if os.geteuid() == 0 else CLONE_NEWUSER
    return bool(ctypes.CDLL(None).unshare(own | CLONE_NEWNET | CLONE_NEWIPC) == 0)


def die_with_parent() -> None:
    """End this process when the one that forked it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def lock_in(*, memory: int, cpu: int, output: int, network: bool) -> int:
    """Apply every available measure.

    Args:
        memory: Bytes of address space beyond those in use now.
        cpu: CPU seconds from now.
        output: Bytes that can be written.
        network: Whether the network is left already.

    Returns:
        One bit for each entry of HELD.
    """
    held = {"network"} if network else set()
    size = _address_space()  # while it can still be read
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        user = _become_nobody()
        bare = libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        held |= {"user"} if user and bare else set()
        held |= {"files"} if bare and _landlock(libc) else set()
    if resource is not None:
        held |= _limit(size and size + memory, cpu, output)
    return sum(1 << bit for bit, name in enumerate(HELD) if name in held)


def grant(cpu: int) -> None:
    """Allow so many CPU seconds from now on, but no more than were allowed in all."""
    if resource is None:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    wanted = int(used.ru_utime + used.ru_stime) + cpu + 1
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    within = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_CPU, (within, most))


def _address_space() -> int:
    """Bytes in use; 0 if unknown, or if such a limit would not be enforced (macOS)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # no more imports
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, AttributeError):
        return 0


def _become_nobody() -> bool:
    if os.geteuid() != 0:
        return True
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:  # the user need not be mapped in a container
        return False
    return os.geteuid() != 0


def _landlock(libc: ctypes.CDLL) -> bool:
    """Allow no path at all: a ruleset that handles every right and grants none."""
    version = libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    files = (1 << FILE_RIGHTS.get(version, 16)) - 1
    ports = 3 if version >= 4 else 0  # bind and connect TCP
    scopes = 3 if version >= 6 else 0  # abstract sockets and signals outside
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = struct.pack("<QQQ", files, ports, scopes)[:size]
    ruleset = libc.syscall(LANDLOCK_CREATE_RULESET, rules, size, 0)
    if ruleset < 0:
        return False
    done = bool(libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0)
    os.close(ruleset)
    return done


def _limit(memory: int, cpu: int, output: int) -> set[str]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limits = [
        ("memory", resource.RLIMIT_AS, memory),
        ("processor", resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + cpu + 1),
        ("", resource.RLIMIT_FSIZE, output),
        ("", resource.RLIMIT_CORE, 0),
        ("processes", resource.RLIMIT_NPROC, 0),
        ("descriptors", resource.RLIMIT_NOFILE, 0),
    ]
    held = set()
    for name, limit, value in limits[0 if memory else 1 :]:
        try:
            resource.setrlimit(limit, (value, value))
            held.add(name)
        except (OSError, ValueError):
            continue
    if os.geteuid() == 0:
        held.discard("processes")  # the superuser's are not counted
    return held
