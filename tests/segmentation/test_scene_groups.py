"""Classes of scene parsers and the groups they belong to."""

from __future__ import annotations

import math

import pytest
import torch

from photostyle_native.errors import PhotostyleError
from photostyle_native.masks.palettes import AUTHORS_COLORS
from photostyle_native.segmentation.scene_groups import COLORS, GROUPS, group_of, grouping

# The classes of ADE20K in their order, as models on the hub name them, and of Cityscapes.
ADE20K = """wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk, person,
earth, door, table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug,
field, armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column,
signboard, chest of drawers, counter, sand, sink, skyscraper, fireplace, refrigerator, grandstand, path, stairs,
runway, case, pool table, pillow, screen door, stairway, river, bridge, bookcase, blind, coffee table, toilet,
flower, book, hill, bench, countertop, stove, palm, kitchen island, computer, swivel chair, boat, bar, arcade
machine, hovel, bus, towel, light, truck, tower, chandelier, awning, streetlight, booth, television receiver,
airplane, dirt track, apparel, pole, land, bannister, escalator, ottoman, bottle, buffet, poster, stage, van,
ship, fountain, conveyer belt, canopy, washer, plaything, swimming pool, stool, barrel, basket, waterfall, tent,
bag, minibike, cradle, oven, ball, food, step, tank, trade name, microwave, pot, animal, bicycle, lake,
dishwasher, screen, blanket, sculpture, hood, sconce, vase, traffic light, tray, ashcan, fan, pier, crt screen,
plate, monitor, bulletin board, shower, radiator, glass, clock, flag"""
CITYSCAPES = """road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, terrain,
sky, person, rider, car, truck, bus, train, motorcycle, bicycle"""


def names(listed: str) -> dict[int, str]:
    return dict(enumerate(" ".join(listed.split()).split(", ")))


def test_every_class_has_a_group() -> None:
    assert len(names(ADE20K)) == 150
    for listed in (ADE20K, CITYSCAPES):
        groups = grouping(names(listed), "a model")
        assert groups.unknown == ()
        assert (groups.members.sum(0) == 1).all()


def test_what_looks_alike_is_together() -> None:
    for group, classes in {
        "water": ("lake", "river", "sea", "water"),
        "plants": ("tree", "grass", "flower"),
        "buildings": ("building", "house", "skyscraper"),
        "sky": ("sky",),
    }.items():
        assert {group_of(name) for name in classes} == {group}


def test_spellings_of_a_class() -> None:
    assert group_of("bed ") == "things"
    assert group_of("Sky") == "sky"
    assert group_of("earth, ground") == "ground"
    assert group_of("edifice;building") == "buildings"
    assert group_of("swimming_pool") == "water"
    assert group_of("LABEL_7") is None


def test_groups_have_colours_of_their_own() -> None:
    assert set(COLORS.values()) == set(AUTHORS_COLORS)
    assert len(GROUPS) == len(AUTHORS_COLORS)


def test_probabilities_of_classes_add_up() -> None:
    """lake .3 and sea .2 are water .5, more than sky .4; the class that is not known has no say."""
    groups = grouping({0: "lake", 1: "sky", 2: "sea", 3: "gizmo", 4: "road"}, "a model")
    assert groups.unknown == ("gizmo",)
    logits = torch.tensor([0.3, 0.4, 0.2, 0.9, 0.1]).log().view(5, 1, 1) + 7
    probabilities = groups(logits).exp().flatten()
    expected = {"water": 0.5, "sky": 0.4, "ground": 0.1}
    assert probabilities.tolist() == pytest.approx([expected.get(name, 0) for name in GROUPS])
    assert math.isinf(float(groups(logits)[GROUPS.index("rock")]))


def test_a_model_of_something_else() -> None:
    with pytest.raises(
        PhotostyleError, match=r"cats must have the classes of ADE20K .* 3 of its 4 are not known: a,"
    ):
        grouping({0: "a", 1: "b", 2: "c", 3: "sky"}, "cats")
