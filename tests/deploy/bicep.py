"""A small reader of Bicep: what deploy/azure is written in, and no more. It evaluates lazily, as a deployment does: a resource is
deployed when something of it is asked for, and its caller says what came of it."""

import base64
import json
import pathlib
import re
import uuid

TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|//[^\n]*) | (?P<newline>\n) | (?P<number>\d+) | (?P<word>[A-Za-z_]\w*)
    | (?P<string>') | (?P<sign>=>|==|!=|\?\?|&&|\|\||[{}\[\]().,:?=@!+\-<>])""",
    re.VERBOSE,
)
ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", "$": "$"}
# https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-string#guid
GUIDS = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")


class Fault(Exception):
    """What would stop a compiler or a deployment."""


def tokens(text):
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise Fault(f"line {text.count(chr(10), 0, at) + 1}: {text[at:at + 20]!r}")
        at = found.end()
        if found.lastgroup == "string":
            parts, at = string(text, at)
            yield "string", parts
        elif found.lastgroup != "space":
            yield found.lastgroup, found.group()
    yield "newline", "\n"


def string(text, at):
    """The parts of a string, texts and expressions by turns, and where it ends."""
    parts, now = [], ""
    while text[at] != "'":
        if text[at] == "\\":
            now, at = now + ESCAPES[text[at + 1]], at + 2
        elif text.startswith("${", at):
            end = text.index("}", at)
            parts += [("text", now), ("expression", Reader(list(tokens(text[at + 2 : end]))[:-1]).expression())]
            now, at = "", end + 1
        else:
            now, at = now + text[at], at + 1
    return parts + [("text", now)], at + 1


class Reader:
    """Statements and expressions. An expression is a tuple: its kind, then its parts."""

    def __init__(self, items):
        self.items, self.at = items, 0

    def peek(self, *signs):
        return self.at < len(self.items) and self.items[self.at][0] != "string" and self.items[self.at][1] in signs

    def take(self, *wanted):
        if self.at >= len(self.items) or (wanted and not self.peek(*wanted)):
            raise Fault(f"{wanted} is wanted, and here is {self.items[self.at:self.at + 3]}")
        self.at += 1
        return self.items[self.at - 1][1]

    def lines(self):
        while self.peek("\n"):
            self.take()

    def file(self):
        statements, secure = [], False
        while True:
            self.lines()
            if self.at == len(self.items):
                return statements
            if self.peek("@"):
                self.take()
                secure = self.expression() == ("call", "secure", []) or secure
                continue
            statements.append(self.statement() | {"secure": secure})
            secure = False

    def statement(self):
        kind = self.take("targetScope", "extension", "param", "var", "resource", "module", "output")
        if kind == "targetScope":
            self.take("=")
        one = {"kind": kind, "name": self.take() if kind != "targetScope" else kind}
        if kind in ("param", "output"):
            one["type"] = self.take()
        if kind in ("resource", "module"):
            one["of"] = self.take()[0][1]
            one["existing"] = self.peek("existing") and bool(self.take())
        if kind != "extension" and (kind == "targetScope" or self.peek("=")):
            if self.peek("="):
                self.take()
            one["value"] = self.condition() if self.peek("if") else self.expression()
        return one

    def condition(self):
        self.take("if")
        return ("if", self.grouped(), self.expression())

    def grouped(self):
        self.take("(")
        inner = self.expression()
        self.take(")")
        return inner

    def expression(self):
        value = self.compared()
        if self.peek("?"):
            self.take()
            self.lines()
            yes = self.expression()
            self.lines()
            self.take(":")
            return ("choose", value, yes, self.expression())
        if self.peek("=>"):
            self.take()
            return ("lambda", value[1], self.expression())
        return value

    def compared(self):
        left = self.unary()
        while self.peek("==", "!=", "&&", "||", "??", "+", "-", "<", ">"):
            left = ("operator", self.take(), left, self.unary())
        return left

    def unary(self):
        if self.peek("!"):
            self.take()
            return ("not", self.unary())
        value = self.primary()
        while self.peek(".", "["):
            if self.take() == ".":
                name = self.take()
                value = ("method", value, name, self.arguments()) if self.peek("(") else ("member", value, ("literal", name))
            else:
                value = ("member", value, self.expression())
                self.take("]")
        return value

    def primary(self):
        kind, text = self.items[self.at]
        if kind == "string":
            self.at += 1
            return ("string", text)
        if kind == "number":
            return ("literal", int(self.take()))
        if kind == "word":
            name = self.take()
            if name in ("true", "false", "null"):
                return ("literal", {"true": True, "false": False, "null": None}[name])
            return ("call", name, self.arguments()) if self.peek("(") else ("name", name)
        return {"(": self.grouped, "[": self.array, "{": self.object}[text]()

    def arguments(self):
        found = []
        self.take("(")
        self.lines()
        while not self.peek(")"):
            found.append(self.expression())
            self.separator()
        self.take(")")
        return found

    def separator(self):
        if self.peek(","):
            self.take()
        self.lines()

    def array(self):
        self.take("[")
        self.lines()
        if self.peek("for"):
            return self.loop()
        found = []
        while not self.peek("]"):
            found.append(self.expression())
            self.separator()
        self.take("]")
        return ("array", found)

    def loop(self):
        self.take("for")
        names = [self.take()] if not self.peek("(") else [self.take("(") and self.take(), self.take(",") and self.take()]
        if len(names) == 2:
            self.take(")")
        self.take("in")
        over = self.expression()
        self.take(":")
        body = self.expression()
        self.take("]")
        return ("for", names, over, body)

    def object(self):
        found = []
        self.take("{")
        self.lines()
        while not self.peek("}"):
            key = self.primary()
            self.take(":")
            found.append((key if key[0] == "string" else ("literal", key[1]), self.expression()))
            self.separator()
        self.take("}")
        return ("object", found)


