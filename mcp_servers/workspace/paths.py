"""Which paths inside a root may be named at all: relative, plain, not git's own, and no secret."""

from __future__ import annotations

import re
import unicodedata
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from lyceum.errors import ModelRetry

LONGEST = 1024
TEMPORARY = ".lyceum-"  # what a change that is being made is called until it is whole

_SECRET_FOLDERS = {
    ".ssh", ".aws", ".gnupg", ".kube", ".azure", ".gcloud", ".docker", ".secrets", "secrets", ".vault",
    ".password-store",
}  # fmt: skip
_SECRET_NAMES = (
    ".env", ".env.*", "*.env", ".envrc", ".flaskenv", "*.pem", "*.pem.*", "*.key", "*.key.*", "*.gpg", "*.ovpn",
    "*.keytab", "*kubeconfig", "kubeconfig.*", "*_rsa", "*_ed25519", "private_key*", "api_key*", "apikey*",
    "password.*", "passwords.*", "auth.json", "local.settings.json", "*firebase-adminsdk*.json", "wp-config.php",
    ".vault-token", ".vault_pass*", ".s3cfg", ".boto", ".my.cnf", ".*_history",
    "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk",
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
    if any(_is_git(part) for part in parts):
        raise ModelRetry(f"{path} belongs to git.", next_step="Use the workspace_git tools.")
    return parts


def _is_git(part: str) -> bool:
    """Tell whether a name is `.git`, or becomes it on the file systems of macOS and Windows."""
    plain = unicodedata.normalize("NFKC", "".join(c for c in part if unicodedata.category(c) != "Cf")).casefold()
    return re.split(r"[:\\]", plain)[0].rstrip(" .") in (".git", "git~1")


def is_secret(path: str) -> bool:
    """Tell by its name whether a file is likely to hold keys or passwords; its content is then never shown."""
    *folders, name = [part.casefold() for part in PurePosixPath(path).parts] or [""]
    if _SECRET_FOLDERS & {*folders, name}:
        return True
    if any(fnmatchcase(name, shape) for shape in _SHAREABLE):
        return False
    return any(fnmatchcase(name, shape) for shape in _SECRET_NAMES)


def is_private_key(data: bytes) -> bool:
    """Tell by its first bytes whether a file is a private key, whatever it is called."""
    return data.lstrip().startswith(b"-----BEGIN ") and b"PRIVATE KEY" in data.lstrip()[:80]


def refuse_secret(path: str) -> None:
    if is_secret(path):
        raise ModelRetry(
            f"{path} may hold secrets and is not opened.", next_step="Ask the user for what you need to know of it."
        )
