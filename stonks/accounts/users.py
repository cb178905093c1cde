"""Who may sign in, and the one way to find out: e-mail and password (argon2). Knows no web session."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import bindparam, func, select

from stonks.accounts.tables import User
from stonks.core.errors import InvalidInput
from stonks.db import db, read, transaction

LEAST_PASSWORD = 10
MOST_PASSWORD = 200

hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Checked when the e-mail is unknown, so that the answer takes as long as for a known one.
_nobody = hasher.hash("the password of nobody")


class Known(NamedTuple):
    """What each page needs of a user."""

    id: int
    email: str
    session_epoch: int  # one more ends the sessions of before


_KNOWN = select(User.id, User.email, User.session_epoch).where(User.id == bindparam("user_id"))


def count() -> int:
    return db.session.scalar(select(func.count()).select_from(User)) or 0


def get(user_id: int) -> User:
    """A user who is there."""
    return db.session.get_one(User, user_id)


def known(user_id: int) -> Known | None:
    found = read(_KNOWN, user_id=user_id).first()
    return None if found is None else Known(*found)


def create(email: str, password: str, now: datetime, *, only_as_first: bool = False) -> User:
    """A new account. Raises InvalidInput for `email` or `password`. `only_as_first` refuses when an account exists,
    also when two first visits happen at once."""
    email = _checked_email(email)
    password_hash = hasher.hash(_checked_password(password))
    with transaction():
        if only_as_first and count():
            raise InvalidInput({"email": "The first account was made meanwhile. Sign in with it."})
        if db.session.scalar(select(User.id).where(User.email == email)):
            raise InvalidInput({"email": "There is already an account with this email address."})
        user = User(email=email, password_hash=password_hash, session_epoch=0, created_at=now)
        db.session.add(user)
    return user


def authenticate(email: str, password: str) -> User | None:
    """The user whose e-mail and password these are."""
    user = db.session.scalar(select(User).where(User.email == email.strip().lower()))
    if not _matches(user.password_hash if user else _nobody, password) or user is None:
        return None
    if hasher.check_needs_rehash(user.password_hash):
        fresh = hasher.hash(password)
        with transaction():
            user.password_hash = fresh
    return user


def change_password(user: User, old: str, new: str) -> None:
    """Raises InvalidInput for `old` or `new`. Ends every other session of the user."""
    if not _matches(user.password_hash, old):
        raise InvalidInput({"old": "This is not your current password."})
    try:
        password_hash = hasher.hash(_checked_password(new))
    except InvalidInput as refusal:
        raise InvalidInput({"new": refusal.fields["password"]}) from None
    with transaction():
        user.password_hash = password_hash
        user.session_epoch += 1


def _matches(password_hash: str, password: str) -> bool:
    if len(password) > MOST_PASSWORD:
        return False  # hashing a megabyte is what an attacker would have us do
    try:
        return hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _checked_email(email: str) -> str:
    email = email.strip().lower()
    name, _, domain = email.rpartition("@")
    looks_right = name and ("." in domain.strip(".") or domain == "localhost") and len(email.split()) == 1
    if not looks_right:
        raise InvalidInput({"email": "Enter an email address, like name@example.com."})
    if len(email) > 254:
        raise InvalidInput({"email": "An email address has at most 254 characters."})
    return email


def _checked_password(password: str) -> str:
    if len(password) < LEAST_PASSWORD:
        raise InvalidInput({"password": f"Use at least {LEAST_PASSWORD} characters."})
    if len(password) > MOST_PASSWORD:
        raise InvalidInput({"password": f"Use at most {MOST_PASSWORD} characters."})
    return password
