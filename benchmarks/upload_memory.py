"""Memory of the API while 1 GB is uploaded, beside its memory before."""

import threading
from collections.abc import Iterator

import httpx
import psutil

from benchmarks.deployment import api_alone

CHUNK = bytes(2**20)
CHUNKS = 1000


def main() -> None:
    with api_alone("sqlite") as service:
        api = psutil.Process(service.pid)
        before = api.memory_info().rss
        uploaded = threading.Event()
        peaks: list[int] = []
        watcher = threading.Thread(target=_watch, args=(api, uploaded, peaks))
        watcher.start()
        answer = httpx.post(
            f"{service.url}/v1/files?filename=zeros&purpose=other",
            headers={"Authorization": f"Bearer {service.key}"},
            content=_body(),
            timeout=600,
        )
        uploaded.set()
        watcher.join()
        answer.raise_for_status()
        assert answer.json()["bytes"] == len(CHUNK) * CHUNKS
    peak = max(peaks)
    print(f"before {before / 1e6:.0f} MB, at most {peak / 1e6:.0f} MB, ratio {peak / before:.2f}")


def _body() -> Iterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


def _watch(process: psutil.Process, done: threading.Event, into: list[int]) -> None:
    while not done.wait(0.02):
        into.append(process.memory_info().rss)


if __name__ == "__main__":
    main()
