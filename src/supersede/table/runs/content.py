"""A file of results, opened as what it holds: text, JSON, JSON lines, XML or an archive."""

import gzip
import io
import json
import struct
import zipfile
import zlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.errors import SourceError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["Content"]

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_ZIP_ZSTD = 93  # the archive's number for Zstandard, which Python 3.11 cannot read itself
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_LARGEST = 2**31  # bytes after decompression: beyond this, a file is not a log of one run


class Content:
    """One file; each form of it is parsed at most once, when a reader first asks for it.

    Args:
        path: The file.

    Raises:
        SourceError: It cannot be read, is empty, or is cut off.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self.raw = self.path.read_bytes()
        except OSError as error:
            msg = f"cannot read {self.path}: {error.strerror}"
            raise SourceError(msg) from error
        if not self.raw.strip():
            msg = f"{self.path} is empty ({len(self.raw)} bytes): did the run write its results?"
            raise SourceError(msg)

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name

    @cached_property
    def archive(self) -> zipfile.ZipFile | None:
        """The file as a zip archive; None where it is none.

        Raises:
            SourceError: It begins as an archive, but is cut off or damaged.
        """
        if not self.raw.startswith(_ZIP):
            return None
        try:
            return zipfile.ZipFile(io.BytesIO(self.raw))
        except zipfile.BadZipFile as error:
            msg = f"{self.path} is an archive that is cut off or damaged; copy it again"
            raise SourceError(msg) from error

    def member(self, name: str) -> Any:
        """A JSON member of the archive.

        Raises:
            SourceError: The file is not an archive, or the member is damaged or no JSON.
        """
        if self.archive is None:
            msg = f"{self.path} is not a zip archive"
            raise SourceError(msg)
        info = self.archive.getinfo(name)
        try:
            if info.file_size > _LARGEST:
                raise zlib.error
            data = (
                _zstd_member(self.raw, info)
                if info.compress_type == _ZIP_ZSTD
                else self.archive.read(info)
            )
            return json.loads(data)
        except (zipfile.BadZipFile, zlib.error, ValueError, OSError, struct.error) as error:
            msg = f"{self.path}: member {name!r} is cut off or damaged; copy the file again"
            raise SourceError(msg) from error

    @cached_property
    def text(self) -> str | None:
        """The file as text, whether compressed or not; None where it is not text.

        Raises:
            SourceError: It is compressed, and cut off or damaged.
        """
        data = self.raw
        try:
            if data.startswith(_GZIP):
                data = gzip.decompress(data)
            elif data.startswith(_ZSTD):
                data = _zstd(data)
        except (OSError, EOFError, zlib.error) as error:
            msg = f"{self.path} is compressed, but cut off or damaged; copy it again"
            raise SourceError(msg) from error
        code = next((code for bom, code in _BOMS.items() if data.startswith(bom)), "utf-8")
        try:
            return data.decode(code)
        except UnicodeDecodeError:
            return None

    @property
    def begins(self) -> str:
        """The first character that is not a space."""
        return (self.text or "").lstrip()[:1]

    @cached_property
    def document(self) -> Any:
        """The file as one JSON value; None where it is none."""
        if self.begins not in {"{", "["}:
            return None
        try:
            return json.loads(self.text or "")
        except (ValueError, RecursionError):
            return None

    @cached_property
    def lines(self) -> list[dict[str, Any]] | None:
        """The file as JSON objects, one per line (blank lines left out); None where it is none.

        Raises:
            SourceError: The first line is an object, but a later one is none.
        """
        if self.begins != "{" or self.document is not None:
            return [self.document] if isinstance(self.document, dict) else None
        found: list[dict[str, Any]] = []
        for number, line in enumerate((self.text or "").split("\n"), 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                if not found:
                    return None
                msg = (
                    f"{self.path}: line {number} is not JSON (character {getattr(error, 'pos', 0)});"
                    " the run was probably cut off while it wrote: delete the broken line if you"
                    " mean to review what is there, or run it again"
                )
                raise SourceError(msg) from error
            if not isinstance(value, dict):
                msg = f"{self.path}: line {number} holds no JSON object, as the first line does"
                raise SourceError(msg)
            found.append(value)
        return found

    @cached_property
    def root(self) -> "Element | None":
        """The file as XML; None where it is none.

        Raises:
            SourceError: It begins as XML, but is cut off, or declares entities.
        """
        if self.begins != "<":
            return None
        from xml.etree import ElementTree

        text = self.text or ""
        if "<!DOCTYPE" in text or "<!ENTITY" in text:  # entities can name files, and explode
            msg = f"{self.path} declares a document type or entities; test reports have none"
            raise SourceError(msg)
        try:
            return ElementTree.fromstring(text)  # noqa: S314  # no entities: see above
        except ElementTree.ParseError as error:
            msg = f"{self.path} is cut off or damaged XML: {error}"
            raise SourceError(msg) from error

    @property
    def damage(self) -> str | None:
        """What is wrong with a file that no reader recognises, where that can be seen."""
        if self.archive is not None:
            if "xl/workbook.xml" in self.archive.namelist():
                return "it is an Excel file; export the table as CSV"
            return "it is a zip archive, and no log of Inspect"
        if self.text is None:
            return "it is not text in UTF-8 or UTF-16"
        if self.begins in {"{", "["} and self.document is None and self.lines is None:
            try:
                json.loads(self.text)
            except RecursionError:
                return "its JSON is nested too deeply"
            except ValueError as error:
                return f"its JSON is cut off or damaged ({error})"
        return None


def _zstd(data: bytes) -> bytes:
    import pyarrow as pa

    with pa.input_stream(pa.BufferReader(data), compression="zstd") as stream:
        return bytes(stream.read())


def _zstd_member(raw: bytes, info: zipfile.ZipInfo) -> bytes:
    """A member that is compressed with Zstandard, checked by its checksum."""
    names, extra = struct.unpack_from("<HH", raw, info.header_offset + 26)
    start = info.header_offset + 30 + names + extra
    data = _zstd(raw[start : start + info.compress_size])
    if zlib.crc32(data) != info.CRC:
        msg = "checksum"
        raise ValueError(msg)
    return data
