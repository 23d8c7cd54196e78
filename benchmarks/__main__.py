"""`python -m benchmarks [NAME ...]`: run some benchmarks, or all."""

import argparse

from benchmarks import first_step, overhead, submit, upload_memory

ALL = {
    "submit": submit.main,
    "first_step": first_step.main,
    "overhead": overhead.main,
    "upload_memory": upload_memory.main,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    for name in parser.parse_args().names or ALL:
        print(f"\n# {name}", flush=True)
        ALL[name]()
