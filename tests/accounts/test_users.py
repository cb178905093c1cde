import traceback
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from stonks.accounts import users
from stonks.accounts.tables import User
from stonks.core.errors import InvalidInput
from stonks.db import db, transaction

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"


@pytest.fixture
def user(app: Flask) -> User:
    return users.create("Owner@Example.com ", PASSWORD, NOW)


def test_an_account_is_known_by_its_e_mail_in_any_case(user: User) -> None:
    assert user.email == "owner@example.com"
    found = users.authenticate(" OWNER@example.com", PASSWORD)
    assert found is not None
    assert found.id == user.id


def test_a_wrong_password_or_an_unknown_e_mail_lets_nobody_in(user: User) -> None:
    assert users.authenticate("owner@example.com", PASSWORD + "!") is None
    assert users.authenticate("other@example.com", PASSWORD) is None
    assert users.authenticate("owner@example.com", "x" * 1_000_000) is None


def test_the_password_is_kept_as_an_argon2_hash_only(user: User) -> None:
    assert user.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in user.password_hash


@pytest.mark.parametrize(
    "email", ["", "owner", "owner@", "@example.com", "owner@example", "ow ner@example.com", "a@b." + "c" * 300]
)
def test_what_is_no_e_mail_address_is_refused_beside_its_field(app: Flask, email: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        users.create(email, PASSWORD, NOW)
    assert list(refusal.value.fields) == ["email"]


@pytest.mark.parametrize("password", ["", "nine char", "x" * 201])
def test_only_the_length_of_a_password_is_asked_about(app: Flask, password: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        users.create("owner@example.com", password, NOW)
    assert list(refusal.value.fields) == ["password"]
    assert users.create("owner@example.com", "aaaaaaaaaa", NOW).id


def test_an_e_mail_has_one_account(user: User) -> None:
    with pytest.raises(InvalidInput, match="already an account"):
        users.create("owner@example.com", PASSWORD, NOW)


def test_the_first_visit_makes_only_the_first_account(user: User) -> None:
    with pytest.raises(InvalidInput, match="meanwhile"):
        users.create("second@example.com", PASSWORD, NOW, only_as_first=True)
    assert users.count() == 1


def test_changing_the_password_asks_for_the_old_one_and_ends_other_sessions(user: User) -> None:
    with pytest.raises(InvalidInput) as refusal:
        users.change_password(user, "not the password", "another horse battery")
    assert list(refusal.value.fields) == ["old"]
    with pytest.raises(InvalidInput) as refusal:
        users.change_password(user, PASSWORD, "short")
    assert list(refusal.value.fields) == ["new"]
    assert user.session_epoch == 0
    users.change_password(user, PASSWORD, "another horse battery")
    assert user.session_epoch == 1
    assert users.authenticate("owner@example.com", PASSWORD) is None
    assert users.authenticate("owner@example.com", "another horse battery") is not None


def test_an_error_of_the_database_does_not_tell_what_was_to_be_written(user: User) -> None:
    """It is logged, and a log is read by more people than the database is."""
    with pytest.raises(IntegrityError) as refused, transaction():
        db.session.add(User(email=user.email, password_hash="the-hash", session_epoch=0, created_at=user.created_at))
    assert "INSERT INTO users" in str(refused.value)
    assert "the-hash" not in "".join(traceback.format_exception(refused.value))
