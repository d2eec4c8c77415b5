"""What stands between a student's code and the machine: built of what the system has.

`Walls.found()` tries it out and says so in words. Each submission gets a process of its own in a
throw-away folder, with limits on time, memory, processes, files and their size; where it may be, on
Linux, also its own view of the machine, which holds Python, the library and that folder, has no
network and no other process; and, for root, an account that owns nothing.
"""

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

import vtff_lib

ACCOUNTS = 61_184  # the first of the numbers that no system gives away (systemd's list)
NEW_NS, NEW_UTS, NEW_IPC, NEW_USER, NEW_PID, NEW_NET = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
READ_ONLY, NO_SUID, BIND, REMOUNT, RECURSIVE, PRIVATE, DETACH = 1, 2, 4096, 32, 16384, 1 << 18, 2
DIE_WITH_PARENT, NO_NEW_PRIVILEGES, DROP_CAPABILITY = 1, 38, 24  # of prctl
MIB = 2**20
RELATIVE_TIMES = 1 << 21


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Args:
        cell: seconds for one cell.
        processor: seconds of a processor in all.
        memory: bytes of a process.
        disk: bytes of the throw-away folder.
        file: bytes of one file.
        processes: of the account.
    """

    cell: float = 120.0
    processor: int = 600
    memory: int = 4096 * MIB
    disk: int = 256 * MIB
    file: int = 64 * MIB
    processes: int = 128

    def set(self) -> None:
        """Put this process under the limits; it cannot lift them again."""
        for kind, most in (
            (resource.RLIMIT_CPU, self.processor),
            (resource.RLIMIT_DATA, self.memory),
            (resource.RLIMIT_FSIZE, self.file),
            (resource.RLIMIT_NOFILE, 256),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NPROC, self.processes),
        ):
            with contextlib.suppress(ValueError, OSError):  # macOS knows some by name only
                resource.setrlimit(kind, (most, most))


@dataclass(frozen=True)
class Walls:
    """What keeps submissions in.

    Args:
        view: each has its own view of the machine, without a network.
        account: each runs under an account of its own.
    """

    view: bool
    account: bool

    @classmethod
    def found(cls) -> "Walls":
        """Return what can be had here; a view is tried in a process that ends at once."""
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        view = sys.platform == "linux" and _can_have_a_view()
        return cls(view=view, account=root and (view or _another_can_run_python()))

    def __str__(self) -> str:
        if self.view:
            who = "an account of its own" if self.account else "no rights"
            return (
                "Each submission runs in a throw-away folder with limits of time, memory, disk and "
                f"processes; under {who}; it sees Python, the library and its own files, no "
                "network and no other process."
            )
        if self.account:
            return (
                "Each submission runs in a throw-away folder with limits of time, memory and "
                "processes, under an account of its own that cannot open the course. This system "
                "gives it no view of its own: it can read what everybody may read here, and has "
                "whatever network there is."
            )
        return (
            "This system has no walls for programs of others: a submission runs with your rights, "
            "under limits of time and memory alone."
        )

    @property
    def stand(self) -> bool:
        """Whether a submission can neither read nor change the course."""
        return self.view or self.account

    def hand_over(self, folder: Path, place: int) -> None:
        """Give a throw-away folder to the account that works in it."""
        if self.account and not self.view:
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, ACCOUNTS + place, ACCOUNTS + place)

    def end(self, process: int, place: int) -> None:
        """End a process behind the walls, and all that it has started."""
        for stop in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                stop(process, signal.SIGKILL)
        if self.account and not self.view:
            child = os.fork()
            if not child:
                with contextlib.suppress(BaseException):
                    os.setgid(ACCOUNTS + place)
                    os.setuid(ACCOUNTS + place)
                    os.kill(-1, signal.SIGKILL)  # all of this account's
                os._exit(0)
            os.waitpid(child, 0)

    def enter(self, folder: Path, limits: Limits, place: int) -> None:
        """Go behind the walls for good, with `folder` as the working folder.

        Returns in a process without others around; the one that called waits for it and ends.

        Args:
            folder: a throw-away one with the files of the submission.
            limits: what may be used.
            place: a number that no other submission has that runs at the same time.
        """
        account = ACCOUNTS + place
        if self.view:
            _enter_view(folder, limits.disk, account if self.account else None)
        else:
            os.chdir(folder)
            os.setsid()
        if self.account:
            os.setgroups([])
            os.setgid(account)
            os.setuid(account)
        limits.set()
        if sys.platform == "linux":
            _give_up_rights()
            _libc().prctl(DIE_WITH_PARENT, signal.SIGKILL)  # a change of account takes it away


def visible() -> list[Path]:
    """Return what a submission needs of the machine: Python, what is installed, the library."""
    python = {Path(each).resolve() for each in (sys.prefix, sys.base_prefix)}
    paths = {Path(sysconfig.get_path(each)).resolve() for each in ("stdlib", "purelib", "platlib")}
    system = {Path(f"/{each}") for each in ("usr", "lib", "lib64", "bin", "sbin")}
    fonts = {Path("/etc") / each for each in ("fonts", "ld.so.cache", "localtime", "passwd")}
    own = {Path(vtff_lib.__file__).resolve().parent}
    found = python | paths | system | fonts | own | {Path("/dev/null"), Path("/proc/cpuinfo")}
    found |= {Path("/dev/urandom"), Path("/dev/zero")}
    return sorted(each for each in found if each.exists())


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _did(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _unshare() -> None:
    """Leave the machine's view; who is not root becomes root of the new one alone."""
    user, group = os.getuid(), os.getgid()
    flags = NEW_NS | NEW_UTS | NEW_IPC | NEW_PID | NEW_NET | (NEW_USER if user else 0)
    _did(_libc().unshare(flags), "unshare")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _mount("none", "/", flags=RECURSIVE | PRIVATE)


