"""What a pickle would call, found without running it: its opcodes are read, never executed."""

import pickletools
from collections.abc import Iterator

ALLOWED = frozenset(
    {
        "collections OrderedDict",
        "torch Size",
        "torch._utils _rebuild_parameter",
        "torch._utils _rebuild_tensor_v2",
        *(
            f"torch {kind}Storage"
            for kind in (
                "Double",
                "Float",
                "Half",
                "BFloat16",
                "Long",
                "Int",
                "Short",
                "Char",
                "Byte",
                "Bool",
            )
        ),
    }
)
"""All that a state dict of dense tensors needs. Even `bytearray`, harmless elsewhere, fills memory."""

CALLS_WITHOUT_NAME = frozenset({"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"})
"""Opcodes that `torch.save` does not write, and that name or make objects in other ways."""


def first_forbidden(pickled: bytes) -> str | None:
    """The first thing that this pickle refers to beyond `ALLOWED`, like "os.system".

    Raises:
        ValueError: the pickle is damaged.
    """
    return next(_forbidden(pickled), None)


def _forbidden(pickled: bytes) -> Iterator[str]:
    recent: list[str] = []
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name == "GLOBAL":
            if argument not in ALLOWED:
                yield str(argument).replace(" ", ".")
        elif opcode.name == "STACK_GLOBAL":
            yield ".".join(recent[-2:]) or opcode.name
        elif opcode.name in CALLS_WITHOUT_NAME:
            yield str(argument).replace(" ", ".") if argument else opcode.name
        elif isinstance(argument, str) and "UNICODE" in opcode.name:
            recent = [*recent[-1:], argument[:100]]
