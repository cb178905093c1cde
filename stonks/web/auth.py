"""First visit, signing in and out, the account page."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Flask, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import DataRequired

from stonks.accounts import users
from stonks.accounts.tables import User
from stonks.accounts.users import Known
from stonks.ledger import portfolios
from stonks.services import services
from stonks.web import htmx
from stonks.web.errors import beside
from stonks.web.pages import my_portfolios
from stonks.web.security import limiter, safe_next

blueprint = Blueprint("auth", __name__)
logins = LoginManager()


class SignedIn(UserMixin):
    """A user as Flask-Login sees one. The session holds the epoch too, so that a new password ends older sessions."""

    def __init__(self, user: User | Known) -> None:
        self.id = user.id
        self.email = user.email
        self._epoch = user.session_epoch

    def get_id(self) -> str:
        return f"{self.id}.{self._epoch}"


class AccountForm(FlaskForm):
    """For a new account."""

    email = EmailField("Email", [DataRequired("Enter your email address.")])
    password = PasswordField("Password", [DataRequired("Choose a password.")])


class SignInForm(FlaskForm):
    email = EmailField("Email", [DataRequired("Enter your email address.")])
    password = PasswordField("Password", [DataRequired("Enter your password.")])


class PasswordForm(FlaskForm):
    old = PasswordField("Current password", [DataRequired("Enter your current password.")])
    new = PasswordField("New password", [DataRequired("Choose a new password.")])


def init_app(app: Flask) -> None:
    logins.init_app(app)
    logins.user_loader(_load)
    logins.unauthorized_handler(_to_sign_in)
    app.context_processor(_frame_values)


@blueprint.get("/")
@login_required
def home() -> ResponseReturnValue:
    """The one portfolio, when there is just one: what a person opens this for."""
    mine = portfolios.list_for(current_user.id)
    if len(mine) == 1:
        return redirect(url_for("overview.show", portfolio_id=mine[0].id))
    return redirect(url_for("portfolios.index"))


@blueprint.route("/welcome", methods=["GET", "POST"])
def first_visit() -> ResponseReturnValue:
    if users.count():
        return redirect(url_for("auth.sign_in"))
    return _new_account(url_for("auth.first_visit"), first=True)


@blueprint.route("/register", methods=["GET", "POST"])
@limiter.limit("60 per hour", methods=["POST"])
def register() -> ResponseReturnValue:
    if not users.count():
        return redirect(url_for("auth.first_visit"))
    if not services().settings.open_registration:
        abort(404)
    return _new_account(url_for("auth.register"), first=False)


@blueprint.route("/sign-in", methods=["GET", "POST"])
@limiter.limit("10 per minute; 60 per hour", methods=["POST"], deduct_when=lambda response: response.status_code == 422)
def sign_in() -> ResponseReturnValue:
    """Only refused attempts count against the limit."""
    if not users.count():
        return redirect(url_for("auth.first_visit"))
    after = safe_next(request.args.get("next"), url_for("auth.home"))
    if current_user.is_authenticated:
        return redirect(after)
    form = SignInForm()
    if form.validate_on_submit():
        user = users.authenticate(form.email.data or "", form.password.data or "")
        if user:
            _begin_session(user)
            return redirect(after, 303)
        form.form_errors.append("Email and password do not match an account here.")
    page = render_template("auth/sign_in.html", form=form, open_registration=services().settings.open_registration)
    return page, 422 if form.is_submitted() else 200


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    logout_user()
    session.clear()
    return redirect(url_for("auth.sign_in"), 303)


@blueprint.route("/account", methods=["GET", "POST"])
@login_required
@limiter.limit("10 per minute", methods=["POST"])
def account() -> ResponseReturnValue:
    form = PasswordForm()
    if form.validate_on_submit():
        with beside(form):
            user = users.get(current_user.id)
            users.change_password(user, form.old.data or "", form.new.data or "")
            _begin_session(user)
            return redirect(url_for("auth.account", changed=1), 303)
    changed = request.args.get("changed") == "1"
    return render_template("auth/account.html", form=form, changed=changed), 422 if form.is_submitted() else 200


def _new_account(action: str, *, first: bool) -> ResponseReturnValue:
    form = AccountForm()
    if form.validate_on_submit():
        with beside(form):
            now = services().clock()
            user = users.create(form.email.data or "", form.password.data or "", now, only_as_first=first)
            _begin_session(user)
            return redirect(url_for("auth.home"), 303)
    page = render_template("auth/new_account.html", form=form, action=action, first_visit=first)
    return page, 422 if form.is_submitted() else 200


def _begin_session(user: User) -> None:
    session.clear()  # nothing that was put into the session before signing in survives it
    session.permanent = True
    login_user(SignedIn(user))


def _load(session_id: str) -> SignedIn | None:
    user_id, _, epoch = session_id.partition(".")
    user = users.known(int(user_id)) if user_id.isdecimal() else None
    return SignedIn(user) if user and str(user.session_epoch) == epoch else None


def _to_sign_in() -> ResponseReturnValue:
    if not users.count():
        return htmx.go_to(url_for("auth.first_visit"))
    if request.method == "GET" and not htmx.wants_fragment():
        address = request.full_path.removesuffix("?")
    else:  # a fragment, or a form: back to the page that has it
        shown = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
        address = safe_next(f"{shown.path}?{shown.query}".removesuffix("?"), "/")
    return htmx.go_to(url_for("auth.sign_in", next=address if address != "/" else None))


def _frame_values() -> dict[str, object]:
    """What the top bar asks for."""
    slug = next(iter(services().brokers.values())).slug
    return {
        "my_portfolios": my_portfolios,
        "help_address": url_for("help.broker", slug=slug),
    }
