# SPDX-License-Identifier: Apache-2.0
"""
C sources as the lint checks see them: tokens with their lines, without comments, with strings
reduced to "" and preprocessor directives set apart; and the functions found in those tokens.

This is no C parser. It knows just enough grammar to be exact about what the checks count: where a
function begins and ends, how deep its statements nest, which parameters it has. Macro bodies are
directives and therefore not looked into.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""
    (?P<comment>/\*.*?\*/|//(?:\\\n|[^\n])*)
  | (?P<directive>^[ \t]*\#(?:/\*.*?\*/|\\\n|[^\n])*)
  | (?P<string>(?:L|u8|u|U)?"(?:\\.|[^"\\\n])*")
  | (?P<char>(?:L|u|U)?'(?:\\.|[^'\\\n])*')
  | (?P<word>[A-Za-z_$][A-Za-z0-9_$]*)
  | (?P<number>\.?[0-9](?:[eEpP][+-]|[A-Za-z0-9_.])*)
  | (?P<punct>->|\+\+|--|<<=|>>=|\.\.\.|<<|>>|[<>=!]=|&&|\|\||[-+*/%&|^]=|[^\s])
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)

CONTROL = {"if", "for", "while", "switch"}
# Macros that stand before a function's name or wrap it: the name is not the word before their
# parenthesis. For those of the second set it is their first argument.
DECORATIONS = {"__attribute__", "__declspec", "SEC", "CLEANUP", "_Static_assert", "static_assert"}
WRAPPERS = {"BPF_PROG", "BPF_PROG2", "BPF_UPROBE", "BPF_KPROBE", "BPF_URETPROBE"}


@dataclass
class Token:
    kind: str
    text: str
    line: int


@dataclass
class Function:
    name: str
    line: int  # where its declaration begins
    end_line: int
    parameters: list  # of token lists
    head: list  # tokens from the declaration's begin to the parenthesis
    body: list  # tokens between the braces, empty for a prototype
    defined: bool
    depth: int = 0  # deepest nesting of control statements and blocks
    depth_line: int = 0


@dataclass
class Source:
    path: str
    text: str
    tokens: list = field(default_factory=list)
    directives: list = field(default_factory=list)  # Token
    comments: list = field(default_factory=list)  # Token

    @property
    def lines(self):
        return self.text.count("\n") + (not self.text.endswith("\n") and self.text != "")


def load(path):
    with open(path, encoding="utf-8", errors="replace") as stream:
        return scan(path, stream.read())


def scan(path, text):
    source = Source(path, text)
    line = 1
    at = 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        kind = match.lastgroup
        token = Token(kind, match.group(), line)
        if kind == "comment":
            source.comments.append(token)
        elif kind == "directive":
            token.text = token.text.strip()
            source.directives.append(token)
        else:
            if kind == "string":
                token.text = '""'
            source.tokens.append(token)
    return source


def closing(tokens, at):
    """Index of the token that closes the bracket at `at`, or len(tokens)."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    close = pairs[tokens[at].text]
    depth = 0
    for index in range(at, len(tokens)):
        if tokens[index].kind != "punct":
            continue
        if tokens[index].text == tokens[at].text:
            depth += 1
        elif tokens[index].text == close:
            depth -= 1
            if depth == 0:
                return index
    return len(tokens)


def split_commas(tokens):
    parts, part, depth = [], [], 0
    for token in tokens:
        if token.text in "([{" and token.kind == "punct":
            depth += 1
        elif token.text in ")]}" and token.kind == "punct":
            depth -= 1
        if token.text == "," and depth == 0:
            parts.append(part)
            part = []
        else:
            part.append(token)
    if part:
        parts.append(part)
    return parts


def _declarator(head):
    """(name, parameters) of a declaration that declares a function, else None."""
    index = 0
    while index < len(head):
        token = head[index]
        if token.text == "=":
            return None
        if token.text == "[":
            index = closing(head, index)
        elif token.text == "(" and index > 0:
            before = head[index - 1]
            end = closing(head, index)
            inside = head[index + 1 : end]
            if before.text in WRAPPERS and inside:
                return inside[0].text, split_commas(inside[2:])
            if before.kind == "word" and before.text not in DECORATIONS | {"__typeof__", "typeof"}:
                if inside and inside[0].text == "*":
                    return None  # a function pointer
                return before.text, split_commas(inside)
            index = end
        index += 1
    return None


