#!/usr/bin/env python3
"""Runs a command as on Linux before 6.7: the request PAGEMAP_SCAN is refused to it and to its children.

Usage: without_pagemap_scan.py COMMAND...
"""

import ctypes
import errno
import os
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL_WITH = 0x7FFF0000, 0x00050000
X86_64, IOCTL, PAGEMAP_SCAN = 0xC000003E, 16, 0xC0606610

# Offsets into `struct seccomp_data`: the number of the call, the architecture, the low half of the second argument.
NUMBER, ARCHITECTURE, REQUEST = 0, 4, 24

# Operation, instructions skipped if equal and if not, operand.
FILTER = [
    (LOAD_WORD, 0, 0, ARCHITECTURE),
    (JUMP_IF_EQUAL, 0, 5, X86_64),
    (LOAD_WORD, 0, 0, NUMBER),
    (JUMP_IF_EQUAL, 0, 3, IOCTL),
    (LOAD_WORD, 0, 0, REQUEST),
    (JUMP_IF_EQUAL, 0, 1, PAGEMAP_SCAN),
    (RETURN, 0, 0, FAIL_WITH | errno.ENOTTY),
    (RETURN, 0, 0, ALLOW),
]


def install(instructions):
    """Filters the system calls of this process from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in instructions))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(instructions), ctypes.addressof(code)))
    for request in [(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0)]:
        if libc.prctl(*request) != 0:
            sys.exit(f"{sys.argv[0]}: no filter: {os.strerror(ctypes.get_errno())}")


def check():
    """A filter that refuses nothing would let the tests pass without a meaning."""
    with open("/proc/self/pagemap", "rb") as pagemap:
        libc = ctypes.CDLL(None, use_errno=True)
        refused = libc.ioctl(pagemap.fileno(), ctypes.c_ulong(PAGEMAP_SCAN), None) == -1
        if not refused or ctypes.get_errno() != errno.ENOTTY:
            sys.exit(f"{sys.argv[0]}: the request is not refused")


if len(sys.argv) < 2:
    sys.exit(__doc__)
install(FILTER)
check()
os.execvp(sys.argv[1], sys.argv[1:])
