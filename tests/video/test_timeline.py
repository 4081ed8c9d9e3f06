"""Which look a film has when, and the list of its shots for editors."""

from __future__ import annotations

from fractions import Fraction

import pytest

from photostyle_native.video.edl import edit_decisions, timecode
from photostyle_native.video.shots import Shot
from photostyle_native.video.timeline import Point, Timeline, make_timeline, spans

# A hard cut at 4 s, and a dissolve from 8 to 10 s.
SHOTS = [
    Shot(0, 4, tuple(k / 25 for k in range(100)), (0, 4)),
    Shot(4, 9, tuple(k / 25 for k in range(100, 225)), (4, 8)),
    Shot(9, 20, tuple(k / 25 for k in range(225, 500)), (10, 20)),
]


def test_one_look_a_shot_and_both_in_a_dissolve() -> None:
    timeline = make_timeline(SHOTS, [[(0, 1.0)], [(1, 5.0)], [(2, 12.0)]])
    assert timeline.at(0) == timeline.at(3.96) == (0, 0, 0)
    assert timeline.at(4) == timeline.at(7.9) == timeline.at(8) == (1, 1, 0)
    assert timeline.at(8.5) == (1, 2, 0.25)
    assert timeline.at(9.5) == (1, 2, 0.75)
    assert timeline.at(10) == timeline.at(19) == timeline.at(25) == (2, 2, 0)
    assert timeline.at(-1) == (0, 0, 0)


def test_key_frames_in_a_long_shot() -> None:
    assert spans(SHOTS[2], None) == spans(SHOTS[2], 100.0) == [(10, 20)]
    assert spans(SHOTS[2], 5.0) == [(10, 15), (15, 20)]
    timeline = make_timeline(SHOTS[2:], [[(0, 12.0), (1, 18.0)]])
    assert timeline.at(11) == (0, 0, 0)
    assert timeline.at(13.5) == (0, 1, 0.25)
    assert timeline.at(18) == timeline.at(19) == (1, 1, 0)


def test_shares_have_no_jump_but_at_a_cut() -> None:
    timeline = make_timeline(SHOTS, [[(0, 1.0)], [(1, 5.0), (2, 7.0)], [(3, 12.0)]])

    def shares(time: float) -> dict[int, float]:
        one, other, share = timeline.at(time)
        return {one: 1 - share} | ({other: share} if other != one else {})

    for k in range(1, 2000):
        before, after = shares((k - 1) / 100), shares(k / 100)
        change = sum(abs(before.get(n, 0) - after.get(n, 0)) for n in range(4))
        assert change < 0.03 or k == 400


def test_a_part_depends_on_the_points_around_it() -> None:
    points = tuple(Point(float(k), k // 2) for k in range(6))
    timeline = Timeline(points)
    assert timeline.between(2.2, 2.8) == points[2:4]
    assert timeline.between(0.0, 1.5) == points[:3]
    assert timeline.between(4.5, 9.0) == points[4:]


def test_an_edit_decision_list() -> None:
    text = edit_decisions(SHOTS, Fraction(25), "café.mp4")
    assert text.splitlines() == [
        "TITLE: caf.mp4",
        "FCM: NON-DROP FRAME",
        "",
        "001  AX       V     C        00:00:00:00 00:00:04:00 00:00:00:00 00:00:04:00",
        "* FROM CLIP NAME: caf.mp4",
        "",
        "002  AX       V     C        00:00:04:00 00:00:08:00 00:00:04:00 00:00:08:00",
        "* FROM CLIP NAME: caf.mp4",
        "",
        "003  AX       V     C        00:00:08:00 00:00:08:00 00:00:08:00 00:00:08:00",
        "003  AX       V     D    050 00:00:08:00 00:00:20:00 00:00:08:00 00:00:20:00",
        "* FROM CLIP NAME: caf.mp4",
    ]


@pytest.mark.parametrize(
    ("seconds", "rate", "code"),
    [
        (0, Fraction(25), "00:00:00:00"),
        (3661.96, Fraction(25), "01:01:01:24"),
        (60, Fraction(24000, 1001), "00:00:59:23"),  # 1439 frames, counted by 24
        (1, Fraction(60), "00:00:01:00"),
    ],
)
def test_time_codes(seconds: float, rate: Fraction, code: str) -> None:
    assert timecode(seconds, rate) == code
