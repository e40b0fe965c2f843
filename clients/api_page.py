"""Writes docs/api.md from the comments of the contract. Run by `clients/generate`.

    api_page.py DESCRIPTORS >docs/api.md      a FileDescriptorSet as JSON, with source code info
"""

import json
import re
import sys

PACKAGE = ".fanfare.v1."
# The order in which the contract is to be read.
FILES = ["push", "subscription", "message", "delivery", "errors", "admin"]
# What stands behind these is google's.
GOOGLE = "https://protobuf.dev/reference/protobuf/google.protobuf/"
# Field numbers of descriptor.proto, of which the paths of comments are made.
MESSAGE, ENUM, SERVICE, SYNTAX, FIELD, METHOD, VALUE = 4, 5, 6, 12, 2, 2, 2

BEHAVIOR = {"REQUIRED": "Required.", "OUTPUT_ONLY": "In answers only."}


class File:
    def __init__(self, descriptor):
        self.messages = descriptor.get("messageType", [])
        self.enums = descriptor.get("enumType", [])
        self.services = descriptor.get("service", [])
        locations = descriptor["sourceCodeInfo"]["location"]
        self.comments = {tuple(one.get("path", ())): one for one in locations}

    def comment(self, *path):
        """The paragraphs that stand before something, or behind it on its line."""
        found = self.comments.get(path, {})
        text = found.get("leadingComments", "") + found.get("trailingComments", "")
        return [line.removeprefix(" ") for line in text.rstrip("\n").split("\n")] if text else []


def main():
    descriptors = json.load(open(sys.argv[1], encoding="utf-8"))
    named = {one["name"]: one for one in descriptors["file"]}
    files = [File(named[f"fanfare/v1/{name}.proto"]) for name in FILES]
    page = ["# The API, call by call", "",
            "Written by `clients/generate` from the comments of [proto/fanfare/v1](../proto/fanfare/v1/push.proto); to",
            "change it, change those. Each call by hand: [grpcurl.md](grpcurl.md).", ""]  # fmt: skip
    page += paragraphs(files[0].comment(SYNTAX))
    for file in files:
        for index, service in enumerate(file.services):
            page += service_part(file, index, service)
    page += ["## Messages", ""]
    for file in files:
        for index, message in enumerate(file.messages):
            page += message_part(file, index, message)
    page += ["## Enums", ""]
    for file in files:
        for index, enum in enumerate(file.enums):
            page += enum_part(file, index, enum)
    print("\n".join(page).rstrip("\n"))


def service_part(file, index, service):
    part = [f"## {service['name']}", "", *paragraphs(file.comment(SERVICE, index))]
    part += ["| call | takes | gives |", "|---|---|---|"]
    for method in service["method"]:
        takes, gives = (sides(method, side) for side in ("input", "output"))
        part.append(f"| [{method['name']}](#{method['name'].lower()}) | {takes} | {gives} |")
    part.append("")
    for number, method in enumerate(service["method"]):
        part += [f"### {method['name']}", "", *paragraphs(file.comment(SERVICE, index, METHOD, number))]
        level = method.get("options", {}).get("idempotencyLevel")
        if level:
            part += [{"NO_SIDE_EFFECTS": "Changes nothing.", "IDEMPOTENT": "May be repeated."}[level], ""]
    return part


def sides(method, side):
    streaming = method.get({"input": "clientStreaming", "output": "serverStreaming"}[side])
    return ("stream of " if streaming else "") + type_link(method[f"{side}Type"])


def message_part(file, index, message):
    part = [f"### {message['name']}", "", *paragraphs(file.comment(MESSAGE, index))]
    if not message.get("field"):
        return [*part, "It has no fields.", ""]
    entries = {f"{PACKAGE}{message['name']}.{one['name']}": one for one in message.get("nestedType", [])}
    part += ["| field | type | |", "|---|---|---|"]
    for number, field in enumerate(message["field"]):
        words = []
        behavior = field.get("options", {}).get("[google.api.field_behavior]", [])
        words += [BEHAVIOR[one] for one in behavior if one in BEHAVIOR]
        if "oneofIndex" in field and not field.get("proto3Optional"):
            words.append(f"One of `{message['oneofDecl'][field['oneofIndex']]['name']}`.")
        if field["jsonName"] != camel(field["name"]):
            words.append(f"In JSON `{field['jsonName']}`.")
        words += file.comment(MESSAGE, index, FIELD, number)
        part.append(f"| `{field['name']}` | {field_type(field, entries)} | {cell(words)} |")
    return [*part, ""]


def field_type(field, entries):
    entry = entries.get(field.get("typeName"))
    if entry:
        key, value = (field_type(one, {}) for one in entry["field"])
        return f"map from {key} to {value}"
    name = type_link(field["typeName"]) if "typeName" in field else field["type"].removeprefix("TYPE_").lower()
    if field["label"] == "LABEL_REPEATED":
        return f"repeated {name}"
    return f"optional {name}" if field.get("proto3Optional") else name


def enum_part(file, index, enum):
    part = [f"### {enum['name']}", "", *paragraphs(file.comment(ENUM, index)), "| value | | |", "|---|---|---|"]
    for number, value in enumerate(enum["value"]):
        words = cell(file.comment(ENUM, index, VALUE, number))
        part.append(f"| {value.get('number', 0)} | `{value['name']}` | {words} |")
    return [*part, ""]


def type_link(name):
    if name.startswith(PACKAGE):
        short = name.removeprefix(PACKAGE)
        return f"[{short}](#{short.lower()})"
    short = name.removeprefix(".")
    if short.startswith("google.protobuf."):
        return f"[{short}]({GOOGLE}#{kebab(short.rsplit('.', 1)[1])})"
    return f"`{short}`"


def paragraphs(lines):
    """As Markdown: lists are lists, and what looks like HTML is none."""
    if not lines:
        return []
    return [*(re.sub(r"^ \* ", "* ", escaped(line)) for line in lines), ""]


def cell(lines):
    return " ".join(escaped(line.strip()) for line in lines).replace("|", "\\|")


def escaped(text):
    return text.replace("<", "&lt;")


def camel(name):
    return re.sub(r"_(.)", lambda found: found[1].upper(), name)


def kebab(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


if __name__ == "__main__":
    main()
