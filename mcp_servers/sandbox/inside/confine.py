"""Gives up, for good, what Landlock and seccomp can take from this process (kernel documentation: landlock).

It stands before the kernel's source where there are no namespaces to hide behind.
"""

from __future__ import annotations

import binascii
import ctypes
import os
import struct

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every architecture
_READ_FILE, _READ_FOLDER, _WRITE_FILE, _IOCTL = 1 << 2, 1 << 3, 1 << 1, 1 << 15
_LEAST = 3  # older ones let any readable file be emptied
_NO_NEW_PRIVILEGES, _DIE_WITH_PARENT, _SECCOMP, _FILTER = 38, 1, 22, 2


def confine(readable: list[str], devices: list[str], writable: str, filter: str, parent: int) -> None:  # noqa: A002
    libc = ctypes.CDLL(None, use_errno=True)

    def call(*arguments: object) -> int:
        result = libc.syscall(*arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result

    version = call(_CREATE, None, 0, 1)
    if version < _LEAST:
        raise OSError(f"Landlock {version} is too old")
    everything = (1 << 15) - 1 | (_IOCTL if version >= 5 else 0)
    sizes = 8 if version < 4 else 16 if version < 6 else 24
    rules = call(_CREATE, struct.pack("<QQQ", everything, 3, 3)[:sizes], sizes, 0)
    allowed = [(path, _READ_FILE | _READ_FOLDER) for path in readable]
    allowed += [(path, _READ_FILE | _WRITE_FILE) for path in devices]
    allowed.append((writable, everything & ~(1 | _IOCTL | 0b1111 << 9 | 1 << 6)))  # plain files and folders only
    for path, rights in allowed:
        if not os.path.exists(path):  # noqa: PTH110 - a folder that this distribution lacks
            continue
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        call(_ADD, rules, 1, struct.pack("<Qi", rights, place), 0)
        os.close(place)
    for option in ((_DIE_WITH_PARENT, 9), (_NO_NEW_PRIVILEGES, 1)):
        if libc.prctl(*option, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it died before we asked to die with it
        os._exit(1)
    call(_RESTRICT, rules, 0)
    os.close(rules)
    code = binascii.a2b_base64(filter).replace(struct.pack("<I", 0x7FFFFFFE), struct.pack("<I", os.getpid()))
    lines = ctypes.create_string_buffer(code, len(code))
    whole = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(lines)))
    if libc.prctl(_SECCOMP, _FILTER, ctypes.byref(whole), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")
