"""Where a third-party server's OAuth tokens stay: the system's keyring, or a file that only its owner can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol, cast

from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from app.third_party.pins import write_private
from lyceum.errors import OperatorError
from lyceum.extras import install_command

SERVICE = "lyceum-mcp"


class Vault(Protocol):
    """A secret text by key; `where` says to a person where it is."""

    @property
    def where(self) -> str: ...

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, text: str) -> None: ...

    def drop(self, key: str) -> None: ...


class FileVault:
    """All secrets in one file, mode 0600: as safe as the account is, and no safer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def where(self) -> str:
        return f"{self._path}, readable by you only ({install_command('oauth')} puts them into the system's keyring)"

    def get(self, key: str) -> str | None:
        return self._read().get(key)

    def put(self, key: str, text: str) -> None:
        write_private(self._path, json.dumps({**self._read(), key: text}))

    def drop(self, key: str) -> None:
        held = self._read()
        if held.pop(key, None) is not None:
            write_private(self._path, json.dumps(held))

    def _read(self) -> dict[str, str]:
        try:
            return cast("dict[str, str]", json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            raise OperatorError(f"{self._path} cannot be read.", next_step="Remove it, and sign in again.") from None


class KeyringVault:
    """The system's keyring, through the library `keyring` (extra `oauth`)."""

    def __init__(self, keyring: Any) -> None:
        self._keyring = keyring

    @property
    def where(self) -> str:
        return "the system's keyring"

    def get(self, key: str) -> str | None:
        return cast("str | None", self._keyring.get_password(SERVICE, key))

    def put(self, key: str, text: str) -> None:
        self._keyring.set_password(SERVICE, key, text)

    def drop(self, key: str) -> None:
        if self.get(key) is not None:
            self._keyring.delete_password(SERVICE, key)


def open_vault(home: Path) -> Vault:
    """Return the keyring where there is one that works, else the file."""
    try:
        import keyring  # pyright: ignore[reportMissingImports]
        from keyring.backends.fail import Keyring as NoKeyring  # pyright: ignore[reportMissingImports,reportUnknownVariableType]

        if not isinstance(keyring.get_keyring(), NoKeyring):  # pyright: ignore[reportUnknownMemberType]
            return KeyringVault(keyring)
    except (ImportError, RuntimeError):
        pass
    return FileVault(home / "mcp" / "tokens.json")


class StoredTokens:
    """The SDK's `TokenStorage` over a vault; tokens are bound to the address that they were given for."""

    def __init__(self, vault: Vault, key: str, url: str) -> None:
        self._vault = vault
        self._key = key
        self._url = url

    async def get_tokens(self) -> OAuthToken | None:
        held = self._held().get("tokens")
        return OAuthToken.model_validate(held) if held else None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._put("tokens", tokens.model_dump(mode="json", exclude_none=True))

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        held = self._held().get("client")
        return OAuthClientInformationFull.model_validate(held) if held else None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._put("client", client_info.model_dump(mode="json", exclude_none=True))

    @property
    def known(self) -> dict[str, Any]:
        """What else was kept beside the tokens: when they end, and who gave them for what."""
        return cast("dict[str, Any]", self._held().get("known", {}))

    def set_known(self, known: dict[str, Any]) -> None:
        self._put("known", known)

    def _held(self) -> dict[str, Any]:
        text = self._vault.get(self._key)
        held = cast("dict[str, Any]", json.loads(text)) if text else {}
        return held if held.get("url") == self._url else {}

    def _put(self, what: str, value: Any) -> None:
        self._vault.put(self._key, json.dumps({**self._held(), "url": self._url, what: value}))
