"""The duty teams' board: web pages on which a team sees its offers, why they are there, and acts.

`create_app(BoardContext(..))` is a FastAPI application. It reads the case database and writes actions
into its outbox; it knows no Kafka, no deployment folder and no identity register: what it needs of
them comes in through the context, as plain values and functions.
"""

from sinks.board.app import create_app
from sinks.board.context import BoardContext, IdentityUnavailable, RevealedPerson, Wording
from sinks.board.users import Right, Role, SignIn, SignInUnavailable, TeamCodes, User

__all__ = [
    "BoardContext",
    "IdentityUnavailable",
    "RevealedPerson",
    "Right",
    "Role",
    "SignIn",
    "SignInUnavailable",
    "TeamCodes",
    "User",
    "Wording",
    "create_app",
]
