"""What a file says about a photo beside EXIF and colour space: XMP, IPTC, text and resolution."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>)\s*)[1-8]")
_THUMBNAILS = re.compile(rb"<xmp:Thumbnails>.*?</xmp:Thumbnails>\s*", re.DOTALL)
_EXTENDED = b"xmpNote:HasExtendedXMP"


@dataclass(frozen=True)
class Metadata:
    """What a file says about a photo; a format that has no place for a part drops it with a note."""

    xmp: bytes | None = None
    """The XMP packet (ISO 16684-1), in UTF-8."""
    iptc: bytes | None = None
    """The records of the IPTC's Information Interchange Model, such as caption and copyright."""
    text: tuple[tuple[str, str], ...] = ()
    """Keywords and texts of a PNG file, and the comment of a JPEG or GIF file as ``Comment``."""
    resolution: tuple[float, float] | None = None
    """Pixels per inch, across and down."""

    @staticmethod
    def of(
        xmp: object,
        iptc: object,
        text: tuple[tuple[str, str], ...] = (),
        resolution: tuple[float, float] | None = None,
    ) -> Metadata:
        """What is left of values that a library gave: blocks that are bytes, and a resolution that can be one.

        Many writers state one pixel per inch where they know nothing.
        """
        known = resolution is not None and min(resolution) > 1 and max(resolution) < 1e6
        return Metadata(
            xmp if isinstance(xmp, bytes) and xmp else None,
            iptc if isinstance(iptc, bytes) and iptc else None,
            text,
            resolution if known else None,
        )

    def upright(self, orientation: int) -> Metadata:
        """The same for the photo that was turned upright from EXIF orientation 1 to 8.

        Thumbnails in the XMP packet go, as they do from EXIF, because they would show another picture than the file.
        """
        turned = self.resolution[::-1] if self.resolution and orientation in (5, 6, 7, 8) else self.resolution
        xmp = None if self.xmp is None else _THUMBNAILS.sub(b"", _XMP_ORIENTATION.sub(rb"\g<1>1", self.xmp))
        return replace(self, xmp=xmp, resolution=turned)

    def notes(self) -> list[str]:
        """A sentence on what a reader could not take."""
        if self.xmp and _EXTENDED in self.xmp:
            return ["the second part of its XMP data, which is long, was dropped"]
        return []


def orientation_in_xmp(packet: bytes) -> int:
    """The orientation, 1 to 8, in an XMP packet; 1 without one."""
    found = _XMP_ORIENTATION.search(packet)
    return int(found[0][-1:]) if found else 1
