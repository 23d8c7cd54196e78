"""Runs the script in the job's metadata, after the words with which it speaks have been defined.

An upload it inspects without looking at it.
"""

import json
import sys
from pathlib import Path

from distill.chain import inspect
from distill.words import SPEAK

request = json.loads((Path(sys.argv[-1]) / "in" / "request.json").read_text())
if request["command"] == "inspect-dataset":
    inspect()
else:
    exec(SPEAK + request["document"]["metadata"]["script"])  # the test wrote it
