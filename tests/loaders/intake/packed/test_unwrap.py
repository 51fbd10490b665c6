import gzip
import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import Random

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.batch import Compression
from loaders.intake.packed.compressed import CUT_OFF, compression_of
from loaders.intake.packed.unwrap import Member, UnwrapError, unwrap

TABLE = b"id,name\n1,Ada\n2,Zo\xc3\xab\n"
NOISE = Random(1).randbytes(300_000)  # does not compress, so it takes several reads
LIMIT = 1 << 30
SKIPPABLE = struct.pack("<II", 0x184D2A53, 5) + b"index"
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
Unwrapped = tuple[str | None, Compression | None, bytes | None]


class Inbox:
    """Unwraps a file with these bytes; all that comes out is in a folder of its own."""

    def __init__(self, path: Path) -> None:
        self.path, self.folder = path / "came", path / "folder"
        self.folder.mkdir()

    def members(self, content: bytes, limit: int = LIMIT) -> list[Member]:
        self.path.write_bytes(content)
        for old in self.folder.iterdir():
            old.unlink()
        members = list(unwrap(self.path, self.folder, limit))
        kept = {member.path for member in members if member.problem is None}
        assert set(self.folder.iterdir()) == kept - {self.path}  # nothing half-written
        assert all(member.path == self.path for member in members if member.problem)
        return members

    def unwrapped(self, content: bytes) -> list[Unwrapped]:
        """Name, compression and content of each member."""
        return [
            (member.name, member.compression, None if member.problem else member.path.read_bytes())
            for member in self.members(content)
        ]

    def problem(self, content: bytes, limit: int = LIMIT) -> str:
        """Why the only member is none."""
        (member,) = self.members(content, limit)
        assert member.problem
        return member.problem


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """Where the file comes in."""
    return Inbox(tmp_path)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(content)


# Plain files


@pytest.mark.parametrize(
    "content",
    [
        b"",
        TABLE,
        b"PK,name\n1,x\n",
        b"PK",
        b"PK\r\n",
        b"BZh,name\n",
        b"\x1f\x8b,name\n",
        b"\x1f\x8b\x08\xff,name\n",
        "7z,(µ/y\n".encode("cp1252"),
        "PK\n".encode("utf-16"),
        b"PAR1....PAR1",
    ],
)
def test_a_plain_file_is_its_own_only_member_and_nothing_is_copied(
    inbox: Inbox, content: bytes
) -> None:
    assert inbox.members(content) == [Member(inbox.path, None, None)]


def test_the_name_of_a_file_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(TABLE)
    assert list(unwrap(path, tmp_path, LIMIT)) == [Member(path, None, None)]


# gzip and Zstandard


@pytest.mark.parametrize("content", [b"", TABLE, NOISE, b"\0" * 3_000_000])
def test_what_was_compressed_comes_out(inbox: Inbox, content: bytes) -> None:
    assert inbox.unwrapped(gzip.compress(content)) == [(None, "gzip", content)]
    assert inbox.unwrapped(zstd(content)) == [(None, "zstd", content)]


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
def test_streams_that_follow_one_another_are_one_content(
    inbox: Inbox, compress: Callable[[bytes], bytes]
) -> None:
    (member,) = inbox.unwrapped(b"".join(map(compress, [TABLE, b"", NOISE, TABLE])))
    assert member[2] == TABLE + NOISE + TABLE


def test_many_small_members_take_no_more_than_their_time(inbox: Inbox) -> None:
    (member,) = inbox.unwrapped(gzip.compress(b"x") * 30_000)
    assert member[2] == b"x" * 30_000


def test_a_gzip_may_be_padded_with_nuls(inbox: Inbox) -> None:
    packed = gzip.compress(TABLE)
    assert inbox.unwrapped(packed + bytes(40_000)) == [(None, "gzip", TABLE)]
    assert inbox.unwrapped(packed + bytes(3) + packed)[0][2] == TABLE + TABLE


