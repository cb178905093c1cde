"""Sealing what must not be readable at rest: tokens and kept statements.

Fernet has no associated data, so the owner's name goes inside the sealed text: a sealed token copied to another
row does not open there.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from stonks.core.errors import SecretUnreadable

_SEPARATOR = b"\x00"


class Vault:
    """Seals under the first key, opens under any. Never shows a key or a secret in its repr."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("a vault needs at least one key")
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        # Which allowance a token shares must be the same before and after a key is added in front: the oldest key names it.
        self._name_key = keys[-1].encode()

    def seal(self, secret: bytes, owner: str) -> bytes:
        """Sealed text for `owner` (e.g. "connection:7"); urlsafe base64 bytes."""
        return self._fernet.encrypt(owner.encode() + _SEPARATOR + secret)

    def open(self, sealed: bytes, owner: str) -> bytes:
        """The secret; raises SecretUnreadable when the key is gone or the text was sealed for another owner."""
        try:
            opened = self._fernet.decrypt(sealed)
        except InvalidToken:
            raise SecretUnreadable("The token can't be opened, paste it again.") from None
        found, separator, secret = opened.partition(_SEPARATOR)
        if not separator or found != owner.encode():
            raise SecretUnreadable("The token can't be opened, paste it again.")
        return secret

    def reseal(self, sealed: bytes) -> bytes:
        """The same secret sealed under the first key; raises SecretUnreadable when no key opens it."""
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken:
            raise SecretUnreadable("The token can't be opened, paste it again.") from None

    def name_for(self, secret: str) -> str:
        """A keyed hash that stands for a secret where it must not appear (rate limits, matching); 32 hex digits."""
        return hmac.new(self._name_key, secret.encode(), sha256).hexdigest()[:32]
