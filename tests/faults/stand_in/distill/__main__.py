"""Runs the script in the job's metadata, after the words with which it speaks have been defined."""

import json
import sys
from pathlib import Path

from distill.words import SPEAK

request = json.loads((Path(sys.argv[-1]) / "in" / "request.json").read_text())
exec(SPEAK + request["document"]["metadata"]["script"])  # the test wrote it
