"""Which system calls code may not make, as a seccomp filter (kernel documentation: seccomp_filter).

What is named here fails with "operation not permitted"; everything else is for the namespaces or Landlock to confine.
"""

from __future__ import annotations

import errno
import platform
import struct

_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data; low words
_NEW_NAMESPACES, _THREAD = 0x7E020080, 0x00010000
OWN_PROCESS = 0x7FFFFFFE  # stands for the number of the process that installs the filter

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

# name: number on x86_64, number on aarch64 (-1 where there is none)
_EVERYWHERE = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429),
    "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "syslog": (103, 116), "quotactl": (179, 60),
    "acct": (163, 89), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162), "vhangup": (153, 58),
    "iopl": (172, -1), "ioperm": (173, -1), "modify_ldt": (154, -1), "personality": (135, 92),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),  # memory that no process's size shows
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "move_pages": (279, 239),
    "migrate_pages": (256, 238), "fanotify_init": (300, 262), "quotactl_fd": (443, 443), "lookup_dcookie": (212, 18),
    "uselib": (134, -1), "sysfs": (139, -1), "nfsservctl": (180, 42),
    "io_setup": (206, 0), "inotify_init": (253, -1), "inotify_init1": (294, 26),  # the machine, or a user, has few
    "sync": (162, 81), "syncfs": (306, 267),  # everybody's disks
}  # fmt: skip

# Where there are no namespaces, code may start no process, open no socket, signal nobody and change no file's marks.
_WITHOUT_NAMESPACES = {
    "fork": (57, -1), "vfork": (58, -1), "execve": (59, 221), "execveat": (322, 281), "socket": (41, 198),
    "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "chmod": (90, -1), "fchmod": (91, 52),
    "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, -1), "lchown": (94, -1), "fchown": (93, 55),
    "fchownat": (260, 54), "utime": (132, -1), "utimes": (235, -1), "futimesat": (261, -1), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "tkill": (200, 130), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "sendmsg": (46, 211), "sendmmsg": (307, 269),  # these name a receiver where a filter cannot look
}  # fmt: skip
_NEWEST = 462  # a system call that is newer does not exist
_CLONE, _CLONE3, _KILL_CALLS = (56, 220), (435, 435), ((62, 129), (234, 131))
_PRLIMIT, _FCNTL, _IOCTL, _PRCTL = (302, 261), (72, 25), (16, 29), (157, 167)
_SOCKET, _SOCKETPAIR = (41, 198), (53, 199)
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6; namespaces do not confine all others (AF_VSOCK)
_STREAMS = tuple(1 | more for more in (0, 0x800, 0x80000, 0x80800))  # a pair of datagram sockets may write to any
_SET_DUMPABLE, _SET_DEATH_SIGNAL = 4, 1  # hiding from /proc, and outliving who started it
_SET_OWNER = (8, 15, 10)  # F_SETOWN, F_SETOWN_EX, F_SETSIG: a signal by way of a file
_TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into the terminal we were started from


def supported() -> bool:
    return platform.machine() in _ARCHITECTURES


def program(*, namespaces: bool) -> bytes:
    """Return the filter as an array of `struct sock_filter`; without namespaces it is the stricter one."""
    column, architecture = _ARCHITECTURES[platform.machine()]
    denied = {**_EVERYWHERE, **({} if namespaces else _WITHOUT_NAMESPACES)}
    lines = [
        _line(_LOAD, _ARCHITECTURE), _line(_EQUAL, architecture, 1, 0), _return(_KILL),
        _line(_LOAD, _NUMBER), _line(_AT_LEAST, 0x40000000, 0, 1), _return(_KILL),  # the x32 numbering
        _line(_AT_LEAST, _NEWEST + 1, 0, 1), _return(_ERRNO | errno.ENOSYS),
        _line(_EQUAL, _CLONE3[column], 0, 1), _return(_ERRNO | errno.ENOSYS),  # its flags are out of a filter's sight
    ]  # fmt: skip
    lines += _refusing(*(numbers[column] for numbers in denied.values() if numbers[column] >= 0))
    lines += _looking_at(_CLONE[column], _FIRST, [_line(_ANY_BIT, _NEW_NAMESPACES, 0, 1), _REFUSE])
    lines += _looking_at(_IOCTL[column], _SECOND, _refusing(*_TERMINAL))
    lines += _looking_at(_PRCTL[column], _FIRST, _refusing(_SET_DUMPABLE, _SET_DEATH_SIGNAL))
    if namespaces:
        lines += _looking_at(_SOCKET[column], _FIRST, _only(*_FAMILIES))
    else:
        lines += _looking_at(_SOCKETPAIR[column], _SECOND, _only(*_STREAMS))
        lines += _looking_at(_CLONE[column], _FIRST, [_line(_ANY_BIT, _THREAD, 1, 0), _REFUSE])
        lines += _looking_at(_PRLIMIT[column], _FIRST, [_line(_EQUAL, 0, 1, 0), _REFUSE])
        lines += _looking_at(_FCNTL[column], _SECOND, _refusing(*_SET_OWNER))
        for numbers in _KILL_CALLS:
            lines += _looking_at(numbers[column], _FIRST, [_line(_EQUAL, OWN_PROCESS, 1, 0), _REFUSE])
    return b"".join([*lines, _return(_ALLOW)])


def _looking_at(number: int, offset: int, lines: list[bytes]) -> list[bytes]:
    """Apply lines to an argument of one system call, then go on with the call's number."""
    return [_line(_EQUAL, number, 0, len(lines) + 2), _line(_LOAD, offset), *lines, _line(_LOAD, _NUMBER)]


def _refusing(*values: int) -> list[bytes]:
    return [part for value in values for part in (_line(_EQUAL, value, 0, 1), _REFUSE)]


def _only(*values: int) -> list[bytes]:
    return [*(_line(_EQUAL, value, len(values) - place, 0) for place, value in enumerate(values)), _REFUSE]


def _line(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_so, if_not, value)


def _return(what: int) -> bytes:
    return _line(_RETURN, what)


_REFUSE = _return(_ERRNO | errno.EPERM)
