"""Tiny packages, and an index of them on this machine."""

import contextlib
import hashlib
import http.server
import io
import json
import tarfile
import threading
import urllib.parse
import zipfile

JSON = "application/vnd.pypi.simple.v1+json"

# Builds itself, with nothing but Python's own library. Of a project it makes an editable wheel.
BACKEND = """
import os, re, zipfile
text = open("pyproject.toml").read()
name, version = (re.search(key + ' = "(.*)"', text)[1] for key in ("name", "version"))
needs = re.findall("^    ['\\"](.*)['\\"],$", text, re.M)
extras = re.findall("^([a-z]+) = \\\\[\\\\]$", text, re.M)
def write(folder, tag, files):
    stem = name.replace("-", "_") + "-" + version
    lines = ["Metadata-Version: 2.2", "Name: " + name, "Version: " + version]
    lines += ["Requires-Dist: " + one for one in needs]
    lines += ["Provides-Extra: " + one for one in extras]
    info = stem + ".dist-info/"
    files = dict(files)
    files[info + "METADATA"] = "\\n".join(lines) + "\\n"
    files[info + "WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: " + tag + "\\n"
    files[info + "RECORD"] = "".join(file + ",,\\n" for file in files) + info + "RECORD,,\\n"
    wheel = stem + "-" + tag + ".whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        for file, content in files.items():
            archive.writestr(zipfile.ZipInfo(file), content)
    return wheel
def build_wheel(folder, *_):
    module = name.replace("-", "_") + ".py"
    return write(folder, re.search("# tag (.*)", text)[1], {module: ""})
def build_editable(folder, *_):
    return write(folder, "py3-none-any", {name + ".pth": os.getcwd() + "\\n"})
"""
BUILD = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def wheel(name, version, needs=(), tag="py3-none-any"):
    """The name of a wheel, and its bytes."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    metadata = f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n"
    files = {
        f"{info}/METADATA": metadata
        + "".join(f"Requires-Dist: {requirement}\n" for requirement in needs),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{name.replace('-', '_')}.py": f"version = {version!r}\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return f"{stem}-{tag}.whl", content.getvalue()


def source(name, version, tag="py3-none-any"):
    """The name of a package as source, and its bytes; built, it is a wheel with this tag."""
    stem = f"{name.replace('-', '_')}-{version}"
    files = {
        "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": f'{BUILD}[project]\nname = "{name}"\nversion = "{version}"\n'
        f"# tag {tag}\n",
        "backend.py": BACKEND,
    }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for file, text in files.items():
            entry = tarfile.TarInfo(f"{stem}/{file}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return f"{stem}.tar.gz", content.getvalue()


class Index(http.server.ThreadingHTTPServer):
    """`files` are served as what their names say; `asked` has the names that were fetched.

    It sends no more than `most` files, if that is set.
    """

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.asked, self.most = dict(files), [], None
        self.url = f"http://127.0.0.1:{self.server_port}"

    def page(self, name):
        of_it = {
            file: content for file, content in self.files.items()
            if file.split("-")[0].replace("_", "-") == name
        }  # fmt: skip
        entries = [
            {
                "filename": file, "url": f"{self.url}/files/{file}", "size": len(content),
                "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            }
            for file, content in of_it.items()
        ]  # fmt: skip
        return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": entries}).encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        *_, kind, name = urllib.parse.unquote(self.path).rstrip("/").split("/")
        if kind == "simple":
            return self.send(self.server.page(name), JSON)
        if name not in self.server.files or len(self.server.asked) == self.server.most:
            return self.send_error(404)
        if self.headers["User-Agent"] == "tl-course":  # uv looks into files, too
            self.server.asked.append(name)
        self.send(self.server.files[name], "application/octet-stream")

    def send(self, content, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)

    def do_HEAD(self):
        self.send_error(405)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(files):
    """An index of these files, as long as this lasts."""
    with Index(files) as index:
        threading.Thread(target=index.serve_forever, args=(0.01,), daemon=True).start()
        yield index
        index.shutdown()
