"""Containers of an image that tests/system/image.py has built, as `docker run` would start them."""

import json
import os
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system.image import NAMESPACES, PATIENCE, Stage, assignments


@dataclass
class Container:
    """A running one: its first process, and a way to run others beside it."""

    image: Stage
    process: "subprocess.Popen[str]"
    env: Mapping[str, str]

    @property
    def pid(self) -> int:
        """Process 1 of it, as this machine numbers it."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    @property
    def is_inside(self) -> bool:
        """Whether that process is in the image's root by now."""
        try:
            return Path(f"/proc/{self.pid}/root").readlink() == self.image.root
        except (IndexError, OSError):
            return False

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command in it, as `docker exec` runs it."""
        uid, gid = self.image.said["USER"].split(":")
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-r", "-S", uid, "-G", gid]
        inside = ["/usr/bin/env", "-i", "-C", self.image.workdir, *assignments(self.env)]
        return subprocess.run(
            [*enter, *inside, *words], capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def check_health(self) -> subprocess.CompletedProcess[str]:
        """What HEALTHCHECK runs."""
        return self.run(*json.loads(self.image.said["HEALTHCHECK"].partition("CMD")[2]))


@contextmanager
def run_container(image: Stage, variables: Mapping[str, str], volume: Path) -> Iterator[Container]:
    """What CMD starts, on a root that is read-only but for its volume, /tmp and /dev/shm."""
    data = image.inside(json.loads(image.said["VOLUME"])[0])
    volume.mkdir(exist_ok=True)
    os.chown(volume, data.stat().st_uid, data.stat().st_gid)
    env = {**image.env, **variables}
    root = shlex.quote(str(image.root))
    lines = [
        f"mount --bind {root} {root}",
        *image.mounts({"/data": volume, "/dev": Path("/dev")}),
        f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp",
        f"mount -t tmpfs -o mode=1777,size=64m shm {root}/dev/shm",  # as engines give
        f"mount -o remount,bind,ro {root}",
        image.enter(json.loads(image.said["CMD"]), env, image.said["USER"]),
    ]
    with subprocess.Popen(
        [*NAMESPACES, "\n".join(lines)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        try:
            container = Container(image, process, env)
            while process.poll() is None and not container.is_inside:
                time.sleep(0.01)
            yield container
        finally:
            process.kill()
