"""Reading a set: filter, order, pages."""

from typing import Any
from urllib.parse import quote, urlencode

from systems.sandbox.business_central.columns import Kind
from systems.sandbox.business_central.errors import ApiError, bad_request
from systems.sandbox.business_central.pages import Page
from systems.sandbox.business_central.presentation import expanded, shown
from systems.sandbox.business_central.rows import Rows
from systems.sandbox.exchange import Request
from systems.sandbox.odata import skiptoken
from systems.sandbox.odata.options import BadOption, page_size, preferences, read_options
from systems.sandbox.odata.predicate import Dialect, FilterNotSupported, properties
from systems.sandbox.odata.selection import Order, Selection
from systems.sandbox.odata.syntax import Expression, FilterSyntaxError, Literal, Logical, Not

LARGEST_PAGE = 20_000
_OPTIONS = frozenset(
    {"$filter", "$orderby", "$select", "$expand", "$top", "$skip", "$count", "$skiptoken", "$schemaversion"}
)
_LITERAL_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.CODE: (str,),
    Kind.OPTION: (str,),
    Kind.GUID: (str,),
    Kind.BOOLEAN: (bool,),
}


def read(rows: Rows, page: Page, request: Request) -> dict[str, Any]:
    """The answer to a GET of a set, without its context.

    Raises:
        ApiError: an option is malformed or refused.
    """
    try:
        options = read_options(request.query, _OPTIONS.__contains__)
        preferred = preferences(request.headers.get("prefer"))
        size = page_size(preferred, LARGEST_PAGE + 1)
        if size > LARGEST_PAGE:
            if "odata.maxpagesize" in preferred:
                raise ApiError(413, "RequestEntityTooLarge", f"The page size must not exceed {LARGEST_PAGE}.")
            size = LARGEST_PAGE
        selection = Selection(
            rows.table(page.table),
            dialect(page, option_filters=rows.quirks.option_filters),
            _checked(options.filter),
            _order(page, options.orderby),
        )
        after = None if options.skiptoken is None else skiptoken.decode(options.skiptoken)
        limit = size + 1 if options.top is None else min(options.top, size)
        found = selection.rows(after=after, skip=options.skip if after is None else 0, limit=limit)
    except (BadOption, FilterSyntaxError, FilterNotSupported, skiptoken.BadSkipToken) as error:
        raise bad_request(str(error)) from error
    encoded = rows.quirks.encoded_options
    value = [
        shown(page, record, encoded_options=encoded, select=options.select)
        | expanded(rows, page, record, options.expand, encoded_options=encoded)
        for record in found[:size]
    ]
    answer: dict[str, Any] = {"@odata.count": selection.count()} if options.count else {}
    answer["value"] = value
    if options.top is None and len(found) > size:
        answer["@odata.nextLink"] = _next_link(request, skiptoken.encode(selection.order.position(found[size - 1])))
    return answer


def dialect(page: Page, *, option_filters: bool) -> Dialect:
    """How filters on the columns of ``page`` are read: text is compared as it is, case included."""

    def column(name: str, literal: Literal | None) -> str:
        definition = page.columns.get(name)
        if definition is None:
            raise FilterNotSupported(
                f"Could not find a property named '{name}' on type 'Microsoft.NAV.{page.entity_type}'."
            )
        if definition.kind is Kind.OPTION and not option_filters:
            raise FilterNotSupported(f"Filtering on the property '{name}' is not supported.")
        expected = _LITERAL_TYPES.get(definition.kind)
        if literal is not None and literal.value is not None:
            fits = expected is None or (isinstance(literal.value, expected) and not isinstance(literal.value, bool))
            fits = fits or (expected == (bool,) and isinstance(literal.value, bool))
            if not fits or literal.guid != (definition.kind is Kind.GUID):
                raise FilterNotSupported(
                    "A binary operator with incompatible types was detected. "
                    f"The property '{name}' is of type '{definition.kind}'."
                )
        return name

    return Dialect(column, ignore_case=False)


def _checked(expression: Expression | None) -> Expression | None:
    """``expression``, unless it joins conditions on different fields with ``or``, which the server cannot do."""
    match expression:
        case Logical(operator="or") if len(fields := properties(expression)) > 1:
            raise FilterNotSupported(
                f"The 'OR' operator is supported within one field only; the filter names {', '.join(sorted(fields))}."
            )
        case Logical(parts=parts):
            for part in parts:
                _checked(part)
        case Not(part=part):
            _checked(part)
    return expression


def _order(page: Page, orderby: Any) -> Order:
    for name, _ in orderby:
        if name not in page.columns:
            raise BadOption(f"Could not find a property named '{name}' on type 'Microsoft.NAV.{page.entity_type}'.")
    columns = tuple(name for name, _ in orderby) or (page.table.key,)
    return Order(columns, tuple(descending for _, descending in orderby) or (False,))


def _next_link(request: Request, token: str) -> str:
    kept = {name: value for name, value in request.query.items() if name not in ("$skiptoken", "$skip")}
    query = urlencode({**kept, "aid": "FIN", "$skiptoken": token}, quote_via=quote, safe="$()',:/")
    return f"{request.url}?{query}"
