"""Show the test split to a downloaded student, in a process that knows nothing of this package.

    python -I separately.py STUDENT_FOLDER TEST_SPLIT OUTPUTS

Loads `STUDENT_FOLDER/load.py` as a user would, and writes float32 outputs to the file OUTPUTS, those of
each example, or of each word that the student sees.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from typing import Any

CHUNK = 256


def main(folder: Path, split: Path, outputs: Path) -> None:
    """Write the student's outputs for every example of `split`, in order."""
    spec = spec_from_file_location("load", folder / "load.py")
    assert spec is not None
    assert spec.loader is not None
    load = module_from_spec(spec)
    spec.loader.exec_module(load)
    student = load.load(folder)
    examples = _examples(load.read_safetensors(split))
    assert not any(name.split(".")[0] == "distill" for name in sys.modules)
    with outputs.open("wb") as file:
        for start in range(0, len(examples), CHUNK):
            chunk = load.predict(student, examples[start : start + CHUNK])
            if student.target == "tag":
                words = load.torch.cat(chunk)
                chunk = words[~words.isnan().all(dim=1)]
            file.write(chunk.float().contiguous().numpy().tobytes())


def _examples(tensors: dict[str, Any]) -> Any:
    if "text_offsets" not in tensors:
        return tensors["image" if "image" in tensors else "features"]
    content, edges = bytes(tensors["text_bytes"].tolist()), tensors["text_offsets"].tolist()
    texts = [content[start:end].decode() for start, end in pairwise(edges)]
    if "word_offsets" not in tensors:
        return texts
    return [texts[start:end] for start, end in pairwise(tensors["word_offsets"].tolist())]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