def functions(source):
    """Every function that is declared or defined at the top level."""
    tokens = source.tokens
    found, head, index = [], [], 0
    while index < len(tokens):
        token = tokens[index]
        if token.text == "{" and token.kind == "punct":
            end = closing(tokens, index)
            function = _function(head, tokens[index + 1 : end], tokens[min(end, len(tokens) - 1)])
            if function:
                found.append(function)
                head = []
            elif any(t.text == "extern" for t in head) and any(t.kind == "string" for t in head):
                tokens = tokens[:index] + tokens[index + 1 : end] + tokens[end + 1 :]
                head = []
                continue
            else:
                head.append(token)  # a type or an initialiser: it goes on to its semicolon
            index = end
        elif token.text == ";":
            function = _function(head, None, token)
            if function:
                found.append(function)
            head = []
        else:
            head.append(token)
        index += 1
    return found


def _without_macro_calls(head):
    """The declaration behind calls such as DEFINE_FREEP(...), which take no semicolon."""
    while len(head) > 1 and head[0].kind == "word" and head[1].text == "(":
        rest = head[closing(head, 1) + 1 :]
        if head[0].text in DECORATIONS or not rest or rest[0].kind != "word":
            break
        if rest[0].text == "__attribute__":
            break
        head = rest
    return head


def _function(head, body, last):
    head = _without_macro_calls(head)
    if not head or head[0].text in ("typedef", "_Static_assert", "static_assert"):
        return None
    if any(t.text == "{" for t in head):
        return None
    declarator = _declarator(head)
    if not declarator:
        return None
    # A word alone before the parenthesis is a macro call.
    name, parameters = declarator
    words = [t for t in head if t.kind == "word"]
    if body is None and words[0].text == name:
        return None
    function = Function(
        name, head[0].line, last.line, parameters, head, body or [], body is not None
    )
    if body:
        _Nesting(function).measure()
    return function


class _Nesting:
    """
    Depth of a function's statements: each if, loop, switch, bare block and statement expression
    adds one, with or without braces; `else if` continues its `if`; case labels add nothing.
    """

    def __init__(self, function):
        self.function = function
        self.tokens = function.body

    def measure(self):
        at = 0
        while at < len(self.tokens):
            at = self.statement(at, 0)

    def reach(self, depth, at):
        if depth > self.function.depth:
            self.function.depth = depth
            self.function.depth_line = self.tokens[min(at, len(self.tokens) - 1)].line

    def text(self, at):
        return self.tokens[at].text if at < len(self.tokens) else ""

    def block(self, at, depth):
        end = closing(self.tokens, at)
        at += 1
        while at < end:
            at = self.statement(at, depth)
        return end + 1

    def controlled(self, at, depth):
        """The statement that a control statement at `depth - 1` runs."""
        self.reach(depth, at)
        if self.text(at) == "{":
            return self.block(at, depth)
        return self.statement(at, depth)

    def statement(self, at, depth):
        word = self.text(at)
        if word == "{":
            self.reach(depth + 1, at)
            return self.block(at, depth + 1)
        if word == "do":
            at = self.controlled(at + 1, depth + 1)
            return self.expression(at, depth)  # while (...);
        if word in CONTROL and self.text(at + 1) == "(":
            end = closing(self.tokens, at + 1)
            self.inner(at + 1, end, depth)
            at = self.controlled(end + 1, depth + 1)
            if word == "if" and self.text(at) == "else":
                at += 1
                if self.text(at) == "if":
                    return self.statement(at, depth)
                return self.controlled(at, depth + 1)
            return at
        if self.is_loop_macro(at):
            end = closing(self.tokens, at + 1)
            return self.controlled(end + 1, depth + 1)
        return self.expression(at, depth)

    def is_loop_macro(self, at):
        """json_array_foreach(...) and its kind: a call that a block or a statement follows."""
        if self.tokens[at].kind != "word" or self.text(at + 1) != "(":
            return False
        end = closing(self.tokens, at + 1)
        if self.text(end + 1) == "{":
            return True
        return "for_each" in self.text(at) or "foreach" in self.text(at)

    def inner(self, at, end, depth):
        """Statement expressions inside an expression."""
        while at < end:
            if self.text(at) == "(" and self.text(at + 1) == "{":
                self.reach(depth + 1, at)
                at = self.block(at + 1, depth + 1)
            else:
                at += 1

    def expression(self, at, depth):
        """Up to and with the semicolon, or the colon of a label."""
        begin = at
        label = self.text(at) in ("case", "default")
        while at < len(self.tokens):
            text = self.text(at)
            if text == ";":
                self.inner(begin, at, depth)
                return at + 1
            if text == ":" and (label or at == begin + 1):
                return at + 1
            if text in ("(", "[", "{"):
                at = closing(self.tokens, at)
            at += 1
        return at
