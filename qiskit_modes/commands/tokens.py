"""``qiskit-modes tokens``: who may use a server, and for how long."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qiskit_modes.commands.common import Commands, add_json, print_json, seconds, tell
from qiskit_modes.commands.store import add_store, with_store

if TYPE_CHECKING:
    from qiskit_modes.store.sql_store import SqlStore
    from qiskit_modes.store.tokens import TokenRow

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "tokens",
        help="make, list and revoke the tokens with which clients use a server",
        description=(
            "Make, list and revoke the tokens with which clients use a server. They are kept in "
            "its store as hashes, and what is changed holds at once, also while it runs. Needs the "
            "extra `store`."
        ),
        epilog="example: qiskit-modes tokens create --instance course --expires 120d",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    creating = _action(
        actions, "create", _create, "make a token, and print it; it is shown this once", new=True
    )
    opens = creating.add_mutually_exclusive_group(required=True)
    opens.add_argument(
        "--instance",
        action="append",
        metavar="NAME",
        help="an instance that it opens; may be given several times",
    )
    opens.add_argument(
        "--all-instances",
        action="store_true",
        help="have it open every instance, and what shows all of them: the whole page and /metrics",
    )
    creating.add_argument("--name", default="", metavar="TEXT", help="what it is for")
    creating.add_argument(
        "--expires",
        type=_moment,
        metavar="WHEN",
        help="when it ends: a time from now as 90d or '1d 6h', or a date as 2027-03-31 (UTC); "
        "default: never",
    )
    _action(actions, "list", _list, "list all tokens, by what may be shown of them")
    revoking = _action(actions, "revoke", _revoke, "end a token for good, at once")
    revoking.add_argument("token", nargs="+", metavar="TOKEN", help="as the list names it")


def _action(
    actions: Commands,
    name: str,
    run: Callable[[SqlStore, argparse.Namespace], int],
    about: str,
    *,
    new: bool = False,
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
    add_store(parser)
    add_json(parser)
    parser.set_defaults(run=lambda parsed: with_store(run, parsed, new=new))
    return parser


def _create(store: SqlStore, parsed: argparse.Namespace) -> int:
    from qiskit_modes.store.tokens import StoredTokens

    instances = None if parsed.all_instances else [_id(each) for each in parsed.instance]
    token, row = StoredTokens(store).create(instances, name=parsed.name, expires_at=parsed.expires)
    if parsed.json:
        return print_json({"token": token, **_described(row)})
    print(token, flush=True)
    tell(
        f"{row.prefix} opens {_opens(row)}, and ends {_time(row.expires_at)}; it is shown this "
        "once, and kept as a hash"
    )
    return 0


def _list(store: SqlStore, parsed: argparse.Namespace) -> int:
    from qiskit_modes.commands.common import print_text
    from qiskit_modes.store.tokens import StoredTokens

    rows = StoredTokens(store).all()
    if parsed.json:
        return print_json({"tokens": [_described(row) for row in rows]})
    if not rows:
        print("no tokens")
        return 0
    from rich.table import Table

    table = Table("token", "opens", "for", "created", "last used", "expires", "state", box=None)
    for row in rows:
        times = (row.created_at, row.used_at, row.expires_at)
        table.add_row(row.prefix, _opens(row), row.name, *map(_time, times), _state(row))
    return print_text(table)


def _revoke(store: SqlStore, parsed: argparse.Namespace) -> int:
    from qiskit_modes.store.tokens import StoredTokens

    rows = [StoredTokens(store).revoke(each) for each in parsed.token]
    if parsed.json:
        return print_json({"tokens": [_described(row) for row in rows]})
    for row in rows:
        print(f"{row.prefix} opens nothing any more; revoked {_time(row.revoked_at)}")
    return 0


def _id(instance: str) -> str:
    if not instance.startswith("crn:"):
        return instance
    from qiskit_modes.wire.platform import id_of_crn  # takes a while to import

    return id_of_crn(instance)


def _described(row: TokenRow) -> dict[str, Any]:
    times = {
        "created": row.created_at,
        "last_used": row.used_at,
        "expires": row.expires_at,
        "revoked": row.revoked_at,
    }
    return {
        "id": row.prefix,
        "instances": None if row.instances is None else list(row.instances),
        "name": row.name,
        **{name: None if at is None else _moment_of(at).isoformat() for name, at in times.items()},
        "state": _state(row),
    }


def _opens(row: TokenRow) -> str:
    return "all instances" if row.instances is None else ", ".join(row.instances)


def _state(row: TokenRow) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "valid" if row.is_valid else "expired"


def _time(at: int | None) -> str:
    return "never" if at is None else _moment_of(at).strftime("%Y-%m-%d %H:%M UTC")


def _moment_of(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1e6, UTC)


def _moment(text: str) -> int:
    """Return the time that an option means, in microseconds since 1970."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return int((time.time() + seconds(text)) * 1e6)
    return int((at.replace(tzinfo=UTC) if at.tzinfo is None else at).timestamp() * 1e6)
