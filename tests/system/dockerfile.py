"""deploy/Dockerfile and .dockerignore, as docker reads them."""

import subprocess
from io import BytesIO
from pathlib import Path

from dockerfile_parse import DockerfileParser
from pathspec import PathSpec

from loaders.settings import PROJECT_DIR

DOCKERFILE = PROJECT_DIR / "deploy" / "Dockerfile"


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
