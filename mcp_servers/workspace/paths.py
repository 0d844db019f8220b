"""Which paths inside a root may be named at all: relative, plain, not git's own, and no secret."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from lyceum.errors import ModelRetry

LONGEST = 1024
TEMPORARY = ".lyceum-"  # what a change that is being made is called until it is whole

_SECRET_FOLDERS = {".ssh", ".aws", ".gnupg", ".kube", ".azure", ".gcloud"}
_SECRET_NAMES = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".netrc", "_netrc", ".pgpass", ".npmrc", ".pypirc", ".htpasswd",
    ".git-credentials", ".dockercfg", ".dockerconfigjson", "credentials", "credentials.*", "secrets", "secrets.*",
    "secret.*", "client_secret*.json", "service-account*.json", "service_account*.json", "*.tfstate", "*.tfstate.*",
    "*.tfvars", "token.json",
)  # fmt: skip
_SHAREABLE = ("*.example", "*.sample", "*.template", "*.dist", "*.pub", "*.py", "*.md", "*.rst")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def parts_of(path: str) -> tuple[str, ...]:
    """Split a path inside a root; raises ModelRetry for one that is absolute, climbs, or is git's own."""
    if _CONTROL.search(path) or len(path) > LONGEST:
        raise ModelRetry("That is no path.", next_step="Send a relative path without control characters.")
    if path.startswith(("/", "~/")) or path == "~" or re.match(r"[A-Za-z]:[\\/]", path):
        raise ModelRetry(f"{path} is absolute.", next_step="Send a path relative to the workspace.")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise ModelRetry(f"{path} leaves the workspace.", next_step="Send a path without `..`.")
    if any(len(part.encode()) > 255 for part in parts):
        raise ModelRetry("A name in that path is too long.", next_step="Names have at most 255 bytes.")
    if any(part.casefold().rstrip(" .") == ".git" for part in parts):
        raise ModelRetry(f"{path} belongs to git.", next_step="Use the workspace_git tools.")
    return parts


def is_secret(path: str) -> bool:
    """Tell by its name whether a file is likely to hold keys or passwords; its content is then never shown."""
    *folders, name = [part.casefold() for part in PurePosixPath(path).parts] or [""]
    if _SECRET_FOLDERS & {*folders, name}:
        return True
    if any(fnmatchcase(name, shape) for shape in _SHAREABLE):
        return False
    return any(fnmatchcase(name, shape) for shape in _SECRET_NAMES)


def refuse_secret(path: str) -> None:
    if is_secret(path):
        raise ModelRetry(
            f"{path} may hold secrets and is not opened.", next_step="Ask the user for what you need to know of it."
        )
