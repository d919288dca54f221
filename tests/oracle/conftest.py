"""The worked cases are written down beside the end-to-end tests that run them too."""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "e2e"))
