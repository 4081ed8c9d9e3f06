"""The scores of one pair, all at one size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from evaluation.pair_folders import picture, save

from photostyle_native import VGG19, PhotostyleError
from photostyle_native.evaluation.pairs import find_pairs
from photostyle_native.evaluation.records import Finished
from photostyle_native.evaluation.scores import CONTENT, OURS, REFERENCE, score_pair


def test_all_pictures_of_a_pair_are_scored_at_one_size(folder: Path, vgg: VGG19) -> None:
    pair = find_pairs(folder)[0][0]
    save(folder / "ours.png", picture(51, 67, 0))  # the content itself
    scores, problems = score_pair(pair, Finished(folder / "ours.png", 1.5, 7), 48, vgg)
    assert problems == []
    assert [score.who for score in scores] == [OURS, REFERENCE, CONTENT]
    assert {(score.pair, score.size) for score in scores} == {("2", (37, 48))}
    ours, reference, content = scores
    assert (ours.path, ours.seconds, ours.iterations) == (folder / "ours.png", 1.5, 7)
    assert (reference.path, reference.seconds) == (pair.reference, None)
    assert ours.evaluation == content.evaluation
    assert content.evaluation["content"] == 0 < reference.evaluation["content"]
    assert content.evaluation["metrics"]["ssim"] == 1
    assert list(content.evaluation["metrics"]["labels"]) == ["blue", "red"]


def test_the_smallest_picture_sets_the_size_and_one_that_cannot_be_used_is_named(folder: Path, vgg: VGG19) -> None:
    pair = find_pairs(folder)[0][0]
    save(folder / "small.png", picture(33, 43, 0))
    save(folder / "square.png", picture(40, 40, 0))
    pair = replace(pair, reference=folder / "square.png")
    scores, problems = score_pair(pair, Finished(folder / "small.png"), 48, vgg)
    assert [(score.who, score.size) for score in scores] == [(OURS, (33, 43)), (CONTENT, (33, 43))]
    (problem,) = problems
    assert problem.endswith("square.png is 40x40, its content 67x51: the aspect ratios differ")
    pair.style.write_bytes(b"")
    with pytest.raises(PhotostyleError, match=r"tar2\.png: the file is empty"):
        score_pair(pair, None, 48, vgg)
