"""Downloads: mirrors that fail or send something else, and what lies in the way on this disk."""

import hashlib
import http.server
import threading

import pytest
from sentences import refused

from tl_course.base import downloads

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Mirror(http.server.BaseHTTPRequestHandler):
    """/good has the file; /short breaks off, /wrong sends other bytes, all others have nothing."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path not in ("/good", "/short", "/wrong"):
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        content = CONTENT[::-1] if self.path == "/wrong" else CONTENT
        self.wfile.write(content[: 1000 if self.path == "/short" else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("known", [{"sha256": SHA256}, {}, {
    "md5": hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
}], ids=["sha256", "nothing", "md5"])  # fmt: skip
def test_the_right_file_is_fetched_once(mirror, tmp_path, known):
    path = tmp_path / "new" / "file.bin"
    for _ in range(2):
        assert downloads.download(f"{mirror.url}/good", path, **known) == path
    assert path.read_bytes() == CONTENT and mirror.asked == ["/good"]


def test_another_file_in_its_place_is_replaced(mirror, tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"damaged")
    downloads.download(f"{mirror.url}/good", path, sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_the_first_mirror_that_has_it_is_taken(mirror, tmp_path):
    urls = [f"{mirror.url}/{name}" for name in ("gone", "wrong", "short", "good", "never asked")]
    path = downloads.download(urls, tmp_path / "file.bin", sha256=SHA256)
    assert path.read_bytes() == CONTENT and mirror.asked[-1] == "/good"


@pytest.mark.parametrize(
    ("place", "code"),
    [("wrong", "other_file"), ("short", "unreachable"), ("gone", "unreachable")],
)
def test_where_none_has_it_one_sentence_says_so_and_nothing_is_lost(mirror, tmp_path, place, code):
    path = tmp_path / "file.bin"
    path.write_bytes(b"from before")
    with refused(code, "file.bin") as caught:
        downloads.download(f"{mirror.url}/{place}", path, sha256=SHA256)
    assert "\n" not in str(caught.value) and path.read_bytes() == b"from before"
    assert {entry.name for entry in tmp_path.iterdir()} - {"file.bin.lock"} == {"file.bin"}


def test_offline_it_is_said_where_the_file_may_be_put(tmp_path):
    with refused("unreachable", str(tmp_path / "file.bin")):
        downloads.download("http://127.0.0.1:9/file", tmp_path / "file.bin", sha256=SHA256)


def test_a_full_disk_and_a_folder_in_the_way_are_told(mirror, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    with refused("is_folder"):
        downloads.download(f"{mirror.url}/good", tmp_path / "folder")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", full)
    with refused("disk_full"):
        downloads.download(f"{mirror.url}/good", tmp_path / "file.bin", sha256=SHA256)
