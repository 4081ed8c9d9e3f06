"""Photos as objects: what goes in as an array, tensors and sizes, colours."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from image_files import HEIGHT, WIDTH, adobe_like, noise
from PIL import Image

from photostyle_native.errors import PhotostyleError
from photostyle_native.images.photo import Photo, _planes_on, as_photo, read_photo


def test_arrays_of_every_accepted_kind() -> None:
    for dtype in (np.uint8, np.uint16):
        array = noise(3, dtype)
        photo = as_photo(array, "content")
        assert photo.name == "content"
        assert photo.bit_depth == 8 * np.dtype(dtype).itemsize
        np.testing.assert_array_equal(photo.pixels, array)
        np.testing.assert_array_equal(as_photo(array.astype(array.dtype.newbyteorder())).pixels, array)
        np.testing.assert_array_equal(as_photo(array[..., 0]).pixels, np.repeat(array[..., :1], 3, 2))
        with_alpha = as_photo(noise(4, dtype))
        np.testing.assert_array_equal(with_alpha.pixels, noise(4, dtype)[..., :3])
        np.testing.assert_array_equal(with_alpha.alpha, noise(4, dtype)[..., 3])
        array[:] = 0
        assert photo.pixels.any()  # the photo has its own copy
    for kind in (np.float16, np.float32, np.float64):
        photo = as_photo(np.array([[0.0, 0.5, 1.0]], kind))
        assert photo.pixels[0, :, 0].tolist() == [0, 32768, 65535]


def test_tensors_of_every_accepted_kind() -> None:
    values = torch.from_numpy(noise().transpose(2, 0, 1).copy())
    np.testing.assert_array_equal(as_photo(values).pixels, noise())
    deep = noise(3, np.uint16).transpose(2, 0, 1).astype(np.float32) / np.float32(65535)
    for tensor in (torch.from_numpy(deep), torch.from_numpy(deep)[None].double().requires_grad_()):
        np.testing.assert_array_equal(as_photo(tensor).pixels, noise(3, np.uint16))
    half = as_photo(torch.full((3, 2, 2), 0.5, dtype=torch.bfloat16))
    assert half.pixels.tolist() == np.full((2, 2, 3), 32768).tolist()


def test_photo_path_and_pillow_image(tmp_path: Path) -> None:
    photo = as_photo(noise())
    assert as_photo(photo) is photo
    path = tmp_path / "photo.png"
    Image.fromarray(noise()).save(path)
    for given in (path, str(path)):
        read = as_photo(given, "ignored")
        np.testing.assert_array_equal(read.pixels, noise())
        assert read.name == str(path)

    image = Image.fromarray(noise())
    buffer = io.BytesIO()
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(buffer, "PNG", exif=exif, icc_profile=adobe_like())
    with Image.open(buffer) as opened:
        read = as_photo(opened, "opened")
        assert opened.size == (WIDTH, HEIGHT)  # the caller's image is as it was
    np.testing.assert_array_equal(read.pixels, np.rot90(noise(), -1))
    assert read.icc_profile == adobe_like()
    assert read.name == "opened"

    grey = noise(3, np.uint16)[..., 0]
    np.testing.assert_array_equal(as_photo(Image.fromarray(grey)).pixels[..., 1], grey)
    np.testing.assert_array_equal(as_photo(Image.fromarray(grey.astype(np.int32))).pixels[..., 2], grey)
    assert as_photo(Image.fromarray(np.array([[0.5]], np.float32))).pixels.tolist() == [[[32768] * 3]]
    for mode in (
        "1",
        "L",
        "LA",
        "La",
        "P",
        "PA",
        "RGB",
        "RGBA",
        "RGBa",
        "RGBX",
        "CMYK",
        "YCbCr",
        "HSV",
        "I;16B",
    ):
        converted = as_photo(Image.new(mode, (5, 4)))
        assert converted.size == (4, 5)
        assert (converted.alpha is not None) == (mode in ("LA", "La", "PA", "RGBA", "RGBa")), mode
    with pytest.raises(PhotostyleError, match=r"<array>: the colour mode must be .* got LAB"):
        as_photo(Image.new("LAB", (5, 4)))


def test_pillow_image_of_a_tiff_is_turned_once(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    tifffile.imwrite(path, noise(), photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    expected = np.rot90(noise(), -1)
    np.testing.assert_array_equal(read_photo(path).pixels, expected)
    with Image.open(path) as image:
        np.testing.assert_array_equal(as_photo(image).pixels, expected)


def test_sixteen_bits_lost_to_pillow_are_mentioned(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    path.write_bytes(imagecodecs.png_encode(noise(3, np.uint16)))
    with Image.open(path) as image:
        photo = as_photo(image)
    assert photo.bit_depth == 8
    assert "reduced its 16-bit samples" in photo.notes[0]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((3, 4, 5), np.uint8), r"must be \(H, W\), \(H, W, 3\) or \(H, W, 4\), got \(3, 4, 5\)"),
        (np.zeros((0, 5, 3), np.uint8), r"no pixels, its shape is \(0, 5, 3\)"),
        (np.zeros((4, 5, 3), np.int64), r"must be uint8, uint16 or float, got int64"),
        (np.zeros((4, 5, 3), bool), r"got bool"),
        (np.full((4, 5, 3), 255.0), r"must lie in \[0, 1\], got 255 to 255"),
        (np.full((4, 5, 3), -0.01), r"got -0.01 to -0.01"),
        (
            np.full((300, 5, 3), 1.0) * np.where(np.arange(300) == 299, np.nan, 1)[:, None, None],
            r"got nan to nan",
        ),
        (np.full((4, 5, 3), np.inf), r"got inf to inf"),
        (torch.zeros(4, 5, 3), r"must be \(3, H, W\) or \(1, 3, H, W\), got \(4, 5, 3\)"),
        (torch.zeros(2, 3, 4, 5), r"got \(2, 3, 4, 5\)"),
        (torch.zeros(3), r"got \(3,\)"),
        (torch.zeros(3, 0, 5), r"no pixels"),
        (torch.full((3, 4, 5), 2.0), r"must lie in \[0, 1\], got 2 to 2"),
        (torch.zeros(3, 4, 5, dtype=torch.int32), r"got int32"),
        (Image.new("RGB", (0, 5)), r"no pixels \(0 x 5\)"),
        ([[1, 2], [3, 4]], r"a photo must be a path, .* got list"),
        (None, r"got NoneType"),
    ],
)
def test_unusable_sources(source: Any, message: str) -> None:
    with pytest.raises(PhotostyleError, match=rf"^style: .*{message}"):
        as_photo(source, "style")


def test_unreadable_paths(tmp_path: Path) -> None:
    with pytest.raises(PhotostyleError, match=r"gone\.png: no such file$"):
        read_photo(tmp_path / "gone.png")
    with pytest.raises(PhotostyleError, match=r"this is a directory$"):
        read_photo(tmp_path)
    with pytest.raises(PhotostyleError, match=r"null character"):
        read_photo("a\0b.png")
    with pytest.raises(PhotostyleError, match=r"cannot be read \(File name too long\)"):
        read_photo(tmp_path / ("x" * 300 + ".png"))
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(PhotostyleError, match=r"cannot be read \(Not a directory\)"):
        read_photo(tmp_path / "file" / "photo.png")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PhotostyleError, match=r"this is not a regular file$"):
        read_photo(tmp_path / "pipe")


def test_tensor_and_back_is_exact() -> None:
    for dtype in (np.uint8, np.uint16):
        top = np.iinfo(dtype).max
        ramp = np.arange(top + 1, dtype=dtype).reshape(-1, 16)
        photo = as_photo(ramp)
        tensor = photo.tensor()
        assert tensor.shape == (3, *ramp.shape)
        assert tensor.dtype == torch.float32
        assert tensor.is_contiguous()
        assert tensor.min() == 0
        assert tensor.max() == 1
        np.testing.assert_array_equal(tensor[0].numpy(), (ramp / top).astype(np.float32))
        stored = as_photo(tensor).pixels[..., 0]
        np.testing.assert_array_equal(stored, ramp.astype(np.uint16) * (65535 // top))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("writeable", [True, False])
def test_a_gpu_converts_samples_itself(dtype: type, writeable: bool) -> None:
    samples = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (7, 5, 3), endpoint=True).astype(dtype)
    samples.flags.writeable = writeable
    there = _planes_on(torch.device("cpu"), samples)
    torch.testing.assert_close(there, Photo(samples).tensor(), rtol=1e-7, atol=0)


@pytest.mark.kernel
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("size", [None, (100, 75), (2, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_on_a_cuda_gpu(dtype: type, size: tuple[int, int] | None) -> None:
    samples = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (200, 150, 3), endpoint=True).astype(dtype)
    there = Photo(samples).tensor(size, "cuda")
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), Photo(samples).tensor(size), rtol=1e-5, atol=1e-5)


def test_colours_convert_by_the_matrices() -> None:
    """Adobe RGB to sRGB by the primaries in IEC 61966-2-1 and Adobe's specification; both whites are D65."""
    xyz = {
        "adobe": [[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]],
        "srgb": [[0.41239, 0.35758, 0.18048], [0.21264, 0.71517, 0.07219], [0.01933, 0.11919, 0.95053]],
    }
    # Within sRGB's gamut, so that nothing is clipped.
    stored = np.array([[[0.5, 0.5, 0.5], [0.6, 0.4, 0.3], [0.3, 0.35, 0.4], [1, 1, 1], [0, 0, 0]]])
    linear = stored**2.2 @ (np.linalg.inv(xyz["srgb"]) @ xyz["adobe"]).T
    linear = np.clip(linear, 0, 1)
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    for dtype, tolerance in ((np.uint8, 1.1), (np.uint16, 65)):
        top = np.iinfo(dtype).max
        photo = Photo(np.rint(stored * top).astype(dtype), icc_profile=adobe_like(), name="p", notes=("n",))
        converted = photo.converted_to(None)
        np.testing.assert_allclose(converted.pixels, expected * top, atol=tolerance)
        assert converted.pixels.dtype == dtype
        assert converted.icc_profile is None
        assert converted.notes == ("n",)
        back = converted.converted_to(adobe_like())
        np.testing.assert_allclose(back.pixels, photo.pixels, atol=tolerance)
        assert back.icc_profile == adobe_like()


def test_sixteen_bit_colour_conversion_is_exact_everywhere() -> None:
    """Against the same conversion in floats; Little CMS's 16-bit shortcut is up to 8 % off in this cube."""
    pixels = np.random.default_rng(0).integers(0, 65536, (60, 80, 3), np.uint16)
    converted = Photo(pixels, icc_profile=adobe_like()).converted_to(None).pixels
    exact = imagecodecs.cms_transform(
        pixels.astype(np.float32) / 65535,
        adobe_like(),
        imagecodecs.cms_profile("srgb"),
        colorspace="rgb",
        outcolorspace="rgb",
        intent=1,
    )
    np.testing.assert_allclose(converted, np.clip(exact, 0, 1) * 65535, atol=1)


def test_equal_profiles_convert_to_the_same_object() -> None:
    plain, tagged = as_photo(noise()), Photo(noise(), icc_profile=adobe_like())
    assert plain.converted_to(None) is plain
    assert tagged.converted_to(adobe_like()) is tagged
    for bad in (b"nonsense", imagecodecs.cms_profile("gray", gamma=2.0)):
        with pytest.raises(PhotostyleError, match=r"^<array>: its colours cannot be converted: the ICC profile"):
            tagged.converted_to(bad)
