"""Files appear complete or not at all, and paths are checked before long work."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import photostyle_native
from photostyle_native import files
from photostyle_native.errors import PhotostyleError
from photostyle_native.files import check_file, check_no_link, make_folder, same_file, write_atomically


def refuse(*_: Any, **__: Any) -> Any:
    raise OSError(28, "No space left on device")


def interrupt(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("existing", [True, False])
def test_a_failure_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, existing: bool
) -> None:
    path = tmp_path / "file"
    if existing:
        path.write_bytes(b"precious")
    for failure, error in ((refuse, PhotostyleError), (interrupt, KeyboardInterrupt)):
        with monkeypatch.context() as patch:
            patch.setattr(files.os, step, failure)
            with pytest.raises(error, match=r"^$|file: cannot be written \(No space left on device\)$"):
                write_atomically(str(path), b"new")
        assert list(tmp_path.iterdir()) == ([path] if existing else [])
        assert not existing or path.read_bytes() == b"precious"
    write_atomically(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_follow_the_umask_and_links_stay_links(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        write_atomically(str(tmp_path / "out"), b"one")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640
    (tmp_path / "link").symlink_to(tmp_path / "out")
    write_atomically(str(tmp_path / "link"), b"two")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "out").read_bytes() == b"two"


def test_a_check_refuses_what_a_write_would_refuse_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table"
    check_file(str(path), "table")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PhotostyleError, match=r"the table must be a file, this is a directory$"):
        check_file(str(tmp_path), "table")
    with pytest.raises(PhotostyleError, match=r"x: there is no directory .*gone$"):
        check_file(str(tmp_path / "gone" / "x"), "table")
    with pytest.raises(PhotostyleError, match=r"x: there is no directory .*gone$"):
        write_atomically(str(tmp_path / "gone" / "x"), b"")
    path.write_bytes(b"precious")
    check_file(str(path), "table")
    monkeypatch.setattr(files.os, "access", lambda *_: False)  # the superuser may write any file
    with pytest.raises(PhotostyleError, match=r"table: the file is write-protected$"):
        check_file(str(path), "table")
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_made_with_those_above_it_unless_a_file_is_in_the_way(tmp_path: Path) -> None:
    for _ in range(2):  # an existing folder is no error
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PhotostyleError, match=r"file/b: the folder cannot be made \(Not a directory\)"):
        make_folder(tmp_path / "file" / "b")


def test_links_and_other_spellings_name_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one").write_bytes(b"1")
    Path("two").write_bytes(b"1")
    Path("soft").symlink_to("one")
    os.link("one", "hard")
    for other in ("one", "./one", str(tmp_path / "one"), "soft", "hard"):
        assert same_file("one", other)
    assert not same_file("one", "two")
    assert same_file("new", "./new")  # neither exists yet
    assert not same_file("new", "newer")
    assert not same_file("one", "new")


def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "private"
    path.write_bytes(b"old")
    for mode in (0o600, 0o640, 0o664):
        path.chmod(mode)
        write_atomically(str(path), b"new")
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    real = os.stat

    def device(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        values = list(real(path, *arguments, **options))
        if str(path).endswith("device"):  # a file that says it is a block device
            values[0] = stat.S_IFBLK | 0o600
        return os.stat_result(values)

    (tmp_path / "device").write_bytes(b"")
    monkeypatch.setattr(files.os, "stat", device)
    for path in (pipe, link, tmp_path / "device"):
        for write in (check_file, write_atomically):
            with pytest.raises(PhotostyleError, match=r"the output must be a regular file, and this is not one$"):
                write(str(path), "table" if write is check_file else b"new")  # type: ignore[operator]
    monkeypatch.undo()
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert link.is_symlink()
    assert (tmp_path / "device").read_bytes() == b""


def test_a_kill_while_writing_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from photostyle_native import files\n"
        "files.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"files.write_atomically({str(tmp_path / 'out')!r}, b'new')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(photostyle_native.__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", code], env=environment)
    assert run.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


def test_file_systems_without_unnamed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def without(path: Any, flags: int, *mode: int, **options: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return real(path, flags, *mode, **options)

    monkeypatch.setattr(files.os, "open", without)
    check_file(str(tmp_path / "out"), "table")
    assert list(tmp_path.iterdir()) == []
    write_atomically(str(tmp_path / "out"), b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    assert (tmp_path / "out").read_bytes() == b"new"


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    check_no_link(tmp_path / "absent")
    (tmp_path / "file").write_bytes(b"")
    check_no_link(tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path / "absent")
    with pytest.raises(PhotostyleError, match="a link to another place"):
        check_no_link(tmp_path / "link")
