"""The folder that holds a whole service, and the lock on it."""

import fcntl
import hashlib
import json
import os
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from limbeck.errors import LimbeckError

_LONGEST_SOCKET_PATH = 100
"""The kernel takes 107 bytes on Linux, 103 on macOS."""
_LEFTOVERS_S = 3.0


@dataclass(frozen=True)
class Home:
    """Where everything of one service lives. `path` is absolute, its links resolved."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "Home":
        """The home at `path`, made if it is not there; for its owner's eyes alone."""
        home = cls(path.expanduser().resolve())
        try:
            home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (home.blobs, home.work, home.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise LimbeckError(
                f"cannot keep a service in {home.path}: {error.strerror}. Choose another --home."
            ) from error
        return home

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.path}/limbeck.db"

    @property
    def blobs(self) -> Path:
        return self.path / "blobs"

    @property
    def work(self) -> Path:
        return self.path / "work"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def key_file(self) -> Path:
        return self.path / "admin.key"

    @property
    def signing_key(self) -> Path:
        """By which the service signs what its jobs make."""
        return self.path / "signing.key"

    @property
    def notice(self) -> Path:
        """Says `{url, pid, key_file}` while the service is ready."""
        return self.path / "service.json"

    def key(self) -> str | None:
        """The first key, while its file is there."""
        try:
            return self.key_file.read_text().strip()
        except FileNotFoundError:
            return None

    def socket(self) -> Path:
        """Where the broker listens: in the home, or in a short folder of ours where that is too long."""
        inside = self.path / "broker.sock"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET_PATH:
            return inside
        mark = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"limbeck-{os.getuid()}-{mark}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise LimbeckError(f"{folder} belongs to somebody else; choose a --home with a shorter path")
        return folder / "broker.sock"

    def remove_socket(self) -> None:
        """Once the broker is gone, nothing of it stays, the short folder included."""
        socket = self.socket()
        socket.unlink(missing_ok=True)
        if socket.parent != self.path:
            socket.parent.rmdir()

    def lock(self) -> int:
        """A descriptor that holds the home for as long as any process has it open.

        Every process of the service inherits it. So a home that can be locked has nothing running in
        it, and every row that says `running` may be taken back.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        give_up = time.monotonic() + _LEFTOVERS_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # The processes of a service that was just killed need a moment to follow it.
                if time.monotonic() > give_up:
                    holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
                    os.close(descriptor)
                    raise LimbeckError(
                        f"{self.path} is held by another `limbeck up` (process {holder}). "
                        "Stop that one, or choose another --home."
                    ) from None
                time.sleep(0.05)
            else:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor

    def announce(self, url: str) -> None:
        """Say that the service is ready; the file is whole whenever it is there."""
        aside = self.notice.with_suffix(".new")
        aside.write_text(json.dumps({"url": url, "pid": os.getpid(), "key_file": str(self.key_file)}))
        aside.replace(self.notice)

    def fall_silent(self) -> None:
        self.notice.unlink(missing_ok=True)
