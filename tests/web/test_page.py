"""The page in a real browser, Debian's Chromium: what people do with it, and what they should not be able to do."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optional_packages import need
from PIL import Image

import photostyle_native
from photostyle_native import PhotostyleError, data
from photostyle_native.cli.main import main
from photostyle_native.web import server

ROOT = Path(photostyle_native.__file__).parents[1]
PATIENCE = 120_000  # milliseconds: two busy cores are slow


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its files."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def address(server_folder: Path) -> Iterator[str]:
    """The address of a page that is served by the program."""
    need("gradio")
    folder = server_folder
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "photostyle_native", "web", "--device", "cpu"]
    with (folder / "out").open("w") as out:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=out)
    found, deadline = None, time.monotonic() + 60
    while found is None and time.monotonic() < deadline:
        time.sleep(0.1)
        found = re.search(r"http://127\.0\.0\.1:\d+/", (folder / "out").read_text())
    assert found
    yield found[0]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert not list(folder.glob("photostyle-*"))  # uploads and results go with the server


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The demo's photos, small, so that regions and results come soon."""
    folder = tmp_path_factory.mktemp("photos")
    small = []
    for path in (data.CONTENT, data.STYLE):
        with Image.open(path) as photo:
            photo.reduce(2).save(folder / path.with_suffix(".png").name)
        small.append(folder / path.with_suffix(".png").name)
    return small[0], small[1]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = shutil.which("chromium")
    api = need("playwright.sync_api")
    if program is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A tab with the page, and the hosts that it talks to."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE)
    tab.goto(address)
    tab.wait_for_selector("#make")
    yield tab
    context.close()


def wait_for(tab: Any, words: str, where: str = "#state") -> None:
    tab.wait_for_function(
        "([where, words]) => document.querySelector(where).innerText.includes(words)", arg=[where, words]
    )


def upload(tab: Any, name: str, path: Path) -> None:
    tab.set_input_files(f"#{name} input[type=file]", str(path))


def both(tab: Any, photos: tuple[Path, Path]) -> None:
    upload(tab, "content", photos[0])
    wait_for(tab, "One more photo")
    upload(tab, "style", photos[1])
    wait_for(tab, "A first picture")
    tab.click("text=quick (256)")


def solve_a_little(tab: Any) -> None:
    """Solve, and keep the best after some steps."""
    tab.click("#make")
    wait_for(tab, "Step")
    tab.click("#stop")
    wait_for(tab, "Done")


def shown(tab: Any) -> str:
    """The address of the picture after."""
    return str(tab.locator("#result img").last.get_attribute("src"))


