"""The shots of a film as an edit decision list (CMX 3600), which editors and grading programs read."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from .shots import Shot

_EVENTS = 999  # the format numbers events with three digits


def edit_decisions(shots: Sequence[Shot], rate: Fraction, name: str) -> str:
    """Write shots as an edit decision list: each as an event, dissolves with their number of frames.

    Time codes count frames at the nearest whole rate without drop frames, in the source as in the record, from
    00:00:00:00 on. Films of variable rate are counted by time.

    Args:
        shots: the shots, in order; those beyond the 999th are left out, because the format cannot number them.
        rate: frames a second.
        name: the name of the film; only printable ASCII is kept.

    Returns:
        The text of the file.

    Source: SMPTE RP 146 and the CMX 3600 format as described by the Library of Congress (fdd000559).
    """
    plain = "".join(c for c in name if " " <= c <= "~")
    lines = [f"TITLE: {plain}", "FCM: NON-DROP FRAME", ""]
    first = shots[0].start if shots else 0.0
    for number, shot in enumerate(shots[:_EVENTS], 1):
        before = shots[number - 2] if number > 1 else None
        frames = 0 if before is None else round((shot.clear[0] - before.clear[1]) * rate)
        # A dissolve is recorded from where it begins, and the shot before ends there.
        start = before.clear[1] if before is not None and frames else shot.start
        end = shot.clear[1] if number < len(shots) else shot.end
        codes = " ".join(2 * [timecode(start - first, rate), timecode(end - first, rate)])
        if frames and before is not None:
            here = timecode(start - first, rate)
            lines.append(f"{number:03}  AX       V     C        {here} {here} {here} {here}")
            lines.append(f"{number:03}  AX       V     D    {frames:03} {codes}")
        else:
            lines.append(f"{number:03}  AX       V     C        {codes}")
        lines += [f"* FROM CLIP NAME: {plain}", ""]
    return "\n".join(lines)


def timecode(seconds: float, rate: Fraction) -> str:
    """Hours, minutes, seconds and frames at the nearest whole rate, such as 00:01:02:03."""
    base = max(1, round(rate))
    frames = round(seconds * rate)
    return f"{frames // (3600 * base):02}:{frames // (60 * base) % 60:02}:{frames // base % 60:02}:{frames % base:02}"