def names_in(expression):
    """The names in an expression, those in a branch that is not taken as well."""
    if isinstance(expression, tuple) and expression[:1] == ("name",):
        return {expression[1]}
    if isinstance(expression, (list, tuple)):
        return set().union(*map(names_in, expression))
    return set()


class Resource:
    """One that was deployed, or that is there already: what was said of it, and what came of it."""

    def __init__(self, kind, body, came):
        self.kind, self.body, self.came = kind, body, came

    def get(self, name):
        for known in (self.came, self.body):
            if name in known:
                return known[name]
        raise Fault(f"{self.kind} has no {name} that this reader knows")


class File:
    """A file with its parameters. `deploy` is asked for what comes of each resource: (type, body, existing) to a dict."""

    def __init__(self, path, given, deploy):
        self.path, self.given, self.deploy = pathlib.Path(path), given, deploy
        self.statements = Reader(list(tokens(self.path.read_text()))).file()
        # An output may bear the name of a parameter.
        self.by_name = {one["name"]: one for one in self.statements if one["kind"] != "output"}
        self.known, self.making = {}, set()
        parameters = {one["name"]: one for one in self.statements if one["kind"] == "param"}
        missing = [name for name, one in parameters.items() if "value" not in one and name not in given]
        if missing or given.keys() - parameters.keys():
            raise Fault(f"{self.path.name}: lacks {missing}, and has no {sorted(given.keys() - parameters.keys())}")

    def run(self):
        """Deploys all of it. Its outputs."""
        for one in self.statements:
            if one["kind"] in ("resource", "module"):
                self.value_of(one["name"])
        outputs = {one["name"]: self.evaluate(one["value"], {}) for one in self.statements if one["kind"] == "output"}
        used = names_in([one.get("value") for one in self.statements])
        idle = [one["name"] for one in self.statements if one["kind"] in ("param", "var") and one["name"] not in used]
        if idle:
            raise Fault(f"{self.path.name}: nothing uses {idle}")
        return outputs

    def value_of(self, name):
        if name not in self.known:
            if name not in self.by_name:
                raise Fault(f"{self.path.name}: there is no {name}")
            if name in self.making:
                raise Fault(f"{self.path.name}: {name} needs itself")
            self.making.add(name)
            self.known[name] = self.made(self.by_name[name])
        return self.known[name]

    def made(self, one):
        if one["kind"] == "param":
            value = self.given[one["name"]] if one["name"] in self.given else self.evaluate(one["value"], {})
            kinds = {"string": str, "array": list, "object": dict, "bool": bool, "int": int}
            if not isinstance(value, kinds[one["type"]]):
                raise Fault(f"{self.path.name}: {one['name']} is no {one['type']}: {value!r}")
            return value
        if one["kind"] == "var":
            return self.evaluate(one["value"], {})
        make = self.module if one["kind"] == "module" else self.resource
        expression = one["value"]
        if expression[0] == "if":
            return make(one, self.evaluate(expression[2], {})) if self.evaluate(expression[1], {}) else None
        if expression[0] == "for":
            return [make(one, body) for body in self.evaluate(expression, {})]
        return make(one, self.evaluate(expression, {}))

    def module(self, one, body):
        inner = File(self.path.parent / one["of"], body.get("params", {}), self.deploy)
        return {"outputs": inner.run()}

    def resource(self, one, body):
        kind, _, version = one["of"].partition("@")
        if not re.fullmatch(r"v1\.0|20\d\d-\d\d-\d\d", version):
            raise Fault(f"{self.path.name}: {one['of']} has no released version")
        return Resource(kind, body, self.deploy(kind, body, one["existing"]))

    def evaluate(self, expression, local):
        return getattr(self, f"of_{expression[0]}")(local, *expression[1:])

    def of_literal(self, _, value):
        return value

    def of_name(self, local, name):
        return local[name] if name in local else self.value_of(name)

    def of_string(self, local, parts):
        texts = [part if kind == "text" else self.evaluate(part, local) for kind, part in parts]
        return "".join(str(text).lower() if isinstance(text, bool) else str(text) for text in texts)

    def of_array(self, local, found):
        return [self.evaluate(one, local) for one in found]

    def of_object(self, local, found):
        return {self.evaluate(key, local): self.evaluate(value, local) for key, value in found}

    def of_for(self, local, names, over, body):
        found = enumerate(self.evaluate(over, local))
        return [self.evaluate(body, local | dict(zip(names, (one, index)))) for index, one in found]

    def of_choose(self, local, condition, yes, no):
        return self.evaluate(yes if self.evaluate(condition, local) else no, local)

    def of_not(self, local, value):
        return not self.evaluate(value, local)

    def of_operator(self, local, sign, left, right):
        left, right = self.evaluate(left, local), self.evaluate(right, local)
        return {"+": lambda: left + right, "-": lambda: left - right, "==": lambda: left == right}[sign]()

    def of_member(self, local, value, name):
        value, name = self.evaluate(value, local), self.evaluate(name, local)
        try:
            return value.get(name) if isinstance(value, Resource) else value[name]
        except (KeyError, IndexError, TypeError):
            raise Fault(f"{self.path.name}: no {name} in {value!r}") from None

    def of_lambda(self, local, name, body):
        return lambda value: self.evaluate(body, local | {name: value})

    def of_call(self, local, name, arguments):
        if name == "loadTextContent":
            return (self.path.parent / self.evaluate(arguments[0], local)).read_text()
        known = FUNCTIONS.get(name)
        if not known:
            raise Fault(f"{self.path.name}: this reader knows no {name}()")
        return known(*[self.evaluate(one, local) for one in arguments])


