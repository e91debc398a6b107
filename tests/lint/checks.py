#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The lint checks that only read sources: `checks.py CHECK FILE...`, from the top of the tree. Prints
what is wrong as file:line: sentence, and exits with 1 when there is anything.

  edges   includes between modules, as deps.txt allows them; unique file names
  names   public functions, typedefs, goto, out parameters, units
  sizes   functions of at most 70 lines, files of at most 600, nesting of at most 4
  banned  functions that have no place here
  traces  marks of unfinished work, paths of one machine, hosts of package registries
  spdx    the licence line

A rule that makes a piece of code worse may be broken where a comment on the line says why:
`/* lint: CHECK, the reason */`.
"""

import os
import re
import subprocess
import sys

import csource

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
NESTING_MAX = 4

HERE = os.path.dirname(os.path.abspath(__file__))


class Problems:
    def __init__(self, check):
        self.check = check
        self.texts = []

    def add(self, source, line, text):
        if not self.excused(source, line):
            self.texts.append(f"{source.path}:{line}: {text}")

    def excused(self, source, line):
        """True when the line, or the one before it, gives a reason."""
        pattern = re.compile(rf"lint: {self.check}, \S+ \S+")
        for comment in source.comments:
            last = comment.line + comment.text.count("\n")
            if last in (line - 1, line) and pattern.search(" ".join(comment.text.split())):
                return True
        return False


def module_of(path):
    """The module of a source under agent/: its folder, or "main"; None elsewhere."""
    parts = path.split("/")
    if parts[0] != "agent":
        return None
    return parts[1] if len(parts) > 2 else parts[1].removesuffix(".c")


def is_c(path):
    return path.endswith((".c", ".h"))


def loaded(paths, *folders):
    for path in paths:
        if is_c(path) and (not folders or path.startswith(folders)):
            yield csource.load(path)


# ---- edges ----


def read_edges(path=os.path.join(HERE, "deps.txt")):
    edges = {}
    with open(path, encoding="utf-8") as stream:
        for line in stream:
            line = line.split("#")[0].strip()
            if line:
                module, allowed = line.split(":")
                edges[module.strip()] = set(allowed.split())
    return edges


def find_cycle(edges):
    done = set()

    def visit(module, path):
        if module in path:
            return path[path.index(module) :] + [module]
        if module in done:
            return None
        for other in sorted(edges.get(module, ())):
            cycle = visit(other, path + [module])
            if cycle:
                return cycle
        done.add(module)
        return None

    for module in sorted(edges):
        cycle = visit(module, [])
        if cycle:
            return cycle
    return None


def include_problem(module, edges, target):
    """Why a source of `module` may not include "target", or None."""
    if target == "parkmeter.skel.h":
        return None if module == "probe" else "the BPF skeleton belongs to probe"
    if "/" not in target:
        return f'"{target}" does not say its module: write "{module}/{target}"'
    other, header = target.split("/", 1)
    if other == module:
        return None
    if other == "parkmeter":
        return None if "include" in edges[module] else f"{module} may not include include/parkmeter"
    if other not in edges:
        return f'"{target}" is of no module'
    if other not in edges[module]:
        return f"{module} may not include {other} (tests/lint/deps.txt)"
    if other != "base" and header != f"{other}.h":
        return f'"{target}" is private to {other}, whose public header is {other}/{other}.h'
    return None


def check_edges(paths, problems):
    edges = read_edges()
    cycle = find_cycle(edges)
    if cycle:
        problems.texts.append("tests/lint/deps.txt: a cycle: " + " -> ".join(cycle))
    for source in loaded(paths, "agent/"):
        module = module_of(source.path)
        if module not in edges:
            problems.add(source, 1, f"module {module} has no line in tests/lint/deps.txt")
            continue
        for token in source.directives:
            match = re.match(r'#\s*include\s*([<"])([^>"]+)[>"]', token.text)
            if not match:
                continue
            if match.group(1) == "<":
                folder = match.group(2).split("/")[0]
                if folder in edges or folder == "parkmeter":
                    problems.add(source, token.line, "own headers are included with quotes")
                continue
            text = include_problem(module, edges, match.group(2))
            if text:
                problems.add(source, token.line, text)
    seen = {}
    for path in paths:
        if is_c(path) and path.startswith(("agent/", "bpf/", "include/")):
            name = os.path.basename(path)
            if name in seen:
                problems.texts.append(f"{path}:1: file name taken by {seen[name]}")
            seen[name] = path


# ---- names ----

ARITHMETIC = re.compile(
    r"^(int|long|unsigned|short|double|float|s?size_t|time_t|useconds_t|_*u?int\d+_t|__[usl]e?\d+)$"
)
NEEDS_UNIT = {
    "timeout", "interval", "duration", "delay", "elapsed", "period", "latency", "deadline",
    "backoff", "retention", "age", "ttl",
}  # fmt: skip
BASE_DESTRUCTORS = {"freep", "closep", "fclosep", "closedirp"}


def prefixes_of_modules(sources):
    """What a public function of each module may begin with: module, file and type names."""
    prefixes = {}
    for source in sources:
        module = module_of(source.path)
        own = prefixes.setdefault(module, {module} | ({"cmd"} if module == "cli" else set()))
        own.add(re.sub(r"\.[ch]$", "", os.path.basename(source.path)))
        for before, name in zip(source.tokens, source.tokens[1:]):
            if before.text in ("struct", "enum", "union") and source.path.endswith(".h"):
                if name.kind == "word":
                    own.update([name.text, *name.text.split("_")])
    return prefixes


def has_prefix(name, prefixes):
    return any(name == prefix or name.startswith(prefix + "_") for prefix in prefixes)


def parameter_name(parameter):
    words = [t for t in parameter if t.kind == "word"]
    return words[-1].text if words else ""


def is_public(path):
    """A header that other modules may include."""
    module = module_of(path)
    return path == f"agent/{module}/{module}.h" or (module == "base" and path.endswith(".h"))


def check_parameters(source, function, problems):
    for index, parameter in enumerate(function.parameters):
        texts = [t.text for t in parameter]
        name = parameter_name(parameter)
        line = parameter[0].line
        stars = texts.count("*")
        pointer = stars or "[" in texts
        if name.startswith("ret_") and not pointer:
            problems.add(source, line, f"{name} of {function.name} is no pointer")
        gives_back = stars >= 2 and "const" not in texts and "(" not in texts
        destructor = len(function.parameters) == 1 and function.name.endswith("p")
        named = name.startswith("ret_") or name in ("argv", "envp")
        if is_public(source.path) and gives_back and not named and not destructor:
            text = f"{function.name} gives back through {name}: call it ret_{name}"
            problems.add(source, line, text)
        is_err = texts[:2] == ["struct", "err"] and name == "err" and stars == 1
        last = index == len(function.parameters) - 1
        if is_err and not last and not function.name.startswith("err_"):
            problems.add(source, line, f"struct err is not the last parameter of {function.name}")


def check_units(source, problems):
    tokens = source.tokens
    for index, token in enumerate(tokens[1:-1], 1):
        if token.text not in NEEDS_UNIT or tokens[index - 1].text in (".", "->"):
            continue
        before, after = tokens[index - 1], tokens[index + 1]
        if ARITHMETIC.match(before.text) and after.text in (";", ",", ")", "=", "["):
            problems.add(source, token.line, f"{token.text} has no unit: {token.text}_ns, _ms, _s")


def check_forward_goto(source, function, problems):
    """bpf/: at most one label, and only jumps forward to it."""
    labels = set()
    for index, token in enumerate(function.body[:-1]):
        if token.text != "goto":
            continue
        label = function.body[index + 1].text
        labels.add(label)
        for place in range(index):
            if function.body[place].text == label and function.body[place + 1].text == ":":
                problems.add(source, token.line, f"goto {label} jumps backwards")
    if len(labels) > 1:
        problems.add(source, function.line, f"{function.name} has more than one label")


def check_names(paths, problems):
    agent = list(loaded(paths, "agent/"))
    prefixes = prefixes_of_modules(agent)
    others = list(loaded(paths, "include/", "bpf/", "tests/"))
    for source in agent + others:
        for before, token in zip(source.tokens, source.tokens[1:]):
            if before.text == "typedef" and token.text in ("struct", "union"):
                problems.add(source, token.line, "a typedef of a struct: write struct x")
        check_units(source, problems)
    for source in agent:
        module = module_of(source.path)
        for token in source.tokens:
            if token.text == "goto":
                problems.add(source, token.line, "goto: use CLEANUP")
        for function in csource.functions(source):
            check_parameters(source, function, problems)
            if is_public(source.path) and not has_prefix(function.name, prefixes[module]):
                if function.name not in BASE_DESTRUCTORS:
                    text = f"{function.name} does not begin with its module, file or type"
                    problems.add(source, function.line, text)
    for source in others:
        if source.path.startswith("bpf/"):
            for function in csource.functions(source):
                check_forward_goto(source, function, problems)


# ---- sizes ----


def check_sizes(paths, problems):
    for source in loaded(paths):
        if source.lines > FILE_LINES_MAX:
            problems.add(source, 1, f"{source.lines} lines; at most {FILE_LINES_MAX}")
        for function in csource.functions(source):
            if not function.defined:
                continue
            lines = function.end_line - function.line + 1
            if lines > FUNCTION_LINES_MAX:
                text = f"{function.name} has {lines} lines; at most {FUNCTION_LINES_MAX}"
                problems.add(source, function.line, text)
            if function.depth > NESTING_MAX:
                text = f"{function.name} nests {function.depth} deep; at most {NESTING_MAX}"
                problems.add(source, function.depth_line, text)


# ---- banned ----

BANNED = {
    "strcpy": "snprintf or memcpy", "strcat": "struct buf", "sprintf": "snprintf",
    "vsprintf": "vsnprintf", "strncpy": "snprintf", "strncat": "struct buf", "gets": "fgets",
    "strtok": "strcspn or strsep", "atoi": "strtol", "atol": "strtol", "atoll": "strtoll",
    "atof": "strtod", "alloca": "malloc with CLEANUP", "mktemp": "mkstemp", "tmpnam": "mkstemp",
}  # fmt: skip
BANNED_AGENT = {"system": "fork and exec", "popen": "fork and exec"}
# Modules return what went wrong; only the edges speak and end the process.
BANNED_MODULES = {
    name: "struct err"
    for name in ("printf", "vprintf", "puts", "putchar", "perror", "exit", "abort", "err", "errx",
                 "warn", "warnx", "syslog")
}  # fmt: skip
EDGES = ("cli", "main")


def check_banned(paths, problems):
    for source in loaded(paths):
        banned = dict(BANNED)
        module = module_of(source.path)
        if module:
            banned.update(BANNED_AGENT)
        if module and module not in EDGES:
            banned.update(BANNED_MODULES)
        tokens = source.tokens
        for index, token in enumerate(tokens[:-1]):
            if token.kind != "word" or tokens[index + 1].text != "(":
                continue
            if index and tokens[index - 1].text in (".", "->"):
                continue
            if token.text in banned:
                problems.add(source, token.line, f"{token.text}(): use {banned[token.text]}")
            if not module or module in EDGES or token.text not in ("fprintf", "vfprintf"):
                continue
            if index + 2 < len(tokens) and tokens[index + 2].text in ("stderr", "stdout"):
                problems.add(source, token.line, "a module does not print: use struct err")


# ---- traces ----

UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE_PATH = re.compile(r"""(^|[^\w.%})\]*$/-])/(work|root)/[\w.]""")


def registry_hosts():
    """Hosts that this machine's package tools are set up with."""
    commands = (
        ["apt-get", "indextargets", "--format", "$(SITE)"],
        ["go", "env", "GOPROXY"],
        ["pip", "config", "get", "global.index-url"],
        ["npm", "config", "get", "registry"],
    )
    hosts = set()
    for command in commands:
        try:
            answer = subprocess.run(
                command, capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        hosts.update(re.findall(r"[a-z]+://(?:[^/@\s]*@)?([^/\s,|]+)", answer.stdout))
    return hosts


def text_lines(path):
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read().splitlines()
    except (UnicodeDecodeError, IsADirectoryError):
        return []  # a corpus file, or no file


def check_traces(paths, problems):
    hosts = registry_hosts()
    for path in paths:
        for number, line in enumerate(text_lines(path), 1):
            where = f"{path}:{number}:"
            if UNFINISHED.search(line):
                problems.texts.append(f"{where} unfinished: {line.strip()}")
            if MACHINE_PATH.search(line):
                problems.texts.append(f"{where} a path of one machine: {line.strip()}")
            for host in hosts:
                if host in line:
                    problems.texts.append(f"{where} a registry's host: {host}")


# ---- spdx ----

LICENSED = re.compile(r"(\.(c|h|py|sh|go|proto)|(^|/)Makefile|^\.ci/run)$")
SPDX = "SPDX-License-Identifier: "


def check_spdx(paths, problems):
    for path in paths:
        if LICENSED.search(path) and SPDX not in "\n".join(text_lines(path)[:3]):
            problems.texts.append(f"{path}:1: no line with {SPDX}in the first three")


CHECKS = {
    "edges": check_edges,
    "names": check_names,
    "sizes": check_sizes,
    "banned": check_banned,
    "traces": check_traces,
    "spdx": check_spdx,
}


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in CHECKS:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    problems = Problems(arguments[0])
    CHECKS[arguments[0]](arguments[1:], problems)
    for text in problems.texts:
        print(text)
    return 1 if problems.texts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
