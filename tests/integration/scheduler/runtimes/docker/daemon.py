"""A Docker Engine of the tests' own: its data, socket and containers lie in one folder and end with it.

It has no bridge and touches no firewall. Images are made of one static busybox; nothing is fetched.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from tests.waiting import block_until

_BUSYBOX = Path("/bin/busybox")
_APPLETS = (
    "sh", "echo", "sleep", "cat", "env", "id", "true", "head", "tr", "touch", "kill", "ls", "ln", "printf",
    "dd", "mkdir", "yes", "seq",
)  # fmt: skip
_START_SECONDS = 30.0


class Daemon:
    """An engine that can be ended and started again on the same data."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.socket = folder / "docker.sock"
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        folder = self._folder
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "dockerd", f"--host=unix://{self.socket}", f"--data-root={folder}/data",
                    f"--exec-root={folder}/exec", f"--pidfile={folder}/pid",
                    "--bridge=none", "--iptables=false", "--ip6tables=false",
                    "--storage-driver=vfs", "--shutdown-timeout=2", *self._options,
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        block_until(self._serves, within=_START_SECONDS, what="the engine serves")

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None
        if number is signal.SIGKILL:
            # Its containerd dies with it, but the next engine would wait for it as long as it is a zombie.
            (self._folder / "exec" / "containerd" / "containerd.pid").unlink()

    def command(self, *arguments: str, stdin: bytes = b"") -> str:
        """What the engine's own client prints."""
        line = ["docker", "--host", f"unix://{self.socket}", *arguments]
        return subprocess.run(line, input=stdin, check=True, capture_output=True, timeout=60).stdout.decode()

    def containers(self) -> list[str]:
        """All there are, running or not."""
        return self.command("ps", "--all", "--quiet", "--no-trunc").split()

    def volumes(self) -> list[str]:
        return self.command("volume", "ls", "--quiet").split()

    def make_image(self, reference: str, *changes: str) -> None:
        """An image of busybox alone; a change is a line of a Dockerfile."""
        options = [part for change in changes for part in ("--change", change)]
        self.command("import", *options, "-", reference, stdin=_root_file_system())

    def _serves(self) -> bool:
        with contextlib.suppress(subprocess.CalledProcessError):
            return bool(self.command("version"))
        return False


@contextlib.contextmanager
def running(folder: Path, *options: str) -> Iterator[Daemon]:
    """An engine that is ended, with all it has started, when the block is left."""
    daemon = Daemon(folder, *options)
    daemon.start()
    try:
        yield daemon
    finally:
        _end_all(daemon, folder)


def _end_all(daemon: Daemon, folder: Path) -> None:
    with contextlib.suppress(subprocess.CalledProcessError):
        if left := daemon.containers():
            daemon.command("rm", "--force", *left)
    daemon.end()
    # Its containerd stays when the engine was killed, or was told to leave containers alone.
    pid_file = folder / "exec" / "containerd" / "containerd.pid"
    if pid_file.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text()), signal.SIGTERM)
    for line in reversed(Path("/proc/mounts").read_text().splitlines()):
        if line.split()[1].startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", line.split()[1]], check=False)
    shutil.rmtree(folder, ignore_errors=True)


def _root_file_system() -> bytes:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        folder = tarfile.TarInfo("bin")
        folder.type = tarfile.DIRTYPE
        folder.mode = 0o755
        archive.addfile(folder)
        archive.add(_BUSYBOX, "bin/busybox")
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type = tarfile.SYMTYPE
            link.linkname = "busybox"
            archive.addfile(link)
    return packed.getvalue()
