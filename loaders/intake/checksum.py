"""An order-free checksum of a batch's rows: kept at intake, compared with raw by `elt verify`.

A value's hash is a polynomial of its UTF-8 bytes modulo 2^64, so that one sum over the powers of a
block serves every value in it (Karp and Rabin, 1987). Each is multiplied by an odd number that the
name of its column gives; a row's sum is mixed with the row's number (the finaliser of MurmurHash3);
the batch's checksum is the sum of its rows. NULL adds nothing, so columns that a batch does not
have change nothing. One changed value, or row number, always changes its row's sum before mixing.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BASE = 0x9E3779B97F4A7C15
MODULUS = 1 << 64
BLOCK = 1 << 18  # bytes whose powers are held; a longer value is hashed in parts
SHIFT = np.uint64(33)
FIRST_MIX, SECOND_MIX = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]
Hashes = NDArray[np.uint64]


class Values(NamedTuple):
    """The values of some columns, row by row: each is `data` from its start to its end."""

    data: Bytes
    starts: Places
    ends: Places
    is_null: NDArray[np.bool_]


def salts_of(names: Sequence[str]) -> Hashes:
    """An odd number for the name of each column."""
    digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names]
    return np.array([int.from_bytes(digest) | 1 for digest in digests], np.uint64)


class Hasher:
    """Hashes values in blocks, in memory of its own that every block uses again."""

    def __init__(self) -> None:
        self._terms = np.empty(0, np.uint64)
        self._sums = np.zeros(1, np.uint64)

    def hash(self, values: Values) -> Hashes:
        """The hash of each value, before it is told apart by its column; 0 for NULL."""
        hashes = np.empty(len(values.starts), np.uint64)
        first = 0
        while first < len(hashes):
            origin = int(values.starts[first])
            last = int(np.searchsorted(values.ends, origin + BLOCK, "right"))
            if last > first:
                self._hash_block(values, slice(first, last), hashes[first:last])
            else:  # longer than a block
                last = first + 1
                hashes[first] = _hash_long(values.data[origin : int(values.ends[first])])
            first = last
        hashes += (values.ends - values.starts).astype(np.uint64)
        hashes += np.uint64(1)  # so that the empty text is not NULL
        hashes[values.is_null] = 0
        return hashes

    def _hash_block(self, values: Values, part: slice, into: Hashes) -> None:
        origin = int(values.starts[part.start])
        starts, ends = values.starts[part] - origin, values.ends[part] - origin
        size = int(ends[-1])
        if size > len(self._terms):  # small files need little, and memory is not free to touch
            self._terms, self._sums = np.empty(size, np.uint64), np.zeros(size + 1, np.uint64)
        terms, sums = self._terms[:size], self._sums[: size + 1]
        np.multiply(values.data[origin : origin + size], POWERS[:size], out=terms)
        np.cumsum(terms, out=sums[1:])
        np.take(sums, ends, out=into)
        into -= sums[starts]
        into *= INVERSES[starts]


def sum_rows(sums: Hashes, numbers: Hashes) -> Hashes:
    """What each row adds to the checksum of its batch, given the sum of its salted values."""
    mixed = sums + numbers * SECOND_MIX
    for factor in (FIRST_MIX, SECOND_MIX):
        mixed ^= mixed >> SHIFT
        mixed *= factor
    mixed ^= mixed >> SHIFT
    return mixed


def total(parts: Hashes, before: int = 0) -> int:
    """The sum of checksums, or of what rows add to one."""
    return (before + int(parts.sum(dtype=np.uint64))) % MODULUS


def shown(checksum: int) -> str:
    """The checksum as the ledger has it: 16 hexadecimal digits."""
    return f"{checksum:016x}"


def _hash_long(data: Bytes) -> np.uint64:
    hashed, power = 0, 1
    for at in range(0, len(data), BLOCK):
        piece = data[at : at + BLOCK]
        hashed += power * int((piece * POWERS[: len(piece)]).sum(dtype=np.uint64))
        power = power * pow(BASE, len(piece), MODULUS) % MODULUS
    return np.uint64(hashed % MODULUS)


def _powers(base: int, count: int) -> Hashes:
    powers = np.ones(count, np.uint64)
    known = 1
    while known < count:
        more = min(known, count - known)
        powers[known : known + more] = powers[:more] * np.uint64(pow(base, known, MODULUS))
        known += more
    return powers


POWERS = _powers(BASE, BLOCK + 1)
INVERSES = _powers(pow(BASE, -1, MODULUS), BLOCK + 1)