def joined(objects):
    both = {}
    for one in objects:
        both |= one
    return both


FUNCTIONS = {
    "base64ToString": lambda text: base64.b64decode(text).decode(),
    "concat": lambda *lists: sum(lists, []),
    "empty": lambda value: not value,
    "environment": lambda: {"authentication": {"loginEndpoint": "https://login.microsoftonline.com/"}},
    "guid": lambda *parts: str(uuid.uuid5(GUIDS, "-".join(parts))),
    "items": lambda value: [{"key": key, "value": value[key]} for key in sorted(value)],
    "join": lambda values, by: by.join(values),
    "json": json.loads,
    "lastIndexOf": lambda text, part: text.rfind(part),
    "listKeys": lambda *_: {"primaryKey": "a key of Redis", "primarySharedKey": "a key of the workspace"},
    "map": lambda values, each: [each(value) for value in values],
    "split": lambda text, by: text.split(by),
    "subscription": lambda: {"id": "/subscriptions/10000000-0000-4000-8000-000000000001"},
    "subscriptionResourceId": lambda kind, name: f"/subscriptions/10000000-0000-4000-8000-000000000001/providers/{kind}/{name}",
    "substring": lambda text, start, length: text[start : start + length],
    "tenant": lambda: {"tenantId": "aaaabbbb-0000-cccc-1111-dddd2222eeee"},
    "union": lambda *objects: joined(objects),
    # Another thirteen letters than Azure's, as good for a name.
    "uniqueString": lambda *parts: uuid.uuid5(GUIDS, "-".join(parts)).hex[:13],
}
