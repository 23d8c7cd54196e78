"""`python -m benchmarks [NAME ...]`: run some benchmarks, or all but those that take long."""

import argparse

from benchmarks import first_step, overhead, submit, upload_memory
from benchmarks.teaches import __main__ as teaches

ALL = {
    "submit": submit.main,
    "first_step": first_step.main,
    "overhead": overhead.main,
    "upload_memory": upload_memory.main,
}
LONG = {"teaches": teaches.main}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL | LONG))
    for name in parser.parse_args().names or ALL:
        print(f"\n# {name}", flush=True)
        (ALL | LONG)[name]()
