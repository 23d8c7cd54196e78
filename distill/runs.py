"""What the runs of a job are called, in training, in checkpoints and in metrics."""

TOP_CLASS = "teacher_argmax"
"""The control that learns the teacher's top class, as a document asks for it."""
CONTROL_OF_TOP_CLASS = f"control.{TOP_CLASS}"


def of_seed(run: str, number: int) -> str:
    """The run of a seed, numbered from 1: `student`, `student.seed2`, ..."""
    return run if number == 1 else f"{run}.seed{number}"


def of_generation(number: int) -> str:
    """The run of a generation of self-distillation; of the first, which has no teacher, `teacher`."""
    return f"generation{number}" if number else "teacher"


def stands_between(run: str) -> bool:
    """Whether the network of a run stood between teacher and student."""
    return run.startswith(("assistant", "generation"))
