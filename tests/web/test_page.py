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
PATIENCE = 180_000  # milliseconds: two busy cores are slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page that is served by the program."""
    need("gradio")
    folder = tmp_path_factory.mktemp("server")
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


def both(tab: Any) -> None:
    upload(tab, "content", data.CONTENT)
    wait_for(tab, "One more photo")
    upload(tab, "style", data.STYLE)
    wait_for(tab, "A first picture")


def shown(tab: Any) -> str:
    """The address of the picture after."""
    return str(tab.locator("#result img").last.get_attribute("src"))


def test_from_two_photos_to_a_download(page: Any, address: str, tmp_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    both(page)
    draft = shown(page)
    page.click("text=quick (256)")
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
    with Image.open(tmp_path / "out.png") as out, Image.open(data.CONTENT) as content:
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


def test_stop_keeps_the_best(page: Any) -> None:
    page.click("#demo")
    wait_for(page, "A first picture")
    page.click("text=fine (700)")
    begin = time.monotonic()
    page.click("#make")
    wait_for(page, "Step")
    page.click("#stop")
    wait_for(page, "Done")
    assert time.monotonic() - begin < 100


def test_two_tabs_have_two_studios_and_a_queue(page: Any, address: str) -> None:
    other = page.context.new_page()
    other.set_default_timeout(PATIENCE)
    other.goto(address)
    other.wait_for_selector("#make")
    page.click("#demo")
    upload(other, "content", data.STYLE)
    upload(other, "style", data.CONTENT)
    for tab in (page, other):
        wait_for(tab, "A first picture")
        tab.click("text=quick (256)")
    page.click("#make")
    wait_for(page, "Step")
    other.click("#make")
    other.wait_for_function("document.body.innerText.includes('queue: 1/1')")
    wait_for(page, "Done")
    wait_for(other, "Done")
    assert shown(page) != shown(other)


def test_reload_in_the_middle(page: Any) -> None:
    page.click("#demo")
    wait_for(page, "A first picture")
    page.click("#make")
    wait_for(page, "Step")
    page.reload()
    page.wait_for_selector("#make")
    both(page)  # the old work has stopped, and is not in the way
    page.click("text=quick (256)")
    page.click("#make")
    wait_for(page, "Done")


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
