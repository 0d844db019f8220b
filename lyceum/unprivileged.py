"""What runs other people's code gives up root's rights first: "nobody" may not look into root's folders.

`subprocess` can do that itself (`user=`), but by a real fork, whose handlers stop the threads of numpy's BLAS. Where
another thread is in the middle of a product then, it waits for them forever. So the command does it before it begins.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

NOBODY = 65534
_GIVE_UP = (
    f"import os, sys; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY}); os.execvp(sys.argv[1], sys.argv[1:])"
)


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def unprivileged(command: Sequence[str]) -> list[str]:
    """Return the command that runs `command` as "nobody" where we are root, and as it is where we are not.

    What cannot be run then ends with 127 or 126, as in a shell.
    """
    if not is_root():
        return list(command)
    if setpriv := shutil.which("setpriv", path="/usr/bin:/bin"):
        return [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", *command]
    return [sys.executable, "-I", "-S", "-c", _GIVE_UP, *command]
