"""What the settings decide about a mapping file: which of its entries count, and what its variables stand for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from schemas.faults import Finding, Path, did_you_mean
from schemas.mapping import Condition, OnlyIf, Scalar
from schemas.mapping import Mapping as TableMapping

Ownership: TypeAlias = Literal["team", "person"]
"""Who owns rows created in Dataverse: one team, or the user behind the record's salesperson."""

VARIABLES = {
    "$company": "dataverse.company",
    "$team": "dataverse.team",
    "$local_currency": "business_central.local_currency",
}
"""What constants and conditions may refer to, and the setting that gives it."""


@dataclass(frozen=True, slots=True)
class Features:
    """The part of the settings that shapes mappings.

    Attributes:
        team: id of the Dataverse team that owns new rows.
        company: id of the ``bcbi_company`` row that synchronized rows are stamped with; ``None``: no stamp.
        local_currency: ISO code of the company's local currency.
    """

    ownership: Ownership = "team"
    team: str | None = None
    company: str | None = None
    local_currency: str | None = None

    def hold(self, only_if: OnlyIf | None) -> bool:
        """Whether an entry with this ``only_if`` counts."""
        match only_if:
            case None:
                return True
            case "company":
                return self.company is not None
            case "person_ownership":
                return self.ownership == "person"
            case "team_ownership":
                return self.ownership == "team"

    @property
    def values(self) -> Mapping[str, str | None]:
        """What each variable stands for."""
        return {"$company": self.company, "$team": self.team, "$local_currency": self.local_currency}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A mapping under given features.

    Attributes:
        mapping: only what counts, with every variable filled in.
        kept: for each of its columns, the position that the column has in the file.
        findings: variables that nothing gives, with positions as in the file.
    """

    mapping: TableMapping
    kept: tuple[int, ...]
    findings: tuple[Finding, ...]


def resolve(mapping: TableMapping, features: Features) -> Resolved:
    """``mapping`` as it is under ``features``."""
    kept = tuple(index for index, column in enumerate(mapping.columns) if features.hold(column.only_if))
    findings: list[Finding] = []

    def fill(value: Scalar, path: Path) -> Scalar:
        if not isinstance(value, str) or not value.startswith("$") or not value[1:].isidentifier():
            return value
        filled = features.values.get(value)
        if value not in VARIABLES:
            findings.append(Finding(mapping.name, path, f"no variable {value!r}", did_you_mean(value, VARIABLES)))
        elif filled is None:
            findings.append(
                Finding(mapping.name, path, f"{value} has no value", f"give the setting {VARIABLES[value]}")
            )
        return filled or value

    def conditions(filters: Mapping[str, Condition], path: Path) -> Iterator[tuple[str, Condition]]:
        for column, condition in filters.items():
            if features.hold(condition.only_if):
                wanted = tuple(fill(value, (*path, column)) for value in condition.any_of)
                yield column, condition.model_copy(update={"any_of": wanted})

    columns = tuple(
        column.model_copy(update={"constant": fill(column.constant, ("columns", index, "constant"))})
        for index, column in ((index, mapping.columns[index]) for index in kept)
    )
    update: dict[str, object] = {"columns": columns}
    for name in ("business_central", "dataverse"):
        side = mapping.business_central if name == "business_central" else mapping.dataverse
        filters = dict(conditions(side.filter, (name, "filter")))
        update[name] = side.model_copy(update={"filter": filters})
    return Resolved(mapping.model_copy(update=update), kept, tuple(findings))
