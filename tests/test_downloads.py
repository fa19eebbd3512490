"""Downloads: mirrors that fail, lie, drip or never end, and what lies in the way on this disk."""

import hashlib
import http.server
import os
import threading
from pathlib import Path

import misbehaving
import pytest

from tl_course.base import downloads
from tl_course.base.errors import CourseError

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Mirror(http.server.BaseHTTPRequestHandler):
    """/good resumes, /plain does not, /breaks stops halfway each time, /wrong sends other bytes."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Range"]))
        if self.path == "/gone":
            return self.send_error(404)
        content = CONTENT[::-1] if self.path == "/wrong" else CONTENT
        start = 0
        if self.headers["Range"] and self.path != "/plain":
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + (len(content) - start) // 2 + 1 if self.path == "/breaks" else None
        self.wfile.write(content[start:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE", 0)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def nowhere():
    """An address at which nothing listens."""
    with http.server.HTTPServer(("127.0.0.1", 0), Mirror) as server:
        port = server.server_port
    return f"http://127.0.0.1:{port}/file"


def test_download_says_the_size_and_verifies(mirror, tmp_path, capsys):
    path = downloads.download(f"{mirror.url}/good", tmp_path / "a" / "file.bin", sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert "Downloading file.bin (1.02 MB) from 127.0.0.1" in capsys.readouterr().err
    downloads.download(f"{mirror.url}/good", path, sha256=SHA256)
    assert len(mirror.asked) == 1, "a file that is there and right is not fetched again"


def test_download_resumes_a_partial_file(mirror, tmp_path, capsys):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:600_000])
    downloads.download(f"{mirror.url}/good", tmp_path / "file.bin", md5=MD5)
    assert mirror.asked == [("/good", "bytes=600000-")]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert "600 kB of it already here" in capsys.readouterr().err
    assert not (tmp_path / "file.bin.part").exists()


def test_download_starts_again_where_the_server_cannot_resume(mirror, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:600_000])
    downloads.download(f"{mirror.url}/plain", tmp_path / "file.bin", md5=MD5)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_download_starts_again_after_a_part_that_is_too_long(mirror, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
    downloads.download(f"{mirror.url}/good", tmp_path / "file.bin", md5=MD5)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_download_goes_on_after_broken_connections(mirror, tmp_path):
    downloads.download(f"{mirror.url}/breaks", tmp_path / "file.bin", sha256=SHA256)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert len(mirror.asked) > 2


def test_download_without_a_checksum_never_trusts_a_partial_file(mirror, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(b"of something else")
    downloads.download(f"{mirror.url}/good", tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_download_tries_the_next_mirror(mirror, nowhere, tmp_path):
    urls = [nowhere, f"{mirror.url}/gone", f"{mirror.url}/wrong", f"{mirror.url}/good"]
    downloads.download(urls, tmp_path / "file.bin", md5=MD5, size=len(CONTENT))
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_is_named_and_deleted(mirror, tmp_path):
    with pytest.raises(CourseError, match=f"/wrong sent .* wrong checksum .*expected {MD5}"):
        downloads.download(f"{mirror.url}/wrong", tmp_path / "file.bin", md5=MD5)
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".lock"] == []


def test_all_mirrors_down_is_one_sentence(nowhere, tmp_path):
    with pytest.raises(CourseError, match="Could not reach 127.0.0.1.* you are offline or"):
        downloads.download([nowhere, nowhere], tmp_path / "file.bin", md5=MD5)


def test_download_onto_a_full_disk(mirror, tmp_path, monkeypatch):
    full = lambda _: type("usage", (), {"free": 1000})  # noqa: E731
    monkeypatch.setattr(downloads.shutil, "disk_usage", full)
    with pytest.raises(CourseError, match="is full"):
        downloads.download(f"{mirror.url}/good", tmp_path / "file.bin", md5=MD5)


# ---------------------------------------------------------------------------- misbehaving servers


@pytest.fixture(scope="module")
def bad():
    with misbehaving.server(CONTENT) as server:
        yield server


@pytest.mark.parametrize("known", misbehaving.KNOWN)
@pytest.mark.parametrize("kind", misbehaving.KINDS.values(), ids=misbehaving.KINDS)
def test_of_a_server_that_misbehaves(bad, tmp_path, monkeypatch, kind, known):
    """With a good one behind it the file arrives; alone it is one sentence, and nothing is left."""
    of_the_file = {
        "size and checksum": {"sha256": SHA256, "size": len(CONTENT)},
        "checksum": {"md5": MD5, "most": 3_000_000},
        "nothing": {"most": 3_000_000},
    }[known]
    for alone in (True, False):
        url = bad.behave(monkeypatch, kind)
        path = tmp_path / f"alone {alone}" / "file.bin"
        path.parent.mkdir()
        if kind.begun:
            path.with_name("file.bin.part").write_bytes(CONTENT[: kind.begun])
        if kind.deceiver and known == "nothing":
            continue
        if not alone or known in kind.well:
            urls = url if alone else [url, bad.good]
            assert downloads.download(urls, path, **of_the_file).read_bytes() == CONTENT
            assert sorted(os.listdir(path.parent)) == ["file.bin", "file.bin.lock"]
        else:
            with pytest.raises(CourseError, match="127.0.0.1") as caught:
                downloads.download(url, path, **of_the_file)
            assert str(caught.value).isprintable()
            kept = {"file.bin.part"} if kind.keeps and known != "nothing" else set()
            assert set(os.listdir(path.parent)) - {"file.bin.lock"} == kept
        assert 1 <= bad.asked <= 11, "it is not asked for ever"


def test_a_server_that_refuses_every_connection(nowhere, bad, tmp_path):
    path = downloads.download([nowhere, bad.good], tmp_path / "file.bin", size=len(CONTENT))
    assert path.read_bytes() == CONTENT


# ------------------------------------------------------------------ what is in the way on this disk


def test_a_folder_in_the_place_of_a_file_is_one_sentence(mirror, tmp_path):
    for name in ("file.bin", "file.bin.part"):
        (tmp_path / name).mkdir()
        for known in ({"md5": MD5}, {"size": len(CONTENT)}, {}):
            with pytest.raises(CourseError, match=f"{name} is a folder where a file belongs"):
                downloads.download(f"{mirror.url}/good", tmp_path / "file.bin", **known)
        (tmp_path / name).rmdir()
    assert not mirror.asked


def links(kind: str, part: Path, other: Path) -> None:
    """Something that has the name of an interrupted download and is none."""
    if kind == "link":
        part.symlink_to(other)
    elif kind == "second name":
        os.link(other, part)
    elif kind == "link to nothing":
        part.symlink_to(other.with_name("nothing"))
    else:
        os.mkfifo(part)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of this kind are of other systems")
@pytest.mark.parametrize("kind", ["link", "second name", "link to nothing", "pipe"])
def test_what_was_planted_in_the_place_of_a_part_is_not_written_to(mirror, tmp_path, kind):
    other = tmp_path / "other"
    other.write_bytes(CONTENT[:1000])
    links(kind, tmp_path / "file.bin.part", other)
    downloads.download(f"{mirror.url}/good", tmp_path / "file.bin", md5=MD5)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert other.read_bytes() == CONTENT[:1000] and not (tmp_path / "nothing").exists()
    assert mirror.asked == [("/good", None)], "and it is not gone on with"


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of this kind are of other systems")
@pytest.mark.parametrize("kind", ["link to nothing", "pipe"])
def test_what_is_no_file_is_replaced(mirror, tmp_path, kind):
    links(kind, tmp_path / "file.bin", tmp_path / "other")
    for known in ({"md5": MD5}, {}):
        downloads.download(f"{mirror.url}/good", tmp_path / "file.bin", **known)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT and not (tmp_path / "other").exists()
