"""The least that Python needs to plan: a list of files, patterns as one expression, URLs, batches of ten as JSON."""

import json
import re
import sys
from pathlib import Path
from urllib.parse import quote

INCLUDE = r"(?s:.*\.(?:html|css|js)|(?:.*/)?assets/.*|img/.*\.png)"
EXCLUDE = (
    r"(?s:.*\.(?:map|md|txt|bak|swp|orig|rej|tmp|log)|(?:.*/)?(?:drafts|private|tests|\.cache)/.*"
    r"|internal/.*|(?:.*/)?draft-[^/]*\.html)"
)
is_included, is_excluded = re.compile(INCLUDE).fullmatch, re.compile(EXCLUDE).fullmatch
paths = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
urls = [
    f"http://a.example/{quote(path)}" for path in dict.fromkeys(paths) if is_included(path) and not is_excluded(path)
]
print(json.dumps([urls[start : start + 10] for start in range(0, len(urls), 10)]))
