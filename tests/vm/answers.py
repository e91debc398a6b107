#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Judges what an emulated machine sent back: `answers.py SCENARIO FOLDER`, where FOLDER holds the two
serial lines, `console` and `files`. Prints a line a check, "  ok  NAME" or "  FAILED  NAME: why".
The scenarios are those of guest.sh.
"""

import base64
import json
import os
import re
import sys


class Answers:
    """Exit code, stdout and stderr of each step."""

    def __init__(self, folder):
        self.console = self.read(folder, "console")
        self.files = {}
        name, lines = None, []
        for line in self.read(folder, "files").splitlines():
            if line.startswith("FILE "):
                name, lines = line[5:], []
            elif line == "END" and name:
                self.files[name] = base64.b64decode("".join(lines)).decode(errors="replace")
                name = None
            else:
                lines.append(line)
        steps = re.findall(r"^STEP (\S+) (\d+)", self.console, re.M)
        self.codes = {name: int(code) for name, code in steps}

    @staticmethod
    def read(folder, name):
        # The console ends its lines with CR LF.
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as stream:
            return stream.read().replace("\r", "")

    def kernel(self):
        match = re.search(r"^GUEST (\d+)\.(\d+)", self.console, re.M)
        return (int(match[1]), int(match[2])) if match else (0, 0)

    def out(self, step):
        return self.files.get(step + ".out", "")

    def err(self, step):
        return self.files.get(step + ".err", "").strip()


class Judge:
    def __init__(self):
        self.failed = False

    def check(self, name, holds, why=""):
        if holds:
            print(f"  ok      {name}")
        else:
            self.failed = True
            print(f"  FAILED  {name}" + (f": {why}" if why else ""))
        return holds


def summary_of(judge, answers, step):
    """The step's summary, or None after saying what is wrong with it."""
    code = answers.codes.get(step)
    said = answers.err(step) or "nothing on stderr"
    if not judge.check(f"{step} ends with 0", code == 0, f"{code}: {said}"):
        return None
    try:
        return json.loads(answers.out(step))
    except ValueError as error:
        judge.check(f"{step} prints JSON", False, str(error))
        return None


def judge_goroutines(judge, step, summary, attach):
    """Counts of the probe lens that the workload must have brought about."""
    release = summary["releases"][0]
    reasons = {each["name"]: each["hist"]["count"] for each in release["waiting"]}
    hits = summary["quality"]["hits"]
    seconds = summary["window"]["duration_ns"] / 1e9
    judge.check(f"{step} attaches by {attach}", summary["attach"] == attach, summary["attach"])
    judge.check(f"{step} probes the process", release["processes"][0]["probed"],
                release["processes"][0]["refused"])
    judge.check(f"{step} counts dispatches", release["runnable"]["count"] > 100 * seconds,
                f"{release['runnable']['count']} in {seconds:.1f} s")
    judge.check(f"{step} counts waits by reason",
                reasons.get("sleep", 0) > 10 * seconds and reasons.get("chan receive", 0) > seconds,
                str(reasons))
    # Every dispatch was made runnable by somebody: what execute saw is what the wakes explain.
    explained = release["runnable"]["count"] + summary["quality"]["direct"]
    explained += summary["quality"]["losses"].get("unmatched_execute", 0)
    judge.check(f"{step} explains its execute hits",
                0.98 * hits["execute"] <= explained <= 1.02 * hits["execute"],
                f"{explained} of {hits['execute']}")
    stacks = [each for each in release["stacks"] if each["frames"]]
    named = sum(1 for each in stacks if "." in each["frames"][0]["function"])
    judge.check(f"{step} names waiting stacks", named > 0, f"{named} of {len(stacks)}")


def judge_kernel(judge, step, summary):
    release = summary["releases"][0]
    judge.check(f"{step} counts thread wake-ups", release["runqueue"]["count"] > 10,
                str(release["runqueue"]["count"]))
    names = [each["name"] for each in release["syscalls"]]
    judge.check(f"{step} counts system calls by name", "futex" in names, str(names))


def judge_service(judge, answers):
    judge.check("the service lives on", answers.codes.get("alive") == 0)
    oops = re.search(r"(BUG:|Oops|panic|WARNING: CPU).*", answers.console)
    judge.check("the kernel has nothing to complain of", not oops, oops and oops[0])


def judge_refusal(judge, answers, step, pattern):
    """An error: its exit code, and one sentence with cause and remedy."""
    code, said = answers.codes.get(step), answers.err(step)
    judge.check(f"{step} ends with 5", code == 5, f"{code}: {said}")
    judge.check(f"{step} says why", re.search(pattern, said), said)


def capture(judge, answers):
    multi = answers.kernel() >= (6, 6)
    said = answers.out("doctor") + answers.err("doctor")
    judge.check("doctor finds captures possible", answers.codes.get("doctor") == 0, said)
    attach = {"capture": "uprobe_multi" if multi else "perf", "perf": "perf", "kernel": None}
    for step, kind in attach.items():
        summary = summary_of(judge, answers, step)
        if not summary:
            continue
        if kind:
            judge_goroutines(judge, step, summary, kind)
        if step != "perf":
            judge_kernel(judge, step, summary)
    judge.check("ps lists the service", '"waits"' in answers.out("ps"), answers.err("ps"))


def refuse(judge, answers):
    judge_refusal(judge, answers, "nobtf", r"(?i)BTF")
    judge_refusal(judge, answers, "nouprobe", r"(?i)uprobe")


def lockdown(judge, answers):
    mode = answers.out("lockdown")
    judge.check("the kernel is locked down", "[confidentiality]" in mode, mode)
    judge.check("doctor finds captures impossible", answers.codes.get("doctor") == 1,
                answers.out("doctor"))
    judge_refusal(judge, answers, "locked", r"(?i)lockdown")


SCENARIOS = {"capture": capture, "refuse": refuse, "lockdown": lockdown}


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in SCENARIOS:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    answers, judge = Answers(arguments[1]), Judge()
    if judge.check("the machine boots and ends", "GUEST done" in answers.console,
                   answers.console.strip().splitlines()[-1:] or "no console"):
        SCENARIOS[arguments[0]](judge, answers)
        judge_service(judge, answers)
    return 1 if judge.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
