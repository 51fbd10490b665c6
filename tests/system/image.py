"""The steps of deploy/Dockerfile, done without a container engine.

A stand-in for `docker build` and `docker run --read-only --cap-drop ALL`: a folder for each stage,
which is the root of what runs in it, in namespaces of its own. What an engine does beside that
(layers, cgroups, seccomp, networks) is not tried.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loaders.settings import PROJECT_DIR
from tests.system.dockerfile import context, steps

NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec")
BORROWED = "/borrowed"
PATIENCE = 600  # seconds for a step
SECRET = re.compile(r"--mount=type=secret,id=(?P<id>\w+),target=(?P<target>\S+)\s")


@dataclass
class Stage:
    """A stage of the Dockerfile: its root, and what has been said of it so far."""

    root: Path
    binds: Mapping[str, Path] = field(default_factory=dict)  # folders that are there, read-only
    secrets: Mapping[str, Path] = field(default_factory=dict)  # of the build, by their ids
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
        secrets = {
            target: self.secrets[name] for target, name in given.items() if name in self.secrets
        }
        words = ["/bin/sh", "-c", SECRET.sub("", command)]
        env = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **self.env}
        lines = [*self.mounts(secrets), self.enter(words, env, "0:0")]
        done = subprocess.run(
            [*NAMESPACES, "\n".join(lines)],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"RUN {command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        for target in secrets:
            (self.root / target.lstrip("/")).unlink()  # the empty file under it: in no layer

    def enter(self, words: Sequence[str], env: Mapping[str, str], user: str) -> str:
        """The command that becomes these words in the root, as the user, `uid:gid`."""
        inside = ["/usr/bin/env", "-i", "-C", self.workdir, *assignments(env), *words]
        drop = ["setpriv", "--no-new-privs"] if user != "0:0" else []
        enter = ["chroot", f"--userspec={user}", "--groups=", str(self.root)]
        return f"exec {shlex.join([*drop, *enter, *inside])}"


def build(
    folder: Path,
    make_base: Callable[[Path], dict[str, Path]],
    secrets: Mapping[str, Path],
    **env: str,
) -> Stage:
    """All steps; the last stage. `make_base` fills a new root, and says what is bound into it."""
    named: dict[str, Stage] = {}
    stage = None
    for instruction, value in steps():
        if instruction == "FROM":
            root = folder / f"stage-{len(named)}"
            root.mkdir(parents=True)
            stage = Stage(root, make_base(root), secrets, dict(env))
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


def assignments(env: Mapping[str, str]) -> list[str]:
    """Variables, as env(1) takes them."""
    return [f"{name}={value}" for name, value in env.items()]
