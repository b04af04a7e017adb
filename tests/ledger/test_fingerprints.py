"""What is hashed is what is read, whatever happens to a log meanwhile, and what may be taken."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
from typing import TYPE_CHECKING

import pytest

from pacsflow.errors import InputError
from pacsflow.ledger.fingerprints import Fingerprint, fingerprint, held, stamp

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
LONG = bytes(range(256)) * (3 * MIB // 256)
"""More than is hashed at a time."""


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "conn.log"
    made.write_bytes(b"0123456789")
    return made


class TestFingerprint:
    @pytest.mark.parametrize("data", [b"", b"a", LONG])
    def test_it_is_the_hash_and_size_of_all(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)
        assert fingerprint(path) == Fingerprint(sha(data), len(data), (), stamp(path))

    def test_a_packed_copy_has_the_same(self, path: Path) -> None:
        packed = path.with_suffix(".log.gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert fingerprint(packed, [5]).sha256 == fingerprint(path).sha256
        assert fingerprint(packed, [5]).prefixes == (sha(b"01234"),)

    def test_beginnings_tell_from_which_log_one_has_grown(self, path: Path) -> None:
        """The longest first; of no length that it does not have, nor of none."""
        found = fingerprint(path, [5, 3, 0, 10, 11, 5])
        assert found.prefixes == (sha(b"0123456789"), sha(b"01234"), sha(b"012"))

    def test_beginnings_of_a_long_log_end_where_they_end(self, path: Path) -> None:
        path.write_bytes(LONG)
        lengths = [3 * MIB, 2 * MIB + 7, MIB + 2, MIB + 1, MIB, MIB - 1]
        assert fingerprint(path, lengths).prefixes == tuple(sha(LONG[:n]) for n in lengths)

    def test_what_cannot_be_opened_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be read: No such file"):
            fingerprint(tmp_path / "none")


def test_a_stamp_changes_with_size_or_time(path: Path) -> None:
    os.utime(path, ns=(0, 7))
    assert stamp(path) == "10 7"
    assert stamp(path.parent / "none") == stamp("\0") == ""


class TestHeld:
    def test_a_log_that_goes_on_is_read_as_long_as_it_was(self, path: Path) -> None:
        with held(path) as log, path.open("ab") as more:
            more.write(b"more")
            more.flush()
            with log.path.open("rb") as file:
                assert file.read() == b"0123456789"
                assert file.tell() == 10
                assert file.read() == b""

    def test_it_is_read_from_any_place(self, path: Path) -> None:
        """As of a packed file, whose frames are gone back to."""
        with held(path) as log, log.path.open("rb") as file:
            assert file.seekable()
            assert file.readable()
            assert file.seek(4) == 4
            assert (file.read(2), file.tell()) == (b"45", 6)
            assert file.seek(-3, io.SEEK_CUR) == 3
            assert file.read(1) == b"3"
            assert file.seek(-1, io.SEEK_END) == 9
            assert file.read() == b"9"
            assert file.seek(20) == 20
            assert file.read() == b""
            assert file.seek(0) == 0
            assert file.read() == b"0123456789"

    def test_what_lies_before_its_beginning_is_its_beginning(self, path: Path) -> None:
        with held(path) as log, log.path.open("rb") as file:
            assert file.raw.seek(-1) == file.raw.tell() == 0

    def test_two_readers_have_each_their_place(self, path: Path) -> None:
        path.write_bytes(LONG)
        with held(path) as log, log.path.open("rb") as one, log.path.open("rb") as other:
            whole = [(one.read(MIB), other.read(MIB)) for _ in range(3)]
            assert b"".join(a for a, _ in whole) == b"".join(b for _, b in whole) == LONG

    def test_a_log_that_is_renamed_and_begun_anew_is_read_to_its_end(self, path: Path) -> None:
        with held(path) as log:
            path.rename(path.with_name("conn.old.log"))
            path.write_text("new")
            assert log.path.open("rb").read() == b"0123456789"
            assert log.fingerprint().sha256 == sha(b"0123456789")

    def test_its_name_is_a_path_like_any_other(self, path: Path) -> None:
        with held(path) as log:
            assert log.path == path
            assert log.path.open(encoding="utf-8").read() == "0123456789"
            assert log.path.with_name("conn.log").open("rb").read() == b"0123456789"


def change(path: Path, how: str) -> None:
    """Do to a log what rotation, a cut, an editor or the sensor does."""
    if how == "gone":
        path.unlink()
    elif how == "renewed":
        path.unlink()
        path.with_name("keeps the inode").touch()
        path.write_bytes(b"0123456789")
    elif how == "grown":
        path.write_bytes(b"0123456789ab")
    elif how == "written":
        path.write_bytes(b"012345678_")
    elif how == "cut":
        path.write_bytes(b"01234")


class TestCheck:
    @pytest.mark.parametrize("how", ["", "gone", "renewed", "grown"])
    def test_what_was_read_from_the_file_itself_stands(self, path: Path, how: str) -> None:
        with held(path) as log:
            log.fingerprint()
            change(path, how)
            log.check(by_name=False)

    @pytest.mark.parametrize("how", ["written", "cut"])
    def test_but_not_where_its_bytes_are_others(self, path: Path, how: str) -> None:
        with held(path) as log:
            log.fingerprint()
            change(path, how)
            with pytest.raises(InputError, match="changed while it was read; nothing of it was"):
                log.check(by_name=False)

    @pytest.mark.parametrize("how", ["gone", "renewed", "grown", "written", "cut"])
    def test_what_a_program_read_by_its_name_may_not_change_at_all(
        self, path: Path, how: str
    ) -> None:
        with held(path) as log:
            log.fingerprint()
            log.check(by_name=True)
            change(path, how)
            with pytest.raises(InputError, match="changed while it was read"):
                log.check(by_name=True)

    def test_what_was_not_hashed_may_not_change_either(self, path: Path) -> None:
        with held(path) as log:
            log.check(by_name=False)
            change(path, "grown")
            with pytest.raises(InputError, match="changed while it was read"):
                log.check(by_name=False)

    def test_packed_data_that_is_cut_is_not_what_was_hashed(self, path: Path) -> None:
        path.write_bytes(gzip.compress(LONG))
        with held(path) as log:
            log.fingerprint()
            path.write_bytes(path.read_bytes()[:50])
            with pytest.raises(InputError, match="changed while it was read"):
                log.check(by_name=False)
