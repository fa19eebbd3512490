"""Web servers that do what servers should not: each of `KINDS` answers in its own wrong way."""

import contextlib
import gzip
import http.client
import socketserver
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from conftest import HUNG

from tl_course.base import downloads

KNOWN = ("size and checksum", "checksum", "nothing")  # what is known of the file


@dataclass(frozen=True)
class Kind:
    """`answers` a client; with what is known in `well` the file arrives from it all the same.

    Without a checksum nobody can tell that what a `deceiver` sends is wrong. `keeps` says whether
    what came of the file is kept, and `begun` how many bytes of it an earlier download left. `mute`
    is one that is given up after a time without a byte.
    """

    answers: Callable[["Client"], None]
    well: Collection[str] = ()
    deceiver: bool = False
    keeps: bool = False
    begun: int = 0
    mute: bool = False


class Server(socketserver.ThreadingTCPServer):
    """`/good` is a server as it should be, everything else one of `kind`.

    The clock of downloads goes on by a second whenever somebody looks at it, so that nothing
    depends on how fast this machine is.
    """

    allow_reuse_address = daemon_threads = True

    def __init__(self, content: bytes):
        super().__init__(("127.0.0.1", 0), Client)
        self.content, self.now, self.asked = content, 0, 0
        self.good = f"http://127.0.0.1:{self.server_address[1]}/good"

    def behave(self, monkeypatch, kind: Kind) -> str:
        """From now on it is of that kind; returns its address."""
        self.kind, self.now, self.asked = kind, 0, 0
        self.wait_for_ever = lambda: monkeypatch.setattr(downloads, "PATIENCE", HUNG)
        monkeypatch.setattr(downloads, "PATIENCE", 0.1 if kind.mute else HUNG)
        monkeypatch.setattr(downloads, "CLOCK", self.look)
        monkeypatch.setattr(downloads, "PAUSE", 0)
        monkeypatch.setattr(downloads, "CONNECTIONS", 10)
        return self.good.replace("/good", "/bad")

    def look(self) -> int:
        self.now += 1
        return self.now


@contextlib.contextmanager
def server(content: bytes) -> Iterator[Server]:
    with Server(content) as one:
        threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True).start()
        yield one
        one.shutdown()


class Client(socketserver.StreamRequestHandler):
    """One request: the bytes from `start` on are asked for."""

    def handle(self):
        place = self.rfile.readline().decode("latin-1").split()[1]
        asked = http.client.parse_headers(self.rfile)["Range"] or "bytes=0-"
        self.start = int(asked.removeprefix("bytes=").removesuffix("-"))
        self.content = self.server.content
        with contextlib.suppress(OSError):  # it has left
            if place == "/good":
                good(self)
            else:
                self.server.asked += 1
                self.server.kind.answers(self)

    def head(self, status: str = "200 OK", **headers: object) -> None:
        lines = [f"HTTP/1.1 {status}", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
        self.wfile.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())

    def rest(self, status: str = "") -> bytes:
        """The head of an answer that resumes; what should follow."""
        rest = self.content[self.start :]
        where = f"bytes {self.start}-{len(self.content) - 1}/{len(self.content)}"
        told = {"Content_Range": where} if self.start else {}
        status = "206 Partial Content" if self.start else "200 OK"
        self.head(status, Content_Length=len(rest), **told)
        return rest

    def go_on(self, content: bytes) -> None:
        """Send it again and again."""
        while True:
            self.wfile.write(content)

    def drip(self) -> None:
        """Send a byte each time that somebody has looked at the clock."""
        self.connection.settimeout(0.001)
        while True:
            now = self.server.now
            self.wfile.write(b"a")
            while self.server.now == now:
                with contextlib.suppress(TimeoutError):
                    if not self.connection.recv(1):
                        return  # it has left

    def wait(self) -> None:
        self.connection.recv(1)  # until the other side leaves


def good(client: Client) -> None:
    if client.start >= len(client.content):
        return client.head("416 Range Not Satisfiable", Content_Length=0)
    client.wfile.write(client.rest())


def page(status: str) -> Kind:
    text = b"<html>" + b"Please try again later. " * 1000
    return Kind(lambda client: (client.head(status), client.wfile.write(text)))


def redirect(place: str, body: bytes = b"") -> Kind:
    def answers(client: Client) -> None:
        client.head("302 Found", Location=place)
        if body:
            client.go_on(body)

    return Kind(answers)


def whole(length: object) -> Callable[[Client], None]:
    """The whole file, whatever was asked for, with that length in the header."""
    return lambda client: (client.head(Content_Length=length), client.wfile.write(client.content))