def _mount(what: str, where: str, kind: str = "none", flags: int = 0, data: str = "") -> None:
    made = _libc().mount(what.encode(), where.encode(), kind.encode(), flags, data.encode())
    _did(made, f"mount {where}")


def _locked(path: Path) -> int:
    """Return the flags of a mount that who is not root may not take away."""
    flags = os.statvfs(path).f_flag
    kept = flags & (os.ST_NODEV | os.ST_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME)
    return kept | (RELATIVE_TIMES if flags & os.ST_RELATIME else 0)


def _can_have_a_view() -> bool:
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            _unshare()
            _mount("none", "/tmp", "tmpfs", NO_SUID)
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _another_can_run_python() -> bool:
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.setgid(ACCOUNTS)
            os.setuid(ACCOUNTS)
            os._exit(0 if os.access(os.__file__, os.R_OK) else 1)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _enter_view(folder: Path, disk: int, account: int | None) -> None:
    """Go into a new root: `visible()`, read only, and a copy of `folder` in memory."""
    names = [(each, each.is_dir()) for each in visible()]
    _unshare()
    inside = os.fork()  # the first process of the new view: with it all others end
    if inside:
        _, status = os.waitpid(inside, 0)
        os._exit(max(0, os.waitstatus_to_exitcode(status)))
    _libc().prctl(DIE_WITH_PARENT, signal.SIGKILL)
    root = str(folder.parent / "root")
    _mount("none", root, "tmpfs", NO_SUID, f"size={disk},mode=755")
    for path, is_folder in names:
        to = Path(f"{root}{path}")
        (to if is_folder else to.parent).mkdir(parents=True, exist_ok=True)
        if not is_folder:
            to.touch()
        _mount(str(path), str(to), flags=BIND | RECURSIVE)
        if not str(path).startswith("/dev"):
            _mount("none", str(to), flags=BIND | REMOUNT | READ_ONLY | NO_SUID | _locked(path))
    inside_work = Path(tempfile.mkdtemp(dir=root))  # no folder of the machine has its name
    inside_tmp = Path(f"{root}/tmp")
    shutil.copytree(folder, inside_work, dirs_exist_ok=True)
    inside_tmp.mkdir(exist_ok=True)
    inside_tmp.chmod(0o1777)
    if account is not None:
        for path in [inside_work, *inside_work.rglob("*")]:
            os.chown(path, account, account)
    os.chdir(root)
    _did(_libc().pivot_root(b".", b"."), "pivot_root")
    _did(_libc().umount2(b".", DETACH), "umount")
    os.chdir(f"/{inside_work.name}")


def _give_up_rights() -> None:
    libc = _libc()
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    for capability in range(64):
        libc.prctl(DROP_CAPABILITY, capability, 0, 0, 0)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    _did(libc.capset(head, (ctypes.c_uint32 * 6)()), "capset")
