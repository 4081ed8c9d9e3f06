"""Groups of scene classes: classes that look alike under the same light are one group.

A transfer needs regions that change together, not exact names: a lake may take the colours of a sea. So the 150
classes of ADE20K (SceneParse150; B. Zhou et al., *Scene Parsing through ADE20K Dataset*, CVPR 2017) are merged, as
section 3 of Luan et al. merges lake, river and ocean into water. Classes are matched by name, so that models that
number them differently, or that have the 19 classes of Cityscapes, work too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import PhotostyleError

_CLASSES = {
    "sky": "sky",
    "water": "water sea river lake waterfall fountain swimming_pool",
    "plants": "tree grass plant field flower palm vegetation",
    "ground": """floor road sidewalk earth rug sand path runway dirt_track land stairs stairway step pier escalator
        terrain""",
    "rock": "mountain rock hill",
    "buildings": """building house fence railing column signboard skyscraper grandstand bridge hovel tower awning
        streetlight booth pole bannister stage canopy tent tank sculpture traffic_light base trade_name
        traffic_sign""",
    "rooms": """wall ceiling windowpane door curtain painting mirror fireplace screen_door blind poster
        bulletin_board radiator hood shower screen""",
    "people": "person apparel animal rider",
    "things": """bed cabinet table chair car sofa shelf armchair seat desk wardrobe lamp bathtub cushion box
        chest_of_drawers counter sink refrigerator case pool_table pillow bookcase coffee_table toilet book bench
        countertop stove kitchen_island computer swivel_chair boat bar arcade_machine bus towel light truck chandelier
        television_receiver airplane ottoman bottle buffet van ship conveyer_belt washer plaything stool barrel
        basket bag minibike cradle oven ball food microwave pot bicycle dishwasher blanket sconce vase tray ashcan fan
        crt_screen plate monitor glass clock flag train motorcycle""",
}
# The colour of each group in label images: the most natural choice from the authors' palette.
COLORS = {
    "sky": "cyan",
    "water": "blue",
    "plants": "green",
    "ground": "yellow",
    "rock": "grey",
    "buildings": "red",
    "rooms": "white",
    "people": "magenta",
    "things": "black",
}
GROUPS = tuple(COLORS)
_GROUP_OF = {name.replace("_", " "): group for group, classes in _CLASSES.items() for name in classes.split()}


def group_of(name: str) -> str | None:
    """The group of a class by its name ("sea", or with synonyms as ADE20K lists them, "earth, ground"), or None."""
    for synonym in name.lower().replace(";", ",").split(","):
        known = _GROUP_OF.get(" ".join(synonym.replace("_", " ").split()))
        if known:
            return known
    return None


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which classes of a model belong to which group.

    members  (len(GROUPS), C) bool; a class that is not known belongs to no group.
    unknown  the names of the classes that are not known.
    """

    members: Tensor
    unknown: tuple[str, ...]

    def __call__(self, logits: Tensor) -> Tensor:
        """Turn logits of classes (C, h, w) into log-probabilities of the groups (len(GROUPS), h, w).

        A group without classes gets -inf. Classes that are not known are left out of the probabilities.
        """
        log_odds = [
            torch.logsumexp(logits[own], 0) if bool(own.any()) else logits.new_full(logits.shape[1:], -torch.inf)
            for own in self.members.to(logits.device)
        ]
        return torch.log_softmax(torch.stack(log_odds), 0)


def grouping(id2label: Mapping[int, str], model: str) -> Grouping:
    """Assign a model's classes to groups, by their names in its configuration. `model` names it in messages.

    Raises PhotostyleError if more than half of the classes are not known.
    """
    groups = [group_of(id2label[k]) for k in sorted(id2label)]
    unknown = tuple(id2label[k] for k, group in zip(sorted(id2label), groups, strict=True) if group is None)
    if 2 * len(unknown) > len(groups):
        listed = ", ".join(unknown[:4]) + (", ..." if len(unknown) > 4 else "")
        raise PhotostyleError(
            f"{model} must have the classes of ADE20K or Cityscapes in its configuration (id2label), but"
            f" {len(unknown)} of its {len(groups)} are not known: {listed}"
        )
    return Grouping(torch.tensor([[group == own for group in groups] for own in GROUPS]), unknown)
