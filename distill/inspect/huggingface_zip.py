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
from distill.config.tasks import Task
from distill.inspect.huggingface_head import HEADS, Head, head_of
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


MODULES, POOLING, SENTENCES = "modules.json", "1_Pooling/config.json", "sentence_bert_config.json"
"""What sentence-transformers writes beside them."""
OF_HEAD = ("head", "pooling", "normalize")
SAID_OF_OUTPUTS = {"architectures", "id2label", "label2id", "problem_type"}


@dataclass(frozen=True)
class HuggingFaceUpload:
    """A BERT. `labels` are its own names for the outputs, in order, if it has any; `task` is None where
    its files do not tell."""

    weights: Upload
    config: dict[str, Any]
    task: Task | None
    labels: list[str] | None
    tokenizer: Tokenizer
    max_length: int | None
    ignored: list[str]
    """Members and configuration keys that were not used."""


def open_huggingface(path: Path, scratch: Path, asked: dict[str, Any] | None) -> HuggingFaceUpload:
    """Read the archive; its weights are unpacked to `scratch`. `asked` is what the request says of the
    pooling of an embedding.

    Raises:
        Rejected: a part is missing or damaged, or the model is none that this service can build.
    """
    with archives.opened(path, most_members=MOST_MEMBERS, what="zip archive", hint=HINT) as archive:
        _require_no_code(archive)
        members = _members(archive)
        config = _json(archive, members, "config.json")
        _require_bert(config)
        modules = _parsed(archive, members, MODULES) if MODULES in members else None
        pooling = _json(archive, members, POOLING) if POOLING in members else None
        head = head_of(config, modules, pooling)
        if "model.safetensors" not in members:
            raise _lacking(members, "model.safetensors")
        archives.copy_member(archive, members["model.safetensors"], scratch)
        settings = {
            name: _json(archive, members, name)
            for name in ("tokenizer_config.json", SENTENCES)
            if name in members
        }
        of_tokenizer = settings.get("tokenizer_config.json", {})
        tokenizer = _tokenizer(archive, members, of_tokenizer)
    known = _shape(config) | _of_head(head, asked)
    _require_vocabulary(tokenizer, known)
    used = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}
    used |= {MODULES, POOLING, SENTENCES}
    return HuggingFaceUpload(
        weights=open_safetensors(scratch),
        config=known,
        task=head.task,
        labels=_labels(config),
        tokenizer=tokenizer,
        max_length=_max_length(
            known.get("max_position_embeddings"),
            of_tokenizer.get("model_max_length"),
            settings.get(SENTENCES, {}).get("max_seq_length"),
        ),
        ignored=sorted(
            [
                *(set(members) - used),
                *(f"config: {key}" for key in set(config) - set(HuggingFace.model_fields) - SAID_OF_OUTPUTS),
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
    found = {name.removeprefix(folder): name for name in names if name.startswith(folder)}
    return {name: member for name, member in found.items() if "/" not in name or name == POOLING}


def _lacking(members: dict[str, str], name: str) -> Rejected:
    found = ", ".join(member[:60] for member in sorted(members)[:10]) or "nothing"
    pickled = any(member.endswith((".bin", ".pt", ".pth")) for member in members)
    hint = "convert the pickled weights: save_pretrained(path, safe_serialization=True)" if pickled else HINT
    return _refused("incomplete_archive", f"the archive has no {name}; it has {found}", hint)


def _json(archive: ZipFile, members: dict[str, str], name: str) -> dict[str, Any]:
    value = _parsed(archive, members, name)
    if not isinstance(value, dict):
        raise _refused("unreadable_file", f"{name} is no JSON object", HINT)
    return value


def _parsed(archive: ZipFile, members: dict[str, str], name: str) -> Any:
    if name not in members:
        raise _lacking(members, name)
    try:
        return json.loads(archives.read_member(archive, members[name], at_most=LARGEST_CONFIG))
    except (ValueError, RecursionError) as error:
        raise _refused("unreadable_file", f"{name} is no JSON: {error}", HINT) from error


def _require_bert(config: dict[str, Any]) -> None:
    code = next(
        (key for key in ("auto_map", "trust_remote_code", "quantization_config") if config.get(key)), None
    )
    if code is not None:
        raise _refused(
            "code_in_file",
            f"config.json has '{code}': the model needs code that is not part of transformers' BERT",
            f"upload a plain {' or '.join(HEADS)}",
        )
    if config.get("model_type") != "bert":
        raise _refused(
            "unsupported_model",
            f"the model type is {str(config.get('model_type'))[:60]!r}; only 'bert' can be built for now",
            f"upload a {' or '.join(HEADS)}",
            "user",
        )


def _of_head(head: Head, asked: dict[str, Any] | None) -> dict[str, Any]:
    """The parameters of the head: what the archive says, else the request, else the defaults.

    Raises:
        Rejected: `described_twice`, where both say it.
    """
    told = {"pooling": head.pooling, "normalize": head.normalize}
    told = {key: value for key, value in told.items() if value is not None}
    twice = sorted(set(told) & set(asked or {}))
    if twice or (asked and head.name != "embedding"):
        at = twice[0] if twice else next(iter(asked or {}))
        raise Rejected(
            "described_twice",
            "user",
            f"the zip says itself how its network ends; config.{at} cannot say so too",
            f"leave out config.{at}",
            {"pointer": f"/config/{at}"},
        )
    return {"head": head.name, **told, **(asked or {})}


def _shape(raw: dict[str, Any]) -> dict[str, Any]:
    """The numbers that shape a BERT out of a `config.json`, with transformers' own defaults.

    Every other key could name code, and is left out.
    """
    from transformers import BertConfig  # takes a second, which other uploads need not wait

    defaults = BertConfig().to_dict()
    return {key: raw.get(key, defaults.get(key)) for key in HuggingFace.model_fields if key not in OF_HEAD}


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


def _max_length(*lengths: Any) -> int | None:
    """The shortest of the lengths that the files name."""
    return min(
        (length for length in lengths if isinstance(length, int) and 1 <= length <= 100_000), default=None
    )


def _refused(code: str, message: str, hint: str, error_class: ErrorClass = "data") -> Rejected:
    return Rejected(code, error_class, message, hint)
