"""A web server on loopback that serves a folder, in parts if asked, and misbehaves on request."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class Mirror:
    """The server.

    Attributes:
        folder: what it serves.
        faults: what goes wrong with the next requests of a file, first first: ``404``, ``500``, ``cut`` (the
            connection, half way), ``wrong byte``, ``hang`` (no answer), ``stall`` (silence half way), ``no parts``
            (a Range is ignored).
        requests: path and Range header of each request.
        headers: sent with every file.
        authorizations: what each request knew itself by.
    """

    folder: Path
    faults: dict[str, list[str]] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    authorizations: list[str | None] = field(default_factory=list)

    def __enter__(self) -> "Mirror":
        self.released = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def _handler(mirror) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                mirror.requests.append((self.path, self.headers.get("Range")))
                mirror.authorizations.append(self.headers.get("Authorization"))
                name = urlsplit(self.path).path.lstrip("/")
                queue = mirror.faults.get(name, [])
                fault = queue.pop(0) if queue else ""
                path = mirror.folder / name
                if fault == "hang":
                    mirror.released.wait(30)
                elif fault in ("404", "500") or not path.is_file():
                    self.send_error(int(fault) if fault in ("404", "500") else 404)
                else:
                    self.send_file(path.read_bytes(), fault)

            def send_file(self, content: bytes, fault: str) -> None:
                total, start = len(content), 0
                asked = self.headers.get("Range")
                if asked and fault != "no parts":
                    start = int(asked.removeprefix("bytes=").rstrip("-"))
                    if start >= total:
                        self.send_response(416)
                        self.send_header("Content-Range", f"bytes */{total}")
                        self.send_header("Content-Length", "0")
                        self.end_headers()
                        return
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(total - start))
                for name, value in mirror.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                rest = bytearray(content[start:])
                if fault == "wrong byte":
                    rest[len(rest) // 2] ^= 1
                if fault in ("cut", "stall"):
                    self.wfile.write(rest[: len(rest) // 2])
                    self.wfile.flush()
                    if fault == "stall":
                        mirror.released.wait(30)
                    self.close_connection = True
                    return
                self.wfile.write(rest)

        return Handler