def test_from_two_photos_to_a_download(page: Any, address: str, photos: tuple[Path, Path], tmp_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    both(page, photos)
    draft = shown(page)
    page.click("#make")
    wait_for(page, "Step")
    wait_for(page, "Done")
    solved = shown(page)
    assert solved != draft
    page.get_by_text("Look closely").click()
    page.click("#closely")
    page.wait_for_selector("#piece img")
    page.locator("#strength input[type=number]").fill("0")
    page.locator("#strength input[type=number]").press("Enter")
    page.click("#keep >> text=lightness")
    page.wait_for_function(
        "before => [...document.querySelectorAll('#result img')].at(-1).src !== before", arg=solved
    )
    page.click("#kind >> text=PNG, 8 bit")
    page.click("#write")
    page.wait_for_selector("#files a[download]")
    names = page.locator("#files a[download]").evaluate_all(
        "links => links.map(link => link.getAttribute('download'))"
    )
    assert names == ["china-photostyle.png", "china.npz", "china.cube", "china-hald.png", "china-photostyle.json"]
    with page.expect_download() as waiting:
        page.locator("#files a[download]").first.click()
    waiting.value.save_as(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as out, Image.open(photos[0]) as content:
        assert np.array_equal(np.asarray(out), np.asarray(content))  # a strength of 0 is the photo itself
    hosts = {re.sub(r"^(\w+://[^/]+/).*", r"\1", url) for url in asked if url.startswith("http")}
    assert hosts == {address}


def test_regions_and_a_stroke(page: Any) -> None:
    page.click("#demo")
    wait_for(page, "A first picture")
    page.get_by_text("Regions: what takes").click()
    page.click("#show")
    wait_for(page, "confidence", "#legend")
    before = page.inner_text("#legend")
    page.wait_for_timeout(2000)
    box = page.locator("#paint-content canvas").first.bounding_box()
    y = box["y"] + 0.3 * box["height"]
    page.mouse.move(box["x"] + 0.6 * box["width"], y)
    page.mouse.down()
    for k in range(10):
        page.mouse.move(box["x"] + (0.6 + 0.015 * k) * box["width"], y)
    page.mouse.up()
    page.wait_for_timeout(1000)
    page.click("#use")
    page.wait_for_function("old => document.querySelector('#legend').innerText !== old", arg=before)


def test_stop_keeps_the_best(page: Any, photos: tuple[Path, Path]) -> None:
    both(page, photos)
    page.click("text=fine (700)")
    draft = shown(page)
    begin = time.monotonic()
    solve_a_little(page)
    assert time.monotonic() - begin < 100
    assert shown(page) != draft


def test_two_tabs_have_two_studios_and_a_queue(page: Any, address: str, photos: tuple[Path, Path]) -> None:
    other = page.context.new_page()
    other.set_default_timeout(PATIENCE)
    other.goto(address)
    other.wait_for_selector("#make")
    both(page, photos)
    both(other, photos[::-1])
    page.click("#make")
    wait_for(page, "Step")
    other.click("#make")
    other.wait_for_function("document.body.innerText.includes('queue: 1/1')")
    page.click("#stop")
    wait_for(page, "Done")
    wait_for(other, "Step")
    other.click("#stop")
    wait_for(other, "Done")
    assert shown(page) != shown(other)


def test_reload_in_the_middle(page: Any, photos: tuple[Path, Path]) -> None:
    both(page, photos)
    page.click("text=fine (700)")
    page.click("#make")
    wait_for(page, "Step")
    page.reload()
    page.wait_for_selector("#make")
    both(page, photos)  # the old work has stopped, and is not in the way
    solve_a_little(page)


def test_lights_side_by_side_and_two_mixed(page: Any, photos: tuple[Path, Path]) -> None:
    upload(page, "content", photos[0])
    page.get_by_text("More lights").click()
    page.set_input_files("#lights input[type=file]", [str(data.STYLE), str(photos[0])])
    page.wait_for_function("document.querySelectorAll('#gallery .grid-container img').length === 2")
    page.locator("#gallery .grid-container button").first.click()
    wait_for(page, "A first picture")
    alone = shown(page)
    upload(page, "second", photos[0])
    page.wait_for_function("old => [...document.querySelectorAll('#result img')].at(-1).src !== old", arg=alone)
    mixed = shown(page)
    page.locator("#share input[type=number]").fill("0.9")
    page.locator("#share input[type=number]").press("Enter")
    wait_for(page, "of the mixture")
    assert shown(page) != mixed
    page.click("text=quick (256)")
    solve_a_little(page)


def test_more_photos_at_once_and_one_by_one(page: Any, photos: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(photos[0].read_bytes()[:5000])
    both(page, photos)
    page.get_by_text("The same for more photos").click()
    page.set_input_files("#more input[type=file]", [str(photos[0]), str(photos[1]), str(tmp_path / "broken.png")])
    page.wait_for_function("document.querySelectorAll('#more .file').length === 3")
    page.click("#give")
    wait_for(page, "2 photos.", "#given")
    assert "broken.png" in page.inner_text("#given")
    with page.expect_download() as waiting:
        page.locator("#archive a[download]").first.click()
    waiting.value.save_as(tmp_path / "photos.zip")
    with zipfile.ZipFile(tmp_path / "photos.zip") as file:
        assert file.namelist() == ["001-china.jpg", "002-rocket.jpg"]
        assert file.testzip() is None
    page.click("text=solved one by one")
    page.click("#give")
    wait_for(page, "1 of 3", "#given")
    page.click("#stop-giving")
    wait_for(page, "were not made", "#given")


def test_what_was_sent_goes_with_the_visitor(browser: Any, address: str, server_folder: Path, tmp_path: Path) -> None:
    scene = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(scene).save(tmp_path / "only-mine.png")
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE)
    tab.goto(address)
    tab.wait_for_selector("#make")
    upload(tab, "content", tmp_path / "only-mine.png")
    wait_for(tab, "One more photo")
    assert list(server_folder.glob("photostyle-uploads-*/**/only-mine.png"))
    context.close()
    deadline = time.monotonic() + 60
    while list(server_folder.glob("**/only-mine.png")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not list(server_folder.glob("**/only-mine.png"))


def test_a_broken_file_and_one_that_claims_too_much(page: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(data.CONTENT.read_bytes()[:5000])
    upload(page, "content", tmp_path / "broken.jpg")
    page.wait_for_selector("text=truncated")
    page.reload()
    page.wait_for_selector("#make")
    header = Image.new("1", (20000, 20000))
    header.save(tmp_path / "huge.png")
    upload(page, "content", tmp_path / "huge.png")
    page.wait_for_selector("text=must have at most")


@pytest.mark.parametrize("path", ["/etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", str(ROOT / "README.md")])
def test_no_path_of_the_server_can_be_read(address: str, path: str) -> None:
    for start in ("gradio_api/file=", "gradio_api/file/", "file=", "static/", "assets/", "upload/"):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(f"{address}{start}{path}", timeout=30)
        error.value.close()
        assert error.value.code in (403, 404, 405)


def test_names_of_uploads_stay_in_their_folder(address: str) -> None:
    """A file whose name leads elsewhere is kept under another name; and a path is no photo that was sent."""
    name = b'Content-Disposition: form-data; name="files"; filename="../../../../tmp/escaped.png"'
    body = b"--x\r\n" + name + b"\r\n\r\nx\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    request = urllib.request.Request(f"{address}gradio_api/upload", body, headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = response.read().decode()
    assert not Path("/tmp/escaped.png").exists()
    assert ".." not in answer
    assert re.search(r"photostyle-uploads-[^/]+/[0-9a-f]+/", answer)


def test_other_machines_need_a_password() -> None:
    for own in ("127.0.0.1", "localhost", "::1", "127.9.9.9"):
        assert server.is_loopback(own)
    for other in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        assert not server.is_loopback(other)
        with pytest.raises(PhotostyleError, match="--listen needs a password"):
            server.serve(other, None, None, "cpu", open_browser=False)


def test_options_are_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["web", "--port", "0"]) == 2
    assert "must be a whole number from 1 to 65535" in capsys.readouterr().err
    assert main(["web", "--listen", "0.0.0.0"]) == 2
    assert "needs a password" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["web"]) == 2
    assert "needs the extra web" in capsys.readouterr().err
