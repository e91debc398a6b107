#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares metrics with what a Pushgateway serves of them.

    pushgateway.py SENT SERVED LABEL=VALUE...

Both are files in the text format. Every series that was sent must be served, with the labels of the
group on top, the same value and the same type and help; the group must hold nothing else but what
the Pushgateway adds itself. Exit code 0 when it is so, else 1 with the differences.
"""
import re
import sys

LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
OWN = {"push_time_seconds", "push_failure_time_seconds"}


def read(path):
    series, heads = {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("#"):
                _, kind, name, rest = line.split(" ", 3)
                heads[kind, name] = rest
            elif line:
                name_labels, value = line.rsplit(" ", 1)
                name = name_labels.split("{", 1)[0]
                labels = dict(LABEL.findall(name_labels[len(name):]))
                series[name, frozenset(labels.items())] = float(value)
    return series, heads


def main(sent_path, served_path, *group):
    key = dict(label.split("=", 1) for label in group) | {"instance": ""}
    sent, sent_heads = read(sent_path)
    served, served_heads = read(served_path)
    expected = {(name, frozenset((dict(labels) | key).items())): value
                for (name, labels), value in sent.items()}
    of_group = {(name, labels): value for (name, labels), value in served.items()
                if name not in OWN and key.items() <= dict(labels).items()}
    differences = [f"not served: {series}" for series in expected.keys() - of_group.keys()]
    differences += [f"not sent: {series}" for series in of_group.keys() - expected.keys()]
    differences += [f"{series}: {value} became {of_group[series]}"
                    for series, value in expected.items()
                    if series in of_group and of_group[series] != value]
    differences += [f"{head}: {text!r} became {served_heads.get(head)!r}"
                    for head, text in sent_heads.items() if served_heads.get(head) != text]
    if not expected:
        differences.append("nothing was sent")
    for difference in differences[:20]:
        print(difference)
    print(f"{len(expected)} series compared, {len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