def test_frames_without_a_size_or_a_checksum_come_out(inbox: Inbox) -> None:
    stream = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    parts = [stream.compress(NOISE), stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
    parts += [stream.compress(TABLE), stream.flush()]
    assert inbox.unwrapped(b"".join(parts)) == [(None, "zstd", NOISE + TABLE)]


def test_skippable_frames_are_no_content(inbox: Inbox) -> None:
    content = SKIPPABLE + zstd(TABLE) + SKIPPABLE + zstd(TABLE) + SKIPPABLE
    assert inbox.unwrapped(content) == [(None, "zstd", TABLE + TABLE)]


@pytest.mark.parametrize("packed", [gzip.compress(NOISE), zstd(NOISE)])
def test_a_stream_cut_off_anywhere_stands_aside(inbox: Inbox, packed: bytes) -> None:
    for length in {4, 5, 9, 12, 17, len(packed) // 2, len(packed) - 4, len(packed) - 1}:
        if 4 <= length < len(packed):
            assert inbox.problem(packed[:length]) == CUT_OFF


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
@pytest.mark.parametrize("rest", [b"x", b"\n", b"id,name\n" * 9])
def test_what_follows_a_stream_is_a_problem(
    inbox: Inbox, compress: Callable[[bytes], bytes], rest: bytes
) -> None:
    assert "follows its compressed data" in inbox.problem(compress(TABLE) + rest)


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
@pytest.mark.parametrize("at", [-1, -4, 150_000])
def test_a_damaged_stream_is_a_problem(
    inbox: Inbox, compress: Callable[[bytes], bytes], at: int
) -> None:
    packed = bytearray(compress(NOISE))
    packed[at] ^= 1
    assert "damaged" in inbox.problem(bytes(packed))


def test_a_gzip_by_its_first_bytes_alone_is_a_problem(inbox: Inbox) -> None:
    assert "damaged" in inbox.problem(b"\x1f\x8b\x08\0" + b"id,name\n1,x\n" * 9)


def test_a_window_larger_than_the_memory_for_it_is_refused(inbox: Inbox) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    assert "128 MiB" in inbox.problem(stream.compress(TABLE) + stream.flush())


# zip


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_file_of_a_zip_is_a_member(inbox: Inbox, method: int) -> None:
    members = [("a.csv", TABLE), ("b/c.csv", NOISE), ("empty.csv", b""), ("zeros", bytes(9_999))]
    assert inbox.unwrapped(zipped(*members, method=method)) == [
        (name, "zip", content) for name, content in members
    ]


def test_folders_and_files_of_systems_are_no_members(inbox: Inbox) -> None:
    others = ["b/", "__MACOSX/._a.csv", ".DS_Store", "b/.DS_Store", "b/__MACOSX/x"]
    content = zipped(*((name, b"") for name in others), ("b/a.csv", TABLE))
    assert inbox.unwrapped(content) == [("b/a.csv", "zip", TABLE)]


def test_two_members_of_one_name_are_two(inbox: Inbox) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        content = zipped(("a.csv", b"1"), ("a.csv", b"2"))
    assert [member[2] for member in inbox.unwrapped(content)] == [b"1", b"2"]


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..\\x", "C:\\x", "x" * 300, "a\nb", "名前"])
def test_a_name_is_told_and_never_used(inbox: Inbox, name: str) -> None:
    (member,) = inbox.members(zipped((name, TABLE)))
    assert member.name == name
    assert member.path.parent == inbox.folder
    assert member.path.name.startswith("unwrapped-")


def test_a_member_that_is_damaged_stands_aside_alone(inbox: Inbox) -> None:
    content = bytearray(zipped(("a", TABLE), ("b", NOISE), ("c", TABLE)))
    content[150_000] ^= 1
    first, second, third = inbox.members(bytes(content))
    assert (first.problem, third.problem) == (None, None)
    assert second.name == "b"
    assert "damaged" in str(second.problem)


def test_a_member_that_is_encrypted_stands_aside_alone(inbox: Inbox) -> None:
    content = bytearray(zipped(("a", TABLE), ("b", TABLE)))
    content[content.index(b"PK\1\2") + 8] |= 1
    first, second = inbox.members(bytes(content))
    assert "encrypted" in str(first.problem)
    assert second.problem is None


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_is_not_read_is_named(inbox: Inbox, method: int) -> None:
    assert f"method {method}" in inbox.problem(zipped(("a", TABLE), method=method))


def test_a_symbolic_link_is_no_file(inbox: Inbox) -> None:
    info = zipfile.ZipInfo("a.csv")
    info.external_attr = 0o120777 << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert "symbolic link" in inbox.problem(file.getvalue())


@pytest.mark.parametrize("size", [0, 1, len(TABLE) - 1, len(TABLE) + 1, 1 << 31])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_size_that_lies_is_a_problem(inbox: Inbox, size: int, method: int) -> None:
    content = bytearray(zipped(("a", TABLE), method=method))
    directory = content.index(b"PK\1\2")
    begun = struct.pack("<L", zlib.crc32(TABLE[:size]))  # as of the part that it admits
    content[directory + 16 : directory + 20] = begun
    content[directory + 24 : directory + 28] = struct.pack("<L", size)
    assert "not what the zip's directory says" in inbox.problem(bytes(content))


def test_a_zip_that_is_cut_off_or_empty_is_a_problem(inbox: Inbox) -> None:
    content = zipped(("a", NOISE))
    for length in (4, 30, 1000, len(content) - 23, len(content) - 1):
        assert "cut off" in inbox.problem(content[:length])
    assert "holds no files" in inbox.problem(zipped())
    assert "holds no files" in inbox.problem(zipped(("folder/", b"")))


def test_what_a_zip_holds_besides_its_members_is_told(inbox: Inbox) -> None:
    first, second = zipped(("a", TABLE)), zipped(("b", TABLE))
    named, other = inbox.members(first + second)
    assert (named.name, named.problem) == ("b", None)
    assert "stand before" in str(other.problem)
    named, other = inbox.members(second + b"\n1,x\n")
    assert (named.name, named.problem) == ("b", None)
    assert "follow the end" in str(other.problem)


def test_a_comment_is_part_of_a_zip(inbox: Inbox) -> None:
    file = io.BytesIO(zipped(("a", TABLE)))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"packed on Monday " * 1000
    assert inbox.unwrapped(file.getvalue()) == [("a", "zip", TABLE)]


@pytest.mark.parametrize("name", ["[Content_Types].xml", "mimetype"])
def test_a_document_of_an_office_program_is_no_archive_of_tables(inbox: Inbox, name: str) -> None:
    assert "save its tables as CSV" in inbox.problem(zipped((name, b""), ("a.xml", b"<a/>")))


def test_a_directory_too_long_to_hold_is_refused(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.intake.packed.zipped.LARGEST_DIRECTORY", 1000)
    assert "too many members" in inbox.problem(zipped(*((f"{i}.csv", b"") for i in range(50))))


# One in another


def test_a_member_that_is_packed_itself_is_unwrapped_too(inbox: Inbox) -> None:
    inner = zipped(("c.csv", TABLE), ("d.csv.zst", zstd(TABLE)))
    content = zipped(("a.csv.gz", gzip.compress(TABLE)), ("b.zip", inner), ("e.csv", TABLE))
    assert inbox.unwrapped(content) == [
        ("a.csv.gz", "zip", TABLE),
        ("b.zip/c.csv", "zip", TABLE),
        ("b.zip/d.csv.zst", "zip", TABLE),
        ("e.csv", "zip", TABLE),
    ]


def test_the_problem_of_a_member_of_a_member_is_its_own(inbox: Inbox) -> None:
    damaged = bytearray(gzip.compress(TABLE))
    damaged[-1] ^= 1
    content = zipped(("a.zip", zipped(("b.gz", bytes(damaged)), ("c", TABLE))), ("d", TABLE))
    members = inbox.members(content)
    assert [member.name for member in members] == ["a.zip/b.gz", "a.zip/c", "d"]
    assert [bool(member.problem) for member in members] == [True, False, False]


def test_what_is_packed_too_deep_is_refused(inbox: Inbox) -> None:
    content = TABLE
    for _ in range(3):
        content = gzip.compress(content)
    assert inbox.unwrapped(content) == [(None, "gzip", TABLE)]
    assert "more than 3 times over" in inbox.problem(gzip.compress(content))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xfd7zXZ\0\0\4", "xz"),
        (b"BZh91AY&SY\0\0", "bzip2"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"a.csv".ljust(257, b"\0") + b"ustar\x0000", "tar"),
    ],
)
def test_a_packing_that_is_not_read_is_named(inbox: Inbox, content: bytes, reason: str) -> None:
    assert reason in inbox.problem(content)
    assert reason in inbox.problem(gzip.compress(content))
    with pytest.raises(UnwrapError, match=reason):
        compression_of(inbox.folder.parent / write(inbox, content))


def write(inbox: Inbox, content: bytes) -> str:
    inbox.path.write_bytes(content)
    return inbox.path.name


# Bombs


BOMB = bytes(20_000_000)


@pytest.mark.parametrize("pack", [gzip.compress, zstd, lambda content: zipped(("a", content))])
def test_more_than_the_limit_is_refused_and_removed(
    inbox: Inbox, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(BOMB)
    assert inbox.unwrapped(packed)[0][2] == BOMB
    problem = inbox.problem(packed, limit=5 << 20)
    assert problem == "it unpacks to more than 5 MiB, the limit for all that one file unpacks to"


def test_the_limit_is_for_all_that_a_file_unpacks_to(inbox: Inbox) -> None:
    content = zipped(("a", b"x" * 600), ("b", gzip.compress(b"y" * 400)), ("c", b""), ("d", b"z"))
    members = inbox.members(content, limit=1000)
    assert [(member.name, bool(member.problem)) for member in members] == [
        ("a", False),
        ("b", True),
        ("c", False),
        ("d", True),
    ]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_more_than_the_ratio_is_refused(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr("loaders.intake.packed.unwrap.ALWAYS_FINE", 1 << 20)
    assert "200 times the" in inbox.problem(pack(BOMB))
    assert inbox.unwrapped(pack(bytes(1 << 20)))[0][2] == bytes(1 << 20)


@pytest.mark.parametrize("pack", [gzip.compress, zstd, lambda content: zipped(("a", content))])
def test_memory_stays_flat(inbox: Inbox, pack: Callable[[bytes], bytes]) -> None:
    inbox.path.write_bytes(pack(BOMB))
    tracemalloc.start()
    try:
        assert len(list(unwrap(inbox.path, inbox.folder, LIMIT))) == 1
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


# What the caller does


def test_a_reader_that_stops_keeps_what_it_was_given_and_nothing_else(inbox: Inbox) -> None:
    inner = zipped(("a", TABLE), ("b", TABLE))
    inbox.path.write_bytes(zipped(("inner.zip", inner), ("c", TABLE)))
    members = unwrap(inbox.path, inbox.folder, LIMIT)
    (first,) = islice(members, 1)
    members.close()  # type: ignore[attr-defined]
    assert list(inbox.folder.iterdir()) == [first.path]


def test_a_full_disk_is_no_problem_of_the_file(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("loaders.intake.packed.unwrap._Unwrapping._take", fill)
    inbox.path.write_bytes(gzip.compress(TABLE))
    with pytest.raises(OSError, match="No space"):
        list(unwrap(inbox.path, inbox.folder, LIMIT))
    assert list(inbox.folder.iterdir()) == []


# Properties

magics = st.sampled_from([b"\x1f\x8b\x08", b"PK\3\4", b"PK\5\6", b"\x28\xb5\x2f\xfd", SKIPPABLE])
packed_contents = st.sampled_from(
    [gzip.compress(TABLE), zstd(TABLE), zipped(("a", TABLE), ("b", TABLE)), SKIPPABLE + zstd(TABLE)]
)


@given(content=st.binary() | st.tuples(magics, st.binary()).map(b"".join))
@one_folder
def test_any_bytes_come_out_or_stand_aside(inbox: Inbox, content: bytes) -> None:
    assert inbox.members(content)


@given(
    content=packed_contents,
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 40),
)
@one_folder
def test_a_damage_is_seen_or_does_not_matter(
    inbox: Inbox, content: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(content[: len(content) - cut])
    for place, byte in changes:
        damaged[place % len(damaged)] = byte
    for member in inbox.members(bytes(damaged)):
        if member.compression and not member.problem:
            assert member.path.read_bytes() in (TABLE, b"")


@given(contents=st.lists(st.binary(max_size=200), min_size=1, max_size=4))
@one_folder
def test_what_is_packed_comes_out_as_it_was(inbox: Inbox, contents: list[bytes]) -> None:
    plain = [b"=" + content for content in contents]  # packed itself it would be unwrapped too
    whole = b"".join(plain)
    assert inbox.unwrapped(b"".join(map(gzip.compress, plain))) == [(None, "gzip", whole)]
    assert inbox.unwrapped(b"".join(map(zstd, plain))) == [(None, "zstd", whole)]
    members = [(f"{i}.csv", content) for i, content in enumerate(plain)]
    assert [member[2] for member in inbox.unwrapped(zipped(*members))] == plain
