"""Dataverse's errors, told by their code: 412 alone has four meanings.

Source of the codes: the Web API's page on HTTP errors and the list of web service error codes.
"""

from schemas.errors import Reread, RereadReason, Skip, Stop, SyncError
from systems.http import Answer, whole_refusal
from systems.interface import Create, Delete, Update, Write

NAME = "Dataverse"

_VERSION = "0x80060882"  # ConcurrencyVersionMismatch
_NOT_FOUND = "0x80040217"  # ObjectDoesNotExist
_EXISTS = "0x80040237"  # DuplicateRecord: this id
_UNIQUE = {_EXISTS, "0x80060892", "0x80073002", "0x80040333"}  # alternate key, unique index, duplicate detection
_PRIVILEGE = "0x80040220"


def write_refusal(answer: Answer, table: str, write: Write) -> SyncError:
    """Why one write was refused."""
    subject = f"{table} {write.id}"
    words = f"{NAME} refuses {subject}: {answer.message}"
    code = answer.code.lower()
    if isinstance(write, Create):
        # An old server says nothing but 412; what it can mean follows from the precondition that was sent.
        if code == _EXISTS or (answer.status == 412 and not code):
            return Reread(RereadReason.EXISTS, f"{subject} exists already.", code=code)
    elif code == _VERSION or (answer.status == 412 and not code):
        return Reread(RereadReason.CHANGED, f"{subject} was changed by somebody else.", code=code)
    if (code == _NOT_FOUND or (answer.status == 404 and not code)) and _speaks_of(answer, write):
        return Reread(RereadReason.GONE, f"{subject} no longer exists.", code=code)
    if code in _UNIQUE:
        return Skip(f"{words} Couple the two rows, or change the value that must be unique.", code=code)
    return _named_refusal(answer) or Skip(words, code=code or str(answer.status))


def read_refusal(answer: Answer, table: str) -> SyncError:
    """Why a table cannot be read."""
    words = f"{NAME} refuses to read {table}: {answer.message} Check url, table and columns of the mapping."
    return _named_refusal(answer) or Stop(words, code=answer.code or str(answer.status))


def find_refusal(answer: Answer, table: str, criterion: str) -> SyncError:
    """Why rows cannot be looked for by a criterion."""
    words = f"{NAME} cannot look for {table} where {criterion}: {answer.message}"
    return _named_refusal(answer) or Skip(words, code=answer.code or str(answer.status))


def batch_refusal(answer: Answer) -> SyncError:
    """Why a batch was refused as a whole, so that nothing of it happened unless the error says otherwise."""
    words = f"{NAME} refuses a batch: {answer.message} Check url and version of the Web API."
    return _named_refusal(answer, writes=True) or Stop(words, code=answer.code or str(answer.status))


def _speaks_of(answer: Answer, write: Write) -> bool:
    """Whether the row that does not exist is the written one, and not one that it was to refer to."""
    return isinstance(write, Update | Delete) and write.id is not None and write.id.lower() in answer.message.lower()


def _named_refusal(answer: Answer, *, writes: bool = False) -> SyncError | None:
    """The error where it has nothing to do with a row."""
    if answer.code.lower() == _PRIVILEGE:
        return Stop(
            f"{NAME} denies access: {answer.message} Give the application user a security role with this privilege.",
            code=answer.code,
        )
    return whole_refusal(answer, NAME, writes=writes)
