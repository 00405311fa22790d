"""Business Central's errors, told by their code: the same code comes with different statuses from different servers.

Source of the codes: the developer documentation's page on OData error codes.
"""

from schemas.errors import Reread, RereadReason, Retry, Skip, Stop, SyncError
from systems.http import Answer, whole_refusal
from systems.interface import Create, Delete, Update, Write

NAME = "Business Central"

TOO_MANY = "Application_TooManyRequests"

_CHANGED = "Request_EntityChanged"
_NOT_FOUND = {"Internal_RecordNotFound", "BadRequest_ResourceNotFound", "BadRequest_NotFound"}
_SAME_KEY = "Internal_EntityWithSameKeyExists"
_TRANSIENT = {"Internal_ServerError", "Internal_TenantUnavailable", "Internal_DatabaseConnection"}
_PERMANENT = ("Application_", "BadRequest", "Internal_InvalidTableRelation", _SAME_KEY, _CHANGED, "Unknown")


def write_refusal(answer: Answer, table: str, write: Write) -> SyncError:
    """Why one write was refused, by a part of a batch or by a whole answer that speaks of one write."""
    subject = subject_of(table, write)
    words = f"{NAME} refuses {subject}: {answer.message}"
    code = answer.code
    if isinstance(write, Update | Delete):
        if code == _CHANGED or (not code and answer.status in {409, 412}):
            return Reread(RereadReason.CHANGED, f"{subject} was changed by somebody else.", code=code)
        if code in _NOT_FOUND:
            return Reread(RereadReason.GONE, f"{subject} no longer exists.", code=code)
    if code == _SAME_KEY:
        return Skip(f"{words} A row with this key exists already: couple the two, or change the key.", code=code)
    return _named_refusal(answer) or Skip(words, code=code or str(answer.status))


def read_refusal(answer: Answer, table: str) -> SyncError:
    """Why a table cannot be read."""
    advice = "Check url, company and api of the system, and the columns of the mapping."
    words = f"{NAME} refuses to read {table}: {answer.message} {advice}"
    return _named_refusal(answer) or Stop(words, code=answer.code or str(answer.status))


def find_refusal(answer: Answer, table: str, criterion: str) -> SyncError:
    """Why rows cannot be looked for by a criterion."""
    words = f"{NAME} cannot look for {table} where {criterion}: {answer.message}"
    return _named_refusal(answer) or Skip(words, code=answer.code or str(answer.status))


def batch_refusal(answer: Answer) -> SyncError | None:
    """Why a batch was refused as far as that is no single write's fault; ``None`` where it is one's."""
    if answer.code.startswith(_PERMANENT) and answer.status != 404:
        return None
    refusal = _named_refusal(answer, writes=True)
    if refusal is None and answer.status == 404:
        refusal = Stop(f"{NAME} has no service there: {answer.message} Check url and api.", code=answer.code or "404")
    return refusal


def subject_of(table: str, write: Write) -> str:
    """What messages call the row that is written."""
    return f"a new row of {table}" if isinstance(write, Create) else f"{table} {write.id}"


def _named_refusal(answer: Answer, *, writes: bool = False) -> SyncError | None:
    """The error where it has nothing to do with a row; a permanent code overrules a status that says try again."""
    code = answer.code
    if code == TOO_MANY:
        return Retry(f"{NAME}: {answer.message}", code=code, after=answer.retry_after, throttled=True)
    if code == "Internal_CompanyNotFound":
        return Stop(f"{NAME} does not know the company: {answer.message} Correct its id.", code=code)
    if code.startswith(("Authentication_", "Authorization_", "Unauthorized")):
        return Stop(
            f"{NAME} denies access: {answer.message} Check that the application is enabled on the page"
            " Microsoft Entra applications and has the permission sets.",
            code=code,
        )
    if code in _TRANSIENT and answer.status < 500:
        return Retry(f"{NAME}: {answer.message}", code=code, after=answer.retry_after)
    if code.startswith(_PERMANENT) and answer.status != 429:
        return None
    return whole_refusal(answer, NAME, writes=writes)
