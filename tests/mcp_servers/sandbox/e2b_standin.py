"""A server on loopback that speaks E2B's wire: its API, the code interpreter's HTTP and envd's Connect RPC.

Written from what the SDK sends and expects (e2b 2.63, e2b-code-interpreter 2.11). Code is run by a real interpreter in
a folder of the test, so results are results.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class StandIn(ThreadingHTTPServer):
    """`seen` holds (method, path, headers, body) of every request; `fail` makes the next answers errors."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.scopes: dict[str, dict[str, Any]] = {}
        self.fail: tuple[int, str] | None = None
        self.killed = False
        self.cut_off = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def place(self, path: str) -> Path:
        return self.folder / path.lstrip("/")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def log_message(self, *_: object) -> None:
        pass

    def _any(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        if self.server.fail is not None:
            status, text = self.server.fail
            return self._answer({"code": status, "message": text}, status)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        name = f"{self.command} {parts.path}"
        if parts.path.startswith("/v2/sandboxes") or parts.path.startswith("/sandboxes"):
            return self._api(name)
        if name == "POST /contexts":
            asked = json.loads(body)
            made = f"theirs-{len(self.server.scopes)}"
            self.server.scopes[made] = {"__name__": "__main__", "CWD": asked["cwd"]}
            return self._answer({"id": made, "language": "python", "cwd": asked["cwd"]})
        if parts.path.startswith("/contexts/"):
            return self._answer({})
        if name == "POST /execute":
            return self._execute(json.loads(body))
        if parts.path == "/files":
            return self._file(query, body)
        if parts.path.startswith("/filesystem.Filesystem/"):
            return self._filesystem(parts.path.rpartition("/")[2], json.loads(body))
        if parts.path.startswith("/process.Process/"):
            return self._process(parts.path.rpartition("/")[2], body)
        return self._answer({"code": 404, "message": "no such thing"}, 404)

    do_GET = do_POST = do_DELETE = do_PUT = _any  # noqa: N815

    def _answer(self, body: Any, status: int = 200, kind: str = "application/json") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)

    def _api(self, name: str) -> None:
        if name.startswith("DELETE"):
            self.server.killed = True
            return self._answer({})
        if name.endswith("/timeout"):
            return self._answer({})
        return self._answer(
            {
                "sandboxID": "sbx1", "templateID": "code-interpreter-v1", "clientID": "c", "envdVersion": "0.5.0",
                "envdAccessToken": "envd-token", "domain": None, "alias": "x",
            },
            201,
        )  # fmt: skip

    def _execute(self, asked: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

        def tell(**line: Any) -> None:
            data = json.dumps(line).encode() + b"\n"
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

        code = asked["code"]
        try:
            if code == "for ever":
                while True:
                    tell(type="stdout", text="tick\n", timestamp=time.time_ns())
                    time.sleep(0.05)
            scope = self.server.scopes[asked["context_id"]]
            printed = io.StringIO()
            try:
                with contextlib.redirect_stdout(printed):
                    *first, last = code.split("\n")
                    exec("\n".join(first), scope)
                    value = None if "=" in last or ("(" in last and last.startswith("print")) else eval(last, scope)
                    if value is None:
                        exec(last, scope)
            except Exception as error:  # noqa: BLE001 - as a notebook does
                tell(type="error", name=type(error).__name__, value=str(error), traceback="Traceback ...")
            else:
                if value is not None:
                    tell(type="result", text=repr(value), is_main_result=True, png=PNG if value == "chart" else None)
            for line in printed.getvalue().splitlines(keepends=True):
                tell(type="stdout", text=line, timestamp=time.time_ns())
            tell(type="number_of_executions", execution_count=1)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.cut_off.set()
            self.close_connection = True

    def _file(self, query: dict[str, str], body: bytes) -> None:
        if self.command == "GET":
            path = self.server.place(query["path"])
            if not path.is_file():
                return self._answer({"code": 404, "message": "no such file"}, 404)
            return self._answer(path.read_bytes(), kind="application/octet-stream")
        kind = self.headers["Content-Type"]
        if kind.startswith("multipart/form-data"):
            edge = b"--" + kind.partition("boundary=")[2].encode()
            part = body.split(edge)[1]
            body = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        path = self.server.place(query["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return self._answer([{"name": path.name, "type": "file", "path": query["path"]}])

    def _filesystem(self, call: str, asked: dict[str, Any]) -> None:
        path = self.server.place(asked["path"])
        if call == "MakeDir":
            path.mkdir(parents=True, exist_ok=True)
            return self._answer({"entry": {"name": path.name, "type": "FILE_TYPE_DIRECTORY", "path": asked["path"]}})
        if not path.exists():
            return self._answer({"code": "not_found", "message": "no such file"}, 404)
        if call == "ListDir":
            entries = [
                {"name": each.name, "path": f"{asked['path']}/{each.name}", "size": str(each.stat().st_size),
                 "type": "FILE_TYPE_DIRECTORY" if each.is_dir() else "FILE_TYPE_FILE"}
                for each in sorted(path.iterdir())
            ]  # fmt: skip
            return self._answer({"entries": entries})
        if path.is_file():
            path.unlink()
        else:
            for each in sorted(path.rglob("*"), reverse=True):
                each.unlink() if each.is_file() else each.rmdir()
            path.rmdir()
        return self._answer({})

    def _process(self, call: str, body: bytes) -> None:
        import base64

        if call != "Start":
            return self._answer({})
        asked = json.loads(body[5:])["process"]
        cwd = self.server.place(asked["cwd"])
        done = subprocess.run([asked["cmd"], *asked["args"]], cwd=cwd, capture_output=True, check=False)
        events: list[dict[str, Any]] = [{"start": {"pid": 7}}]
        events += [{"data": {"stdout": base64.b64encode(done.stdout).decode()}}] if done.stdout else []
        events += [{"data": {"stderr": base64.b64encode(done.stderr).decode()}}] if done.stderr else []
        status = f"exit status {done.returncode}"
        events.append({"end": {"exitCode": done.returncode, "exited": True, "status": status}})
        lines = [(0, {"event": event}) for event in events] + [(2, {})]
        data = b"".join(
            struct.pack(">BI", flag, len(text)) + text for flag, line in lines for text in [json.dumps(line).encode()]
        )
        return self._answer(data, kind="application/connect+json")
