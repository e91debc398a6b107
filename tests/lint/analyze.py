#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
gcc -fanalyzer over the agent (make analyze): `analyze.py FILE...`, with the compiler's flags in
PROJECT_CFLAGS. It understands cleanup attributes, so what it says about ownership is worth reading;
every warning is a failure, unless analyze.txt knows it as false. An entry there that nothing matches
any more is a failure, too, so the list stays true. Ends with a closing line.

A clean answer is remembered in build/lint/analyze under a digest of all that it depends on.
"""

import hashlib
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

CACHE = "build/lint/analyze"
KNOWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "analyze.txt")
KNOWN_COMPILER = "12"  # the entries are false positives of that version of gcc
FLAGS = ["-O2", "-fanalyzer", "-fdiagnostics-color=never"]


def read_known():
    """{(file, function, warning)}; each line: file function warning: the reason."""
    known = set()
    with open(KNOWN, encoding="utf-8") as stream:
        for line in stream:
            if line.strip() and not line.startswith("#"):
                known.add(tuple(line.split(":")[0].split()))
    return known


def compiler():
    return os.environ.get("CC", "gcc")


def run(arguments):
    environment = dict(os.environ, LC_ALL="C")
    return subprocess.run(
        arguments, capture_output=True, text=True, env=environment, check=False
    )


def digest_of(file, flags):
    """Of the compiler, the flags, the source and the headers of the project that it includes."""
    digest = hashlib.sha256(run([compiler(), "--version"]).stdout.encode())
    digest.update("\0".join(flags).encode())
    rule = run([compiler(), *flags, "-MM", file]).stdout
    for path in rule.partition(":")[2].replace("\\\n", " ").split():
        with open(path, "rb") as stream:
            digest.update(stream.read())
    return digest.hexdigest()[:32]


def warnings_in(file, text):
    """(function, warning, line of text) of each finding. Paths of events lead to none."""
    function = "-"
    for line in text.splitlines():
        # Of an inlined function, the outermost one around it.
        match = re.match(r"(?:\S+: )?(?:In function '(\w+)'|At top level)", line)
        match = match or re.match(r"\s+inlined from '(\w+)'", line)
        if match:
            function = match[1] or "-"
        match = re.search(r"(?:warning|error): .*?(?:\[-W(?:error=)?([\w-]+)\])?$", line)
        if match and not line.startswith(" "):
            yield function, match[1] or "error", line


def analyze(file, flags, known):
    """(text of what is wrong, known entries that matched)."""
    remembered = os.path.join(CACHE, digest_of(file, flags))
    if os.path.exists(remembered):
        with open(remembered, encoding="utf-8") as stream:
            matched = {tuple(line.split()) for line in stream}
        if matched <= known:
            return "", matched
    answer = run([compiler(), *flags, "-c", "-o", "/dev/null", file])
    matched, bad = set(), []
    for function, warning, line in warnings_in(file, answer.stderr):
        entry = (file, function, warning)
        if entry in known:
            matched.add(entry)
        else:
            bad.append(f"{line} (in {function})")
    if bad or answer.returncode:
        return "\n".join(bad) + "\n" + answer.stderr, matched
    os.makedirs(CACHE, exist_ok=True)
    with open(remembered, "w", encoding="utf-8") as stream:
        stream.writelines(" ".join(entry) + "\n" for entry in sorted(matched))
    return "", matched


def main(files):
    if not files:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    flags = shlex.split(os.environ.get("PROJECT_CFLAGS", "")) + FLAGS
    known, matched, failed = read_known(), set(), 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        for file, (text, seen) in zip(files, pool.map(lambda f: analyze(f, flags, known), files)):
            matched |= seen
            if text:
                failed += 1
                print(text.rstrip())
                print(f"  FAILED  {file}")
    version = run([compiler(), "-dumpversion"]).stdout.split(".")[0].strip()
    stale = {entry for entry in known - matched if entry[0] in files or not os.path.exists(entry[0])}
    if stale and version == KNOWN_COMPILER:
        failed += 1
        for entry in sorted(stale):
            print(f"  FAILED  tests/lint/analyze.txt knows what is no more: {' '.join(entry)}")
    print(f"analyze: {len(files) - min(failed, len(files))} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
