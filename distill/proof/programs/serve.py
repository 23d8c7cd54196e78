"""Run one network alone, in a process that knows nothing of this package: it answers, and is timed.

    python -I serve.py REQUEST PARENT

REQUEST is a JSON file: `program` (the path of one of the modules beside this one), `split`,
`batch_size`, `chunk`, `threads`, `device`, `alone`, `text` and what the program asks for. PARENT is the
pid of the process that started it, with which it ends.

It opens the network, calls it a few times on the first `batch_size` examples, and says so; then it serves
standard input, a command a line, until that ends. Every reply is one JSON object a line on standard
output. What libraries print goes to standard error.

    time N          {"ms": [...]}: N calls on those examples, after one that is not counted
    answer FILE     {"rows": N}: float32 outputs of every example, or of each word that is seen
"""

import ctypes
import gc
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np

WARM_UP = 5
DTYPES = {"U8": "u1", "I8": "i1", "I64": "<i8", "F32": "<f4"}
PR_SET_PDEATHSIG = 1


class Runtime(Protocol):
    """What each of the programs beside this one opens."""

    name: str

    def answer(self, examples: Any) -> Any:
        """float32 (rows, outputs) of raw examples, each text a string or a list of words."""
        ...

    def prepare(self, examples: Any) -> Any:
        """Examples as the file takes them: of texts, tokens."""
        ...

    def call(self, prepared: Any) -> Any:
        """Outputs of what `prepare` gave: this is what is timed."""
        ...


def main(request_file: Path, parent: int) -> None:
    """Serve until standard input ends."""
    _end_with(parent)
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(**facts: Any) -> None:
        replies.write(json.dumps(facts | {"peak_memory_bytes": _peak_memory_bytes()}) + "\n")
        replies.flush()

    request = json.loads(request_file.read_text())
    runtime = _opened(request)
    examples = Examples(Path(request["split"]))
    prepared = runtime.prepare(examples.first(request["batch_size"]))
    for _ in range(WARM_UP):
        runtime.call(prepared)
    (typical,) = _times(runtime, prepared, 1)
    reply(runtime=runtime.name, ms=typical)
    for line in sys.stdin:
        command, _, argument = line.rstrip("\n").partition(" ")
        if command == "time":
            reply(ms=_times(runtime, prepared, int(argument)))
        else:
            reply(rows=_answer(runtime, examples.chunks(request["chunk"]), Path(argument)))


def _end_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        sys.exit(1)


def _opened(request: dict[str, Any]) -> Runtime:
    spec = importlib.util.spec_from_file_location("runtime", request["program"])
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    text = request["text"]
    runtime: Runtime = program.opened(request, None if text is None else Tokens(**text))
    assert not (request["alone"] and any(name.split(".")[0] == "distill" for name in sys.modules))
    return runtime


def _times(runtime: Runtime, prepared: Any, count: int) -> list[float]:
    """Milliseconds of so many calls, without collections of garbage, after one that is not counted."""
    gc.disable()
    try:
        runtime.call(prepared)
        edges = [time.perf_counter()]
        for _ in range(count):
            runtime.call(prepared)
            edges.append(time.perf_counter())
    finally:
        gc.enable()
    return [(after - before) * 1000 for before, after in pairwise(edges)]


def _answer(runtime: Runtime, chunks: Iterator[Any], to: Path) -> int:
    rows = 0
    with to.open("wb") as file:
        for chunk in chunks:
            outputs = np.ascontiguousarray(runtime.answer(chunk), dtype=np.float32)
            rows += len(outputs)
            file.write(outputs.tobytes())
    return rows


def _peak_memory_bytes() -> int | None:
    """The most memory that this process ever had in RAM; None where the kernel does not say."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 if found else None


class Examples:
    """A split as it is stored, read piece by piece."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            self._header = json.loads(file.read(length))
        self._bytes = np.memmap(path, np.uint8, "r", offset=8 + length)
        self._read: Callable[[int, int], Any]
        if "text_offsets" not in self._header:
            arrays = self._array("image" if "image" in self._header else "features")
            self._count, self._read = len(arrays), lambda start, end: np.array(arrays[start:end])
            return
        content, edges = self._array("text_bytes"), self._array("text_offsets")
        words = self._array("word_offsets") if "word_offsets" in self._header else None

        def texts(start: int, end: int) -> list[str]:
            return [bytes(content[a:b]).decode() for a, b in pairwise(edges[start : end + 1].tolist())]

        def in_words(start: int, end: int) -> list[list[str]]:
            assert words is not None
            return [texts(a, b) for a, b in pairwise(words[start : end + 1].tolist())]

        self._count = len(edges if words is None else words) - 1
        self._read = texts if words is None else in_words

    def first(self, count: int) -> Any:
        """So many examples from the first on; all of them again where there are fewer."""
        whole, rest = divmod(count, self._count)
        pieces = [self._read(0, self._count)] * whole + ([self._read(0, rest)] if rest else [])
        if isinstance(pieces[0], list):
            return [text for piece in pieces for text in piece]
        return np.concatenate(pieces)

    def chunks(self, size: int) -> Iterator[Any]:
        """All examples in order, so many at once."""
        for start in range(0, self._count, size):
            yield self._read(start, min(start + size, self._count))

    def _array(self, name: str) -> Any:
        entry = self._header[name]
        start, end = entry["data_offsets"]
        return self._bytes[start:end].view(DTYPES[entry["dtype"]]).reshape(entry["shape"])


class Tokens:
    """Texts as `tokenizer.json` says, for files that take tokens: int64 (n, longest), padded."""

    def __init__(self, tokenizer: str, max_length: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(tokenizer)
        self._tokenizer.enable_truncation(max_length=max_length)
        self._pad = self._tokenizer.token_to_id("[PAD]") or 0
        pad_token = self._tokenizer.id_to_token(self._pad) or "[PAD]"
        self._tokenizer.enable_padding(pad_id=self._pad, pad_token=pad_token)

    def __call__(self, texts: list[Any]) -> dict[str, Any]:
        """`input_ids` and `attention_mask`, and of texts in words also `starts`, bool: the first token of
        each word."""
        in_words = bool(texts) and isinstance(texts[0], list)
        encodings = self._tokenizer.encode_batch(texts, is_pretokenized=in_words)
        tokens = {  # a text without any token is one padding that is seen
            "input_ids": np.array([encoding.ids or [self._pad] for encoding in encodings], np.int64),
            "attention_mask": np.array(
                [[1, *encoding.attention_mask[1:]] for encoding in encodings], np.int64
            ),
        }
        if in_words:
            tokens["starts"] = np.array([_starts(found.word_ids) for found in encodings])
        return tokens


def _starts(words: list[int | None]) -> list[bool]:
    words = words or [None]
    return [word is not None and word != before for before, word in zip([None, *words], words, strict=False)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
