"""What in an answer leads to what it gives, or ends it: the same for labels and for numbers."""

import re

CORRECTED = re.compile(
    r"\b(?:actually|correction|wait|i\s+mean|or\s+rather|no,|sorry,|let\s+me\s+correct|on\s+second\s+thought|scratch\s+that)",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"[.!?](?=\s|\Z|[\"'”’*_])|\n")
