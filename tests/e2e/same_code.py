#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Compares the executable memory of a process with its file, byte for byte.

  same_code.py PID    exit code 0: equal; 1: it differs, the places on standard output
"""
import os
import sys


def code_mappings(pid, exe):
    with open(f'/proc/{pid}/maps', encoding='utf-8', errors='surrogateescape') as maps:
        for line in maps:
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and 'x' in fields[1] and fields[5].rstrip('\n') == exe:
                start, end = (int(part, 16) for part in fields[0].split('-'))
                yield start, end, int(fields[2], 16)


def main(pid):
    exe = os.readlink(f'/proc/{pid}/exe')
    compared, differences = 0, []
    with open(f'/proc/{pid}/exe', 'rb') as file, open(f'/proc/{pid}/mem', 'rb') as memory:
        for start, end, offset in code_mappings(pid, exe):
            memory.seek(start)
            file.seek(offset)
            expected = file.read(end - start)
            found = memory.read(len(expected))
            compared += len(expected)
            differences += [start + i for i, (a, b) in enumerate(zip(expected, found)) if a != b]
    for address in differences[:10]:
        print(f'{address:#x} differs')
    if not compared:
        print('no code of the executable is mapped')
    return 1 if differences or not compared else 0


if __name__ == '__main__':
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    sys.exit(main(int(sys.argv[1])))
