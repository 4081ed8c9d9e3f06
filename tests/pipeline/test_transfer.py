"""Whole transfers of small pictures: the energy falls, sizes and edges stay, and the result says what happened."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from pictures import smooth_picture
from PIL import Image
from pipeline.photo_pairs import labels
from torch import Tensor

from photostyle_native import VGG19, Iteration, PhotostyleError, TransferResult, Weights, evaluate, transfer
from photostyle_native.color.mixing import Mix
from photostyle_native.images.photo import as_photo, read_photo


def test_lowers_the_energy_and_reports(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    seen: list[Iteration] = []
    result = transfer(
        *pair,
        content_mask=labels(72, 96),
        style_mask=labels(64, 80),
        size=64,
        iterations=8,
        weights=vgg,
        device="cpu",
        callback=seen.append,
    )
    assert result.image.shape == (3, 72, 96)
    assert result.working.shape == (3, 48, 64)
    assert float(result.image.min()) >= 0
    assert float(result.image.max()) <= 1
    totals = [entry["total"] for entry in result.history]
    assert len(totals) == 9
    assert result.energies["total"] == min(totals) < 0.6 * totals[0]
    assert [i.iteration for i in seen] == list(range(9))
    assert [i.last for i in seen] == [False] * 8 + [True]
    assert seen[-1].terms["total"] == totals[-1]
    assert seen[0].image().shape == (3, 48, 64)
    assert len(result.labels) == 2
    assert result.backend.startswith("native-cpu")
    assert set(result.timings) == {"read", "masks", "start", "network", "optimise", "finish"}
    assert json.loads(json.dumps(result.report()))["output_size"] == [72, 96]


def test_colours_follow_the_masks(vgg: VGG19) -> None:
    content = smooth_picture(64, 96)
    style = torch.full((3, 64, 96), 0.1) + 0.05 * torch.rand(3, 64, 96)
    style[0, :, :48] += 0.7  # left red, right blue
    style[2, :, 48:] += 0.7
    arguments = {"size": 96, "iterations": 5, "weights": vgg, "device": "cpu"}
    masked = transfer(content, style, content_mask=labels(64, 96), style_mask=labels(64, 96), **arguments).image
    swapped = transfer(content, style, content_mask=labels(64, 96), style_mask=1 - labels(64, 96), **arguments).image
    for image, left, right in ((masked, 0, 2), (swapped, 2, 0)):
        assert image[left, :, :40].mean() > image[right, :, :40].mean() + 0.2
        assert image[right, :, 56:].mean() > image[left, :, 56:].mean() + 0.2


def test_edges_stay_where_they_were(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    content, style = pair
    result = transfer(content, style, size=96, iterations=10, weights=vgg, device="cpu").image

    def edges(image: Tensor) -> Tensor:
        grey = image.mean(0)
        return torch.stack([grey[1:, :-1] - grey[:-1, :-1], grey[:-1, 1:] - grey[:-1, :-1]]).norm(dim=0)

    strong = edges(content) > edges(content).quantile(0.97)
    assert edges(result)[strong].mean() > 2.5 * edges(result)[~strong].mean()


def test_same_seed_same_picture_and_paper_stages(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    arguments = {"size": 48, "iterations": 3, "preset": "paper", "weights": vgg, "device": "cpu"}
    first, again = transfer(*pair, **arguments), transfer(*pair, **arguments)
    assert torch.equal(first.image, again.image)
    assert [e["stage"] for e in first.history] == ["stylise"] * 4 + ["photorealise"] * 4
    assert all(e["photo"] == 0 for e in first.history[:4])
    assert all(e["photo"] > 0 for e in first.history[4:])
    assert first.history[3]["total"] < 0.95 * first.history[0]["total"]  # it leaves the noise
    other = transfer(*pair, **{**arguments, "seed": 1})
    assert not torch.equal(first.working, other.working)


def test_works_where_gradients_are_off_and_weights_are_checked(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    with torch.no_grad():
        result = transfer(*pair, size=48, iterations=2, weights=vgg, device="cpu")
    assert result.energies["total"] < result.history[0]["total"]
    with pytest.raises(PhotostyleError, match="`photo` must be finite"):
        Weights(photo=float("nan"))


def test_ends_when_progress_fades(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    seen: list[Iteration] = []
    result = transfer(*pair, size=48, weights=vgg, device="cpu", callback=seen.append)
    totals = [entry["total"] for entry in result.history]
    assert seen[-1].last
    assert not any(i.last for i in seen[:-1])
    assert len(totals) <= 41
    if len(totals) < 41:
        assert min(totals) > 0.985 * min(totals[:-10])
    for end in range(21, len(totals)):  # until then, 10 iterations always lowered the energy by 1.5 %
        assert min(totals[:end]) <= 0.985 * min(totals[: end - 10])


@pytest.mark.parametrize("every", [3, 8, 50])
def test_callbacks_may_be_rare(every: int, pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    seen: list[Iteration] = []
    options = {"size": 48, "iterations": 8, "weights": vgg, "device": "cpu"}
    result = transfer(*pair, **options, callback=seen.append, callback_every=every)
    assert [i.iteration for i in seen] == [*range(0, 8, every), 8]
    assert result.history == transfer(*pair, **options).history
    with pytest.raises(PhotostyleError, match="`callback_every` must be at least 1"):
        transfer(*pair, **options, callback_every=0)


def test_precision_of_the_network(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    options = {"size": 64, "iterations": 10, "weights": vgg, "device": "cpu"}
    fine, coarse = (transfer(*pair, **options, precision=p) for p in ("float32", "bfloat16"))
    assert (fine.precision, coarse.precision) == ("float32", "bfloat16")
    assert transfer(*pair, **{**options, "iterations": 0}).precision in ("float32", "bfloat16")
    assert fine.energies != coarse.energies
    scored = [
        evaluate(pair[0], pair[1], r.working, size=64, weights=vgg, device="cpu")["total"] for r in (fine, coarse)
    ]
    assert scored[1] == pytest.approx(scored[0], rel=0.02)
    with pytest.raises(PhotostyleError, match="`precision` must be auto"):
        transfer(*pair, **options, precision="half")


def test_zero_iterations_give_the_start(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    result = transfer(*pair, size=64, iterations=0, weights=vgg, device="cpu")
    assert len(result.history) == 1
    assert result.image.shape == (3, 72, 96)


def test_strength_and_what_is_kept(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    options = {"size": 48, "iterations": 2, "weights": vgg, "device": "cpu"}
    whole = transfer(*pair, **options)
    photo = whole.content.tensor()
    assert torch.equal(transfer(*pair, **options, strength=0).image, photo)
    half = transfer(*pair, **options, strength=0.5)
    torch.testing.assert_close(half.image, (photo + whole.image) / 2)
    torch.testing.assert_close(half.working, (photo_at(half.working, half) + whole.working) / 2)
    kept = transfer(*pair, **options, keep_luma=True)
    torch.testing.assert_close(kept.image, Mix(keep_luma=True)(photo, whole.image))
    with pytest.raises(PhotostyleError, match=r"`strength` must be from 0 to 1, got 1\.5"):
        transfer(*pair, **options, strength=1.5)


def photo_at(image: Tensor, result: TransferResult) -> Tensor:
    return result.content.tensor((image.shape[-2], image.shape[-1]))


def test_realism_goes_from_the_optimised_picture_to_the_colour_transfer(
    pair: tuple[Tensor, Tensor], vgg: VGG19
) -> None:
    arguments = {"content_mask": labels(72, 96), "style_mask": labels(64, 80), "size": 96, "device": "cpu"}
    colour = transfer(*pair, preset="colour", **arguments)
    start = transfer(*pair, iterations=0, realism=0, weights=vgg, **arguments)
    assert torch.equal(colour.image, start.image)
    assert torch.equal(colour.image, transfer(*pair, realism=1, weights=vgg, **arguments).image)
    results = [transfer(*pair, iterations=5, realism=r, weights=vgg, **arguments) for r in (0, 0.3, 0.6, 0.9)]
    far = [float((result.working - colour.working).square().mean()) for result in results]
    assert far == sorted(far, reverse=True)
    assert far[0] > 2 * far[-1] > 0
    assert len({result.energies["total"] for result in results[2:]}) == 1  # of the optimised picture
    assert results[0].energies["photo"] < results[1].energies["photo"]  # the authors' energy holds nothing back
    assert [result.realism for result in results] == [0, 0.3, 0.6, 0.9]
    assert transfer(*pair, iterations=0, weights=vgg, **arguments).realism == 0.5


def test_the_colour_preset_needs_no_network(pair: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> VGG19:
        raise AssertionError("the network was loaded")

    monkeypatch.setattr("photostyle_native.pipeline.transfer.load_vgg19", refuse)
    phases: list[str] = []
    result = transfer(*pair, preset="colour", device="cpu", on_phase=phases.append)
    assert phases == ["read", "masks", "start", "finish"]
    assert (result.history, result.energies, result.notes) == ([], {}, ())
    assert (result.vgg_weights, result.precision, result.convolutions) == ("none", "none", "none")
    assert result.labels == ("all",)
    assert json.loads(json.dumps(result.report()))["realism"] == 1
    for channel in range(3):  # the style's colours, each photo as one region
        assert float(result.image[channel].mean()) == pytest.approx(float(pair[1][channel].mean()), abs=0.03)
    with pytest.raises(AssertionError, match="network was loaded"):
        transfer(*pair, preset="colour", auto_mask="features", device="cpu")


def test_the_colour_transfer_can_hold_back_the_paper_preset_too(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    arguments = {"size": 48, "iterations": 2, "preset": "paper", "weights": vgg, "device": "cpu"}
    plain, held = transfer(*pair, **arguments), transfer(*pair, realism=0.85, **arguments)
    assert plain.realism == 0
    assert plain.energies["total"] < held.energies["total"]
    colour = transfer(*pair, size=48, preset="colour", auto_mask="features", weights=vgg, device="cpu")
    near, far = (float((result.working - colour.working).square().mean()) for result in (held, plain))
    assert near < 0.75 * far


def test_ctrl_c_returns_the_best_so_far(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    def stop(iteration: Iteration) -> None:
        if iteration.iteration == 4:
            raise KeyboardInterrupt

    result = transfer(*pair, size=48, iterations=50, weights=vgg, device="cpu", callback=stop)
    assert result.interrupted
    assert len(result.history) == 5
    assert result.energies["total"] == min(e["total"] for e in result.history)
    assert result.image.shape == (3, 72, 96)


def test_other_exceptions_of_a_callback_come_out(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    def fail(_: Iteration) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        transfer(*pair, size=48, iterations=1, weights=vgg, device="cpu", callback=fail)


def test_every_kind_of_source(pair: tuple[Tensor, Tensor], vgg: VGG19, tmp_path: Path) -> None:
    content, style = ((p * 255).round().byte().permute(1, 2, 0).numpy() for p in pair)
    Image.fromarray(content).save(tmp_path / "content.png")
    arguments = {"size": 48, "iterations": 1, "weights": vgg, "device": "cpu"}
    by_array = transfer(content, style, **arguments).image
    by_path = transfer(tmp_path / "content.png", Image.fromarray(style), **arguments)
    assert torch.equal(by_array, by_path.image)
    by_path.save(tmp_path / "out.png", bit_depth=16)
    assert read_photo(tmp_path / "out.png").bit_depth == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"realism": 1.5}, "`realism` must be from 0 to 1, got 1.5"),
        ({"keep_skin": 1.5}, "`keep_skin` must be from 0 to 1, got 1.5"),
        ({"style_weights": (1, 2)}, "`style_weights` must have a number for each of 1 style photos, got 2"),
        ({"preset": "colour", "iterations": 5}, "`iterations` is for presets that optimise, and colour does not"),
        ({"preset": "colour", "regions": 3}, "`regions` is for `auto_mask` features, got none"),
        ({"preset": "fast"}, "`preset` must be default, .* or transport, got 'fast'"),
        ({"iterations": -1}, "`iterations` must not be negative, got -1"),
        ({"size": 20}, "at least 32 on each side"),
        ({"size": 0}, "`size` must be a positive number"),
        ({"device": "tpu9"}, "`device` must be auto, cpu, cuda or cuda:N, got 'tpu9'"),
        ({"content_mask": np.zeros((72, 96), np.uint8)}, "belong together"),
    ],
)
def test_arguments_are_checked(pair: tuple[Tensor, Tensor], options: dict[str, object], message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        transfer(*pair, **{"device": "cpu", **options})


def test_cuda_without_a_device_is_one_sentence(pair: tuple[Tensor, Tensor]) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(PhotostyleError, match="torch finds no CUDA device"):
        transfer(*pair, device="cuda")


def test_skin_keeps_its_colours_and_the_rest_does_not(vgg: VGG19) -> None:
    """The astronaut of scikit-image, coloured by the blue of one plain photo."""
    style = torch.tensor((0.1, 0.3, 0.7)).view(3, 1, 1) + 0.1 * torch.rand(3, 64, 64)
    arguments = {"size": 128, "preset": "colour", "device": "cpu"}
    photo = skimage.data.astronaut()
    content = as_photo(photo).tensor()
    free, kept = (transfer(photo, style, keep_skin=keep, **arguments).image for keep in (0, 1))
    face, wall = np.s_[:, 90:160, 200:250], np.s_[:, 20:100, 320:380]

    def redness(image: Tensor, part: tuple[slice, ...]) -> float:
        return float((image[0] - image[2])[part[1:]].mean())

    assert redness(content, face) > 0.1
    assert redness(free, face) < -0.1
    assert redness(kept, face) > 0.05
    assert torch.equal(free[wall], kept[wall]) or float((free - kept)[wall].abs().max()) < 0.01
    assert torch.equal(
        transfer(photo, style, keep_skin=0.5, **arguments).image, transfer(photo, style, **arguments).image
    )


def test_the_last_preview_is_the_working_picture(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    previews: list[Tensor] = []
    result = transfer(
        *pair, size=64, iterations=4, weights=vgg, device="cpu", callback=lambda i: previews.append(i.preview())
    )
    assert len(previews) == 5
    best = min(range(5), key=lambda k: result.history[k]["total"])
    assert torch.equal(previews[best], result.working)


def test_dials_turn_without_solving(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    arguments = {"size": 64, "iterations": 4, "weights": vgg, "device": "cpu"}
    result = transfer(*pair, **arguments)
    assert torch.equal(result.adjusted(), result.image)
    for dials in ({"realism": 0.8}, {"realism": 1.0}, {"strength": 0.5}, {"keep_luma": True}, {"keep_skin": 1.0}):
        assert torch.equal(result.adjusted(**dials), transfer(*pair, **arguments, **dials).image), dials
    optimised = replace(result.ingredients, colored=result.ingredients.toned)  # on which no dial acts
    assert torch.equal(
        result.adjusted(realism=0, keep_skin=0), replace(result, ingredients=optimised).adjusted(keep_skin=0)
    )
    assert result.adjusted(longest=48).shape == (3, 36, 48)
    assert result.adjusted(longest=4000).shape == result.image.shape
    plain = transfer(*pair, preset="colour", device="cpu")
    assert torch.equal(plain.adjusted(), plain.image)
    with pytest.raises(PhotostyleError, match="nothing was optimised, so `realism` is 1"):
        plain.adjusted(realism=0.5)
    with pytest.raises(PhotostyleError, match="nothing to adjust"):
        replace(result, ingredients=None).adjusted()
    assert "ingredients" not in result.report()


def test_a_transfer_goes_on_from_where_another_ended(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    arguments = {"size": 64, "iterations": 6, "weights": vgg, "device": "cpu"}
    first = transfer(*pair, **arguments)
    assert first.ingredients is not None
    second = transfer(*pair, **arguments, start=first.ingredients.optimised)
    assert second.history[0]["total"] == pytest.approx(first.energies["total"], rel=1e-4)
    assert second.energies["total"] < first.energies["total"]
    for start in (
        torch.rand(3, 48, 60),
        torch.full((3, 48, 64), float("nan")),
        torch.ones(3, 48, 64, dtype=torch.int),
    ):
        with pytest.raises(PhotostyleError, match=r"`start` must be \(3, 48, 64\) of finite floats"):
            transfer(*pair, **arguments, start=start)
