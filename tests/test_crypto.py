"""What is sealed opens for its owner alone, under any key that was ever first, and shows nothing."""

from __future__ import annotations

import pytest

from stonks.config import new_token_key
from stonks.core.errors import SecretUnreadable
from stonks.crypto import Vault

TOKEN = b"998877665544332211"


def test_a_sealed_token_copied_to_another_row_does_not_open_there() -> None:
    vault = Vault([new_token_key()])
    sealed = vault.seal(TOKEN, "connection:1")
    assert vault.open(sealed, "connection:1") == TOKEN
    with pytest.raises(SecretUnreadable):
        vault.open(sealed, "connection:2")


def test_a_new_key_in_front_opens_what_the_old_one_sealed_and_reseals_it_for_the_day_the_old_one_goes() -> None:
    old, new = new_token_key(), new_token_key()
    sealed = Vault([old]).seal(TOKEN, "connection:1")
    both = Vault([new, old])
    assert both.open(sealed, "connection:1") == TOKEN
    assert Vault([new]).open(both.reseal(sealed), "connection:1") == TOKEN
    with pytest.raises(SecretUnreadable):
        Vault([new]).open(sealed, "connection:1")


def test_the_name_of_a_secret_stays_when_a_key_is_added_and_tells_nothing() -> None:
    old = new_token_key()
    name = Vault([old]).name_for(TOKEN.decode())
    assert Vault([new_token_key(), old]).name_for(TOKEN.decode()) == name
    assert Vault([new_token_key()]).name_for(TOKEN.decode()) != name
    assert TOKEN.decode() not in name