def only(content: Callable[[bytes], bytes], **headers: object) -> Callable[[Client], None]:
    """A whole answer with what `content` makes of the file."""

    def answers(client: Client) -> None:
        made = content(client.content)
        client.head(Content_Length=len(made), **headers)
        client.wfile.write(made)

    return answers


def endless(**headers: object) -> Callable[[Client], None]:
    return lambda client: (client.head(**headers), client.go_on(bytes(100_000)))


def stops(client: Client) -> None:
    rest = client.rest()
    if not client.start:
        client.wfile.write(rest[:300_000])


def falls_silent(client: Client) -> None:
    if client.start:
        return never_answers(client)
    client.wfile.write(client.rest()[:300_000])
    client.wait()


def never_answers(client: Client) -> None:
    client.server.wait_for_ever()  # but for this one, whose patience is in use already
    client.wait()


def drips(client: Client) -> None:
    client.rest()
    client.drip()


def drips_head(client: Client) -> None:
    client.wfile.write(b"HTTP/1.1 200 OK\r\nX-")
    client.drip()


def continues(client: Client) -> None:
    client.go_on(b"HTTP/1.1 100 Continue\r\n\r\n")


def chunked(last: bytes) -> Callable[[Client], None]:
    def answers(client: Client) -> None:
        if client.start:
            return
        client.head(Transfer_Encoding="chunked")
        client.wfile.write(b"%x\r\n%s\r\n" % (len(client.content), client.content) + last)
        if last:
            client.go_on(b"X-More: a\r\n")

    return answers


def elsewhere(said: bool) -> Callable[[Client], None]:
    """Of the file another part than was asked for."""

    def answers(client: Client) -> None:
        if not client.start:
            return good(client)
        told = {"Content_Range": "bytes 0-9/10"} if said else {}
        rest = client.content[: -client.start]
        client.head("206 Partial Content", Content_Length=len(rest), **told)
        client.wfile.write(rest)

    return answers


KINDS = {
    "is gone": page("404 Not Found"),
    "is broken": page("500 Internal Server Error"),
    "is busy": page("503 Service Unavailable"),
    "has no content": page("204 No Content"),
    "redirects to itself": redirect("/bad"),
    "redirects to a file": redirect("file:///etc/hostname"),
    "redirects to ftp": redirect("ftp://127.0.0.1/file"),
    "redirects nowhere": redirect("http://[::/"),
    "redirects with an endless page": redirect("/bad", b"page" * 10_000),
    "sends nothing": Kind(only(lambda content: b"")),
    "stops early": Kind(stops, keeps=True),
    "sends more than it says": Kind(whole(1_000_000), deceiver=True),
    "sends a little more": Kind(
        lambda client: client.wfile.write(client.rest() + b"more"), well=KNOWN
    ),
    "never ends": Kind(endless()),
    "announces a petabyte": Kind(endless(Content_Length=10**15)),
    "announces a number of 5,000 digits": Kind(whole("9" * 5000), well=KNOWN),
    "announces less than nothing": Kind(whole(-5), well=KNOWN),
    "announces a word": Kind(whole("many"), well=KNOWN),
    "sends a byte a connection": Kind(
        lambda client: client.wfile.write(client.rest()[:1]), keeps=True
    ),
    "drips": Kind(drips, keeps=True),
    "drips its head": Kind(drips_head),
    "never ends its head": Kind(lambda client: (client.wfile.write(b"HTTP/1.1 200 OK\r\n"),
                                                client.go_on(b"X-More: a\r\n"))),
    "says continue for ever": Kind(continues),
    "breaks off between chunks": Kind(chunked(b""), well=KNOWN[:1], keeps=True),
    "never ends its last chunk": Kind(chunked(b"0\r\n"), well=KNOWN[:1], keeps=True),
    "sends other bytes": Kind(only(lambda content: content[::-1]), deceiver=True),
    "sends it packed": Kind(only(gzip.compress, Content_Encoding="gzip"), deceiver=True),
    "cannot resume": Kind(whole(1_024_000), well=KNOWN, begun=600_000),
    "resumes elsewhere": Kind(elsewhere(True), well=KNOWN[2:], keeps=True, begun=600_000),
    "resumes elsewhere and does not say so": Kind(elsewhere(False), well=KNOWN, begun=600_000),
    "sends a part unasked": Kind(lambda client: (client.head("206 Partial Content"),
                                                 client.wfile.write(client.content))),
    "never answers": Kind(never_answers, mute=True),
    "falls silent": Kind(falls_silent, mute=True, keeps=True),
    "hangs up": Kind(lambda client: None),
    "talks something else": Kind(lambda client: client.wfile.write(b"\xff\0SSH-2.0\r\n" * 9)),
}  # fmt: skip
