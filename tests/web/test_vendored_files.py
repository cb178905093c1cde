import hashlib
import re
from pathlib import Path

VENDOR = Path(__file__).parents[2] / "static" / "vendor"


def test_vendored_files_are_the_ones_that_were_published() -> None:
    told = dict(re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.MULTILINE))
    assert told == {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in told}
    code = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.suffix in (".js", ".css", ".woff2")}
    assert code == set(told)
