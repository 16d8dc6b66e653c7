"""A small Hugging Face hub on this machine: the requests that publishing and loading a model make.

Models are kept in memory. It answers as the hub's API does, errors included; what is checked there, and
not here: the content of cards.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_ada"
LARGE = 10_000
"""Bytes from which on a file is uploaded apart, as the hub does with weights."""


@dataclass
class Repository:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    card: dict[str, str] = field(default_factory=dict)

    @property
    def sha(self) -> str:
        return hashlib.sha1(json.dumps([len(self.commits), *self.commits]).encode()).hexdigest()


@dataclass
class Hub:
    """Its models by name, the content of large files by digest, and every request."""

    models: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""
    trouble: str = ""
    """Beginning of the requests that fail, such as ``"PUT"``; empty for none."""


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    @property
    def known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def answer(self, status: int, content: Any = b"", **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str) -> None:
        self.answer(status, {"error": message}, X_Error_Code=code, X_Error_Message=message)

    def do_GET(self) -> None:
        self.route()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def route(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        request = f"{self.command} {'/'.join(parts)}"
        self.hub.requests.append(request)
        if self.hub.trouble and request.startswith(self.hub.trouble):
            return self.refuse(418, "Trouble", "the hub has trouble")
        match [self.command, *parts]:
            case ["GET", "api", "whoami-v2"]:
                if not self.known:
                    return self.refuse(401, "", "Invalid username or password.")
                return self.answer(200, {"name": "ada", "type": "user", "orgs": []})
            case ["POST", "api", "validate-yaml"]:
                return self.answer(200, {"errors": [], "warnings": []})
            case ["POST", "api", "repos", "create"]:
                return self.create(json.loads(body))
            case ["PUT", "large", digest]:
                self.hub.large[digest] = body
                return self.answer(200)
            case ["POST", user, name, *_] if name.endswith(".git"):
                return self.large_files(json.loads(body))
            case [_, "api", "models", user, name, *rest]:
                return self.model(f"{user}/{name}", rest, body)
            case [_, user, name, "resolve", _, *path]:
                return self.file(f"{user}/{name}", "/".join(path))
        return self.refuse(404, "", "no such page")

    def create(self, asked: dict[str, Any]) -> None:
        if not self.known:
            return self.refuse(401, "", "Invalid username or password.")
        owner = asked.get("organization") or "ada"
        if owner != "ada":
            return self.refuse(
                403, "", f"You don't have the rights to create a model under {owner}"
            )
        private = asked.get("private") or asked.get("visibility") == "private"
        self.hub.models[f"{owner}/{asked['name']}"] = Repository(bool(private))
        return self.answer(200, {"url": f"{self.hub.url}/{owner}/{asked['name']}"})

    def visible(self, name: str) -> Repository | None:
        model = self.hub.models.get(name)
        if model is not None and (self.known or not model.private):
            return model
        if self.known:
            self.refuse(404, "RepoNotFound", "Repository not found")
        else:
            self.refuse(401, "RepoNotFound", "Repository Not Found for url")
        return None

    def model(self, name: str, rest: list[str], body: bytes) -> None:
        if (model := self.visible(name)) is None:
            return None
        match [self.command, *rest]:
            case ["GET"] | ["GET", "revision", "main"]:
                siblings = [{"rfilename": path} for path in model.files]
                about = {"id": name, "sha": model.sha, "private": model.private}
                return self.answer(200, about | {"siblings": siblings, "cardData": model.card})
            case ["GET", "revision", _]:
                return self.refuse(404, "RevisionNotFound", "Invalid rev id")
            case ["GET", "tree", *_]:
                return self.answer(200, [self.entry(path, model) for path in model.files])
            case ["POST", "preupload", _]:
                return self.answer(200, {"files": list(map(_mode, json.loads(body)["files"]))})
            case ["POST", "commit", _]:
                return self.commit(name, model, [json.loads(line) for line in body.splitlines()])
        return self.refuse(404, "", "no such page")

    def entry(self, path: str, model: Repository) -> dict[str, Any]:
        content = model.files[path]
        entry = {"type": "file", "path": path, "size": len(content), "oid": _etag(content)}
        if len(content) >= LARGE:
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
        return entry

    def large_files(self, asked: dict[str, Any]) -> None:
        objects = [
            one | {"actions": {"upload": {"href": f"{self.hub.url}/large/{one['oid']}"}}}
            for one in asked["objects"]
        ]
        self.answer(200, {"transfer": "basic", "objects": objects})

    def commit(self, name: str, model: Repository, lines: list[dict[str, Any]]) -> None:
        if not self.known:
            return self.refuse(401, "", "Invalid username or password.")
        for line in lines:
            value = line["value"]
            match line["key"]:
                case "header":
                    model.commits.append(value["summary"])
                case "file":
                    model.files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    model.files[value["path"]] = self.hub.large[value["oid"]]
                case "deletedFile":
                    del model.files[value["path"]]
        url = f"{self.hub.url}/{name}/commit/{model.sha}"
        return self.answer(200, {"success": True, "commitOid": model.sha, "commitUrl": url})

    def file(self, name: str, path: str) -> None:
        if (model := self.visible(name)) is None:
            return None
        if path not in model.files:
            return self.refuse(404, "EntryNotFound", "Entry not found")
        content = model.files[path]
        return self.answer(200, content, ETag=f'"{_etag(content)}"', X_Repo_Commit=model.sha)


def _mode(file: dict[str, Any]) -> dict[str, Any]:
    mode = "lfs" if file["size"] >= LARGE else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}


def _etag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
