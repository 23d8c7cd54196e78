"""`python -m benchmarks [NAME ...]`: run some benchmarks, or all but those that take long."""

import argparse

from benchmarks import exports, first_step, lists, overhead, queue, soak, submit, upload_memory
from benchmarks.teaches import __main__ as teaches

ALL = {
    "submit": submit.main,
    "first_step": first_step.main,
    "overhead": overhead.main,
    "upload_memory": upload_memory.main,
}
LONG = {
    "teaches": teaches.main,
    "exports": exports.main,
    "queue": queue.main,
    "lists": lists.main,
    "soak": soak.main,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL | LONG))
    parser.add_argument("--jobs", type=int, default=10_000, help="of queue (10000)")
    parser.add_argument("--minutes", type=float, default=30.0, help="of soak (30)")
    asked = parser.parse_args()
    of = {"queue": [asked.jobs], "soak": [asked.minutes]}
    for name in asked.names or ALL:
        print(f"\n# {name}", flush=True)
        (ALL | LONG)[name](*of.get(name, []))
