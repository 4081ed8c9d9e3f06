"""The self-reference protocol: a test of colour transfer that has a truth, on any photos.

One half of a photo is the content. The other half, in another grade, is the style. The truth is the content in that
grade: what a transfer should give if both halves showed the same colours. It never does exactly, as they do not.

Source: Ke et al.: *Neural Preset for Color Style Transfer* (CVPR 2023), where it is the training's, and CanonCGT
(CVPR 2026), where it is the test's; there with random crops and the grades of a data set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from skimage.color import deltaE_cie76, rgb2lab
from skimage.metrics import structural_similarity
from torch import Tensor

from ..color.look import Look
from ..color.peers import PhotoMethod

_BINS = 256


@dataclass(frozen=True)
class Trial:
    """How near a result comes to the truth.

    Args:
        photo, grade, method: names.
        psnr: peak signal-to-noise ratio in dB, of RGB in [0, 1].
        ssim: structural similarity of RGB, 1 at best.
        delta_e: mean difference in CIELAB, CIE76.
        h_corr: Pearson correlation of 256-bin histograms, mean of the channels; 1 at best.
        seconds: the time that the method took.
    """

    photo: str
    grade: str
    method: str
    psnr: float
    ssim: float
    delta_e: float
    h_corr: float
    seconds: float


NUMBERS = ("psnr", "ssim", "delta_e", "h_corr", "seconds")


def halves(photo: Tensor) -> tuple[Tensor, Tensor]:
    """The two halves of a photo (3, H, W) along its longer side."""
    dim = 1 if photo.shape[1] > photo.shape[2] else 2
    middle = photo.shape[dim] // 2
    return photo.narrow(dim, 0, middle).contiguous(), photo.narrow(dim, middle, middle).contiguous()


def trials(
    name: str,
    photo: Tensor,
    grades: Mapping[str, Look],
    methods: Mapping[str, PhotoMethod],
    clock: Callable[[], float],
) -> Iterator[Trial]:
    """Run the protocol on one photo, (3, H, W) in [0, 1]: each half as content, each grade, each method.

    `methods` are functions of content and style; ``nothing``, the content itself, is added to them. `clock` gives the
    time in seconds.
    """
    first, second = halves(photo)
    for content, other in ((first, second), (second, first)):
        for grade, look in grades.items():
            truth, style = (look.apply(half, everywhere=True) for half in (content, other))
            yield _trial(name, grade, "nothing", content, truth, 0.0)
            for method, function in methods.items():
                begin = clock()
                result = function(content, style)
                yield _trial(name, grade, method, result, truth, clock() - begin)


def means(found: Sequence[Trial]) -> dict[str, dict[str, float]]:
    """The mean of each number by method, in the order in which the methods first appear."""
    methods = dict.fromkeys(trial.method for trial in found)
    return {
        method: {
            number: float(np.mean([getattr(trial, number) for trial in found if trial.method == method]))
            for number in NUMBERS
        }
        for method in methods
    }


def _trial(photo: str, grade: str, method: str, result: Tensor, truth: Tensor, seconds: float) -> Trial:
    ours, right = (image.permute(1, 2, 0).double().cpu().numpy() for image in (result, truth))
    error = float(np.mean((ours - right) ** 2))
    return Trial(
        photo,
        grade,
        method,
        psnr=10 * float(np.log10(1 / max(error, 1e-10))),
        ssim=float(structural_similarity(ours, right, channel_axis=2, data_range=1.0)),
        delta_e=float(deltaE_cie76(rgb2lab(ours), rgb2lab(right)).mean()),
        h_corr=histogram_correlation(result, truth),
        seconds=seconds,
    )


def histogram_correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's correlation of the 256-bin histograms of two pictures, (3, H, W) in [0, 1]; mean of the channels."""
    values = []
    for channels in zip(one, other, strict=True):
        counts = [torch.histc(channel.float().cpu(), _BINS, 0, 1) for channel in channels]
        values.append(float(torch.corrcoef(torch.stack(counts))[0, 1]))
    return float(np.mean(values))
