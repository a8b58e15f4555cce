"""Whether the first bytes of a file are those of a video, by the packings that FFmpeg is allowed to read.

A courtesy: it turns a text or a picture away before it is stored. What a file really is, ffprobe finds out
where it is encoded.
"""

HEAD_BYTES = 1024
"""How many tell."""

_PACKET = 188
_MOV = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_BEGINNINGS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"FLV\x01",
    b"OggS",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"\x00\x00\x01\xba",  # MPEG programme stream
    b"\x00\x00\x01\xb3",  # MPEG video
)


def is_video(head: bytes) -> bool:
    """Of a file's first bytes, all of it if it is shorter."""
    if head[4:8] in _MOV or head.startswith(_BEGINNINGS):
        return True
    return (head[:4] == b"RIFF" and head[8:12] == b"AVI ") or _is_transport_stream(head)


def _is_transport_stream(head: bytes) -> bool:
    """Packets of 188 bytes, or of 192 with a time before each, that begin with G."""
    kinds = ((0, _PACKET), (4, _PACKET + 4))
    return any(head[first : first + 3 * size + 1 : size] == b"GGGG" for first, size in kinds)
