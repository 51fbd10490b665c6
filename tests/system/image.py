"""The steps of deploy/Dockerfile, done without a container engine.

A stand-in for `docker build` and `docker run --read-only --cap-drop ALL`: a folder for each stage,
which is the root of what runs in it, in namespaces of its own. What an engine does beside that
(layers, cgroups, seccomp, networks) is not tried.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from dockerfile_parse import DockerfileParser
from pathspec import PathSpec

from loaders.settings import PROJECT_DIR

DOCKERFILE = PROJECT_DIR / "deploy" / "Dockerfile"
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec")
BORROWED = "/borrowed"
PATIENCE = 600  # seconds for a step
SECRET = re.compile(r"--mount=type=secret,id=(?P<id>\w+),target=(?P<target>\S+)\s")


def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, in order, each with what follows it."""
    parser = DockerfileParser(fileobj=BytesIO(DOCKERFILE.read_bytes()))
    return [
        (step["instruction"], step["value"])
        for step in parser.structure
        if step["instruction"] != "COMMENT"
    ]


def context() -> list[Path]:
    """The files that docker would be sent, as .dockerignore says, of those that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_DIR, capture_output=True, text=True, check=True,
    )  # fmt: skip
    ignored = PathSpec.from_lines(
        "gitwildmatch", (PROJECT_DIR / ".dockerignore").read_text().splitlines()
    )
    return [Path(name) for name in listed.stdout.splitlines() if not ignored.match_file(name)]


@dataclass
class Stage:
    """A stage of the Dockerfile: its root, and what has been said of it so far."""

    root: Path
    binds: Mapping[str, Path] = field(default_factory=dict)  # folders that are there, read-only
    env: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)  # USER, CMD, VOLUME, … as they are written
    workdir: str = "/"

    def inside(self, path: str) -> Path:
        """A path of the stage, as this process sees it."""
        return self.root / str(Path(self.workdir) / path).lstrip("/")

    def mounts(self, binds: Mapping[str, Path]) -> list[str]:
        """The commands that put folders and files in their places."""
        lines = []
        for target, source in {**self.binds, **binds}.items():
            place = self.root / target.lstrip("/")
            if source.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.touch()  # what a secret is mounted on stays, empty
            quoted = shlex.quote(str(place))
            lines.append(f"mount --bind {shlex.quote(str(source))} {quoted}")
            if target not in ("/data", "/dev"):
                lines.append(f"mount -o remount,bind,ro {quoted}")
        proc = shlex.quote(str(self.root / "proc"))
        return [*lines, f"mount -t proc proc {proc}"]

    def do(self, instruction: str, value: str, others: Mapping[str, "Stage"]) -> None:
        """One instruction."""
        match instruction:
            case "ENV":
                self.env |= dict(part.split("=", 1) for part in shlex.split(value))
            case "WORKDIR":
                self.workdir = value
                self.inside(".").mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(value.split(), others)
            case "RUN":
                self._run(value)
            case (
                "ARG"
                | "LABEL"
                | "USER"
                | "VOLUME"
                | "EXPOSE"
                | "STOPSIGNAL"
                | "HEALTHCHECK"
                | "CMD"
            ):
                self.said[instruction] = value
            case _:
                raise AssertionError(f"{instruction} is not done here")

    def _copy(self, words: list[str], others: Mapping[str, "Stage"]) -> None:
        *sources, target = words
        if sources[0].startswith("--from="):
            source = others[sources.pop(0).partition("=")[2]].inside(sources[0])
            shutil.copytree(source, self.inside(target), symlinks=True, dirs_exist_ok=True)
            return
        for path in context():
            if "." in sources or str(path) in sources:
                place = self.inside(target) / path
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT_DIR / path, place)

    def _run(self, command: str) -> None:
        given = {found["target"]: found["id"] for found in SECRET.finditer(command)}
        secrets = {target: SECRETS[name] for target, name in given.items() if name in SECRETS}
        words = ["/bin/sh", "-c", SECRET.sub("", command)]
        env = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **self.env}
        lines = [*self.mounts(secrets), self._enter(words, env, "0:0")]
        done = subprocess.run(
            [*NAMESPACES, "\n".join(lines)],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"RUN {command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        for target in secrets:
            assert (self.root / target.lstrip("/")).stat().st_size == 0  # in no layer

    def _enter(self, words: Sequence[str], env: Mapping[str, str], user: str) -> str:
        inside = ["/usr/bin/env", "-i", "-C", self.workdir, *_assignments(env), *words]
        drop = ["setpriv", "--no-new-privs"] if user != "0:0" else []
        enter = ["chroot", f"--userspec={user}", "--groups=", str(self.root)]
        return f"exec {shlex.join([*drop, *enter, *inside])}"

    @contextmanager
    def container(
        self, variables: Mapping[str, str], volume: Path, words: Sequence[str] = ()
    ) -> Iterator["Container"]:
        """What CMD starts, or the words given, on a root that is read-only but for its volume."""
        data = self.inside(json.loads(self.said["VOLUME"])[0])
        volume.mkdir(exist_ok=True)
        os.chown(volume, data.stat().st_uid, data.stat().st_gid)
        env = {**self.env, **variables}
        root = shlex.quote(str(self.root))
        lines = [
            f"mount --bind {root} {root}",
            *self.mounts({"/data": volume, "/dev": Path("/dev")}),
            f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp",
            f"mount -t tmpfs -o mode=1777,size=64m shm {root}/dev/shm",  # as engines give
            f"mount -o remount,bind,ro {root}",
            self._enter(words or json.loads(self.said["CMD"]), env, self.said["USER"]),
        ]
        with subprocess.Popen(
            [*NAMESPACES, "\n".join(lines)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            try:
                container = Container(self, process, env)
                while process.poll() is None and not container.is_inside:
                    time.sleep(0.01)
                yield container
            finally:
                process.kill()


SECRETS: dict[str, Path] = {}  # of the build, by their ids


@dataclass
class Container:
    """A running one: its first process, and a way to run others beside it."""

    stage: Stage
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
            return Path(f"/proc/{self.pid}/root").readlink() == self.stage.root
        except (IndexError, OSError):
            return False

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command in it, as `docker exec` runs it."""
        uid, gid = self.stage.said["USER"].split(":")
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-r", "-S", uid, "-G", gid]
        inside = ["/usr/bin/env", "-i", "-C", self.stage.workdir, *_assignments(self.env)]
        return subprocess.run(
            [*enter, *inside, *words], capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def check_health(self) -> subprocess.CompletedProcess[str]:
        """What HEALTHCHECK runs."""
        return self.run(*json.loads(self.stage.said["HEALTHCHECK"].partition("CMD")[2]))


def build(folder: Path, make_base: Callable[[Path], dict[str, Path]], **env: str) -> Stage:
    """All steps; the last stage. `make_base` fills a new root, and says what is bound into it."""
    named: dict[str, Stage] = {}
    stage = None
    for instruction, value in steps():
        if instruction == "FROM":
            root = folder / f"stage-{len(named)}"
            root.mkdir(parents=True)
            stage = Stage(root, make_base(root), dict(env))
            named[value.partition(" AS ")[2] or "last"] = stage
        elif stage is not None:
            stage.do(instruction, value, named)
    assert stage is not None
    return stage


def this_machine(root: Path) -> dict[str, Path]:
    """A base of this machine's programs, without its data, and its Python by the name of `python`.

    The packages are those of this checkout, so that none is installed: they are in `BORROWED`.
    """
    for name in ("bin", "sbin", "lib", "lib64"):
        if Path("/", name).is_symlink():
            (root / name).symlink_to(Path("/", name).readlink())
    for name in ("tmp", "proc", "dev", "root", "etc", "opt"):
        (root / name).mkdir()
    for name in ("passwd", "group", "login.defs", "ld.so.cache", "nsswitch.conf", "hosts"):
        shutil.copy(Path("/etc", name), root / "etc")
    (root / "etc/shadow").touch()
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    python = Path(sys.base_prefix).resolve()
    is_apart = not python.is_relative_to("/usr")
    return {
        "/usr": Path("/usr"),
        BORROWED: Path(packages),
        **({str(python): python} if is_apart else {}),
    }


def _assignments(env: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in env.items()]
