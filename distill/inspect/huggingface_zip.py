"""A Hugging Face `.zip`: `config.json`, `model.safetensors` and a tokenizer, each read by itself.

Only the numbers of the configuration are used. Nothing in the archive is ever imported, and no
name in it is ever a path here.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing

from distill import archives
from distill.config.architectures import HuggingFace
from distill.config.events import ErrorClass
from distill.inspect.safetensors_file import open_safetensors
from distill.inspect.tensors import Upload
from distill.rejection import Rejected

MOST_MEMBERS = 1000
LARGEST_CONFIG = 1 << 20
LARGEST_TOKENIZER = 64 << 20
CODE = (".py", ".pyc", ".pyd", ".so", ".pkl", ".pickle", ".sh")
HINT = (
    "zip what save_pretrained() wrote for model and tokenizer: config.json, model.safetensors, tokenizer.json"
)


@dataclass(frozen=True)
class HuggingFaceUpload:
    """A BERT for classification. `labels` are its own names for the outputs, in order, if it has any."""

    weights: Upload
    config: dict[str, Any]
    labels: list[str] | None
    tokenizer: Tokenizer
    max_length: int | None
    ignored: list[str]
    """Members and configuration keys that were not used."""


def open_huggingface(path: Path, scratch: Path) -> HuggingFaceUpload:
    """Read the archive; its weights are unpacked to `scratch`.

    Raises:
        Rejected: a part is missing or damaged, or the model is none that this service can build.
    """
    with archives.opened(path, most_members=MOST_MEMBERS, what="zip archive", hint=HINT) as archive:
        _require_no_code(archive)
        members = _members(archive)
        config = _json(archive, members, "config.json")
        _require_classifier(config)
        if "model.safetensors" not in members:
            raise _lacking(members, "model.safetensors")
        archives.copy_member(archive, members["model.safetensors"], scratch)
        settings = (
            _json(archive, members, "tokenizer_config.json") if "tokenizer_config.json" in members else {}
        )
        tokenizer = _tokenizer(archive, members, settings)
    known = _shape(config)
    _require_vocabulary(tokenizer, known)
    used = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}
    return HuggingFaceUpload(
        weights=open_safetensors(scratch),
        config=known,
        labels=_labels(config),
        tokenizer=tokenizer,
        max_length=_max_length(settings, known),
        ignored=sorted(
            [
                *(set(members) - used),
                *(f"config: {key}" for key in set(config) - set(HuggingFace.model_fields)),
            ]
        )[:100],
    )


def _require_no_code(archive: ZipFile) -> None:
    code = next((name for name in archive.namelist() if name.lower().endswith(CODE)), None)
    if code is not None:
        raise _refused(
            "code_in_file",
            f"the archive holds code, '{code[:100]}'; it was not unpacked and nothing ran",
            "a BERT needs no code of its own: leave it out",
        )


def _members(archive: ZipFile) -> dict[str, str]:
    """Members by their file name, all from the one folder that holds config.json."""
    names = [name for name in archive.namelist() if not name.endswith("/")]
    configs = sorted((name for name in names if name.split("/")[-1] == "config.json"), key=len)
    if not configs:
        raise _lacking({name: name for name in names}, "config.json")
    folder = configs[0].removesuffix("config.json")
    return {
        name.removeprefix(folder): name
        for name in names
        if name.startswith(folder) and "/" not in name.removeprefix(folder)
    }


def _lacking(members: dict[str, str], name: str) -> Rejected:
    found = ", ".join(member[:60] for member in sorted(members)[:10]) or "nothing"
    pickled = any(member.endswith((".bin", ".pt", ".pth")) for member in members)
    hint = "convert the pickled weights: save_pretrained(path, safe_serialization=True)" if pickled else HINT
    return _refused("incomplete_archive", f"the archive has no {name}; it has {found}", hint)


def _json(archive: ZipFile, members: dict[str, str], name: str) -> dict[str, Any]:
    if name not in members:
        raise _lacking(members, name)
    try:
        value = json.loads(archives.read_member(archive, members[name], at_most=LARGEST_CONFIG))
    except (ValueError, RecursionError) as error:
        raise _refused("unreadable_file", f"{name} is no JSON: {error}", HINT) from error
    if not isinstance(value, dict):
        raise _refused("unreadable_file", f"{name} is no JSON object", HINT)
    return value


def _require_classifier(config: dict[str, Any]) -> None:
    code = next(
        (key for key in ("auto_map", "trust_remote_code", "quantization_config") if config.get(key)), None
    )
    if code is not None:
        raise _refused(
            "code_in_file",
            f"config.json has '{code}': the model needs code that is not part of transformers' BERT",
            "upload a plain BertForSequenceClassification",
        )
    if config.get("model_type") != "bert":
        raise _refused(
            "unsupported_model",
            f"the model type is {str(config.get('model_type'))[:60]!r}; only 'bert' can be built for now",
            "upload a BertForSequenceClassification",
            "user",
        )
    heads = config.get("architectures") or ["BertForSequenceClassification"]
    if heads != ["BertForSequenceClassification"]:
        raise _refused(
            "unsupported_model",
            f"the model is a {str(heads)[:100]}; a teacher for classification is needed",
            "fine-tune it as BertForSequenceClassification first",
            "user",
        )


def _shape(raw: dict[str, Any]) -> dict[str, Any]:
    """The numbers that shape a BERT out of a `config.json`, with transformers' own defaults.

    Every other key could name code, and is left out.
    """
    from transformers import BertConfig  # takes a second, which other uploads need not wait

    known = {key: raw[key] for key in HuggingFace.model_fields if key in raw}
    defaults = BertConfig().to_dict()
    return {key: known.get(key, defaults.get(key)) for key in HuggingFace.model_fields}


def _labels(config: dict[str, Any]) -> list[str] | None:
    """`id2label` in the order of the outputs; None where it does not name them all."""
    names = config.get("id2label")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        return None
    order = [names.get(str(at)) for at in range(len(names))]
    return None if None in order else [str(name) for name in order]


def _tokenizer(archive: ZipFile, members: dict[str, str], settings: dict[str, Any]) -> Tokenizer:
    name = next((name for name in ("tokenizer.json", "vocab.txt") if name in members), None)
    if name is None:
        raise _lacking(members, "tokenizer.json")
    content = archives.read_member(archive, members[name], at_most=LARGEST_TOKENIZER)
    try:
        text = content.decode()
        return Tokenizer.from_str(text) if name == "tokenizer.json" else _word_piece(text, settings)
    except BaseException as error:  # a panic in the library's Rust is no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _refused(
            "tokenizer_unreadable", f"{name} makes no tokenizer: {str(error)[:200]}", HINT
        ) from error


def _word_piece(vocabulary: str, settings: dict[str, Any]) -> Tokenizer:
    """BERT's own tokenizer (Devlin et al., 2019) from its list of words, one a line."""
    words = {word: number for number, word in enumerate(vocabulary.splitlines())}
    tokenizer = Tokenizer(WordPiece(words, unk_token="[UNK]"))  # noqa: S106 - a token of text
    tokenizer.normalizer = BertNormalizer(lowercase=bool(settings.get("do_lower_case", True)))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = BertProcessing(("[SEP]", words["[SEP]"]), ("[CLS]", words["[CLS]"]))
    tokenizer.decoder = WordPieceDecoder()
    return tokenizer


def _require_vocabulary(tokenizer: Tokenizer, config: dict[str, Any]) -> None:
    """Every token must have its row in the embedding."""
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    rows = config.get("vocab_size")
    if highest < 0 or not isinstance(rows, int) or highest >= rows:
        raise _refused(
            "vocabulary_mismatch",
            f"the tokenizer has the token number {highest}; the model has an embedding for {rows} tokens",
            "zip a model with the tokenizer that it was trained with",
        )


def _max_length(settings: dict[str, Any], config: dict[str, Any]) -> int | None:
    longest = config.get("max_position_embeddings")
    asked = settings.get("model_max_length")
    lengths = [length for length in (longest, asked) if isinstance(length, int) and 1 <= length <= 100_000]
    return min(lengths, default=None)


def _refused(code: str, message: str, hint: str, error_class: ErrorClass = "data") -> Rejected:
    return Rejected(code, error_class, message, hint)
