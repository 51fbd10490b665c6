"""Peers: each in a virtual environment of its own, from the index that pip is set up for.

None of them comes into the project's own environment; SQLAlchemy alone would slow it down.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import reason_of

INSTALL_SECONDS = 1_200  # ingestr alone brings 200 packages


@dataclass(frozen=True)
class Peer:
    """A program of the index: its packages, pinned, and where its program lies then."""

    name: str
    packages: tuple[str, ...]
    program: str

    @property
    def version(self) -> str:
        """The version of its first package."""
        return self.packages[0].partition("==")[2]


SITE = "lib/python*/site-packages"
PEERS = (
    Peer("ingestr", ("ingestr==0.14.155",), "bin/ingestr"),
    Peer(
        "sling",
        ("sling-linux-amd64==1.4.11",),  # the program itself, without the wrapper that downloads it
        f"{SITE}/sling_linux_amd64/bin/sling-linux-amd64",
    ),
    Peer("target-postgres", ("meltanolabs-target-postgres==0.8.1",), "bin/target-postgres"),
    Peer(
        "pandas",
        ("pandas==3.1.1", "sqlalchemy==2.1.9", "psycopg2-binary==2.9.13"),
        "bin/python",
    ),
)


class PeerError(Exception):
    """A peer cannot take part, and why."""


def peer(name: str) -> Peer:
    """The peer of that name."""
    return next(peer for peer in PEERS if peer.name == name)


def install(peer: Peer, folder: Path) -> Path:
    """The program of a peer, installed unless it is.

    Raises:
        PeerError: pip's own reason.
    """
    home = folder / peer.name
    done = home / "installed.txt"
    wanted = "\n".join(peer.packages)
    if not done.exists() or done.read_text() != wanted:
        _install(home, peer.packages)
        done.write_text(wanted)
    program = next(iter(home.glob(peer.program)), None)
    if program is None:
        raise PeerError(f"did not install: no {Path(peer.program).name}")
    program.chmod(program.stat().st_mode | 0o111)
    return program


def _install(home: Path, packages: tuple[str, ...]) -> None:
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    for step in ([sys.executable, "-m", "venv", "--clear", str(home)], [*pip, "-q", *packages]):
        try:
            done = subprocess.run(
                step, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise PeerError(f"did not install: not within {INSTALL_SECONDS} s") from None
        if done.returncode:
            raise PeerError(f"did not install: {reason_of(done.stderr or done.stdout)}")
