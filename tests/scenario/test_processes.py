"""Scenarios of other modules once more: on Kafka and PostgreSQL, three workers and the receiver as processes.

Only those that meddle with no worker, and with no time. One stack for all of them: processes take long to start.
"""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.scenario import test_conflicts, test_deletions
from tests.scenario.test_conflicts import (
    test_one_column_changed_on_both_sides_first_in_business_central,
    test_one_column_changed_on_both_sides_first_in_dataverse,
    test_other_columns_of_a_row_in_conflict_wait_and_follow,
)
from tests.scenario.test_currencies import (
    test_a_currency_is_matched_by_its_code_and_never_made_twice,
    test_a_foreign_currency_travels_both_ways_and_back_to_the_local_one,
)
from tests.scenario.test_deletions import (
    test_a_change_of_the_row_that_was_left_over,
    test_a_customer_deleted_in_business_central,
    test_an_account_deleted_in_dataverse,
)
from tests.scenario.test_dependencies import (
    test_a_contact_of_dataverse_arrives_under_the_customer_that_its_account_became,
    test_a_contact_that_changes_accounts_changes_companies,
    test_a_contact_waits_for_its_account_and_follows_it_with_no_hand,
    test_a_currency_that_dataverse_alone_has_is_left_out_until_business_central_has_it,
    test_a_person_whose_account_is_refused_waits_and_holds_up_nobody,
)
from tests.scenario.test_echo import (
    test_a_value_that_is_entered_and_taken_back_ends_as_it_was,
    test_after_a_change_in_business_central_one_write_and_no_other_follows,
    test_after_a_change_in_dataverse_one_write_and_no_other_follows,
    test_many_edits_of_both_sides_come_to_rest_equal,
)
from tests.scenario.test_merge import (
    test_a_column_may_have_a_policy_of_its_own,
    test_a_one_way_column_edited_on_the_wrong_side_is_set_right,
    test_a_one_way_column_never_conflicts_its_owner_wins,
    test_different_columns_changed_on_both_sides_are_merged,
    test_the_same_value_entered_on_both_sides_is_no_conflict,
)
from tests.scenario.test_one_change import (
    test_a_change_in_business_central_changes_that_column_and_no_other,
    test_a_change_in_dataverse_changes_that_column_and_no_other,
    test_a_column_emptied_in_business_central_is_empty_in_dataverse,
    test_a_column_emptied_in_dataverse_is_empty_in_business_central,
    test_a_column_that_no_mapping_has_changes_nothing,
    test_a_new_account_becomes_a_customer,
    test_a_new_contact_becomes_a_person_under_the_company,
    test_a_new_customer_becomes_an_account_of_the_company_and_its_team,
    test_a_new_person_becomes_a_contact_under_the_account,
    test_an_inactive_account_is_left_alone_and_catches_up_once_it_is_active_again,
)
from tests.scenario.test_options import (
    test_an_option_chosen_in_dataverse_becomes_the_customers_terms,
    test_payment_terms_become_options_and_a_customers_terms_the_option,
)
from tests.scenario.test_replay import test_a_replay_of_what_has_arrived_writes_nothing_however_often
from tests.support.databases import PostgresqlDatabases
from tests.support.kafka.cluster import Cluster
from tests.support.mapping_files import standard_mapping, standard_mappings
from tests.support.stack import Arrangement, Programs, Stack

SCENARIOS: tuple[Callable[..., None], ...] = (
    test_a_change_in_business_central_changes_that_column_and_no_other,
    test_a_change_in_dataverse_changes_that_column_and_no_other,
    test_a_change_of_the_row_that_was_left_over,
    test_a_column_emptied_in_business_central_is_empty_in_dataverse,
    test_a_column_emptied_in_dataverse_is_empty_in_business_central,
    test_a_column_may_have_a_policy_of_its_own,
    test_a_column_that_no_mapping_has_changes_nothing,
    test_a_contact_of_dataverse_arrives_under_the_customer_that_its_account_became,
    test_a_contact_that_changes_accounts_changes_companies,
    test_a_contact_waits_for_its_account_and_follows_it_with_no_hand,
    test_a_currency_is_matched_by_its_code_and_never_made_twice,
    test_a_currency_that_dataverse_alone_has_is_left_out_until_business_central_has_it,
    test_a_customer_deleted_in_business_central,
    test_a_foreign_currency_travels_both_ways_and_back_to_the_local_one,
    test_a_new_account_becomes_a_customer,
    test_a_new_contact_becomes_a_person_under_the_company,
    test_a_new_customer_becomes_an_account_of_the_company_and_its_team,
    test_a_new_person_becomes_a_contact_under_the_account,
    test_a_one_way_column_edited_on_the_wrong_side_is_set_right,
    test_a_one_way_column_never_conflicts_its_owner_wins,
    test_a_person_whose_account_is_refused_waits_and_holds_up_nobody,
    test_a_replay_of_what_has_arrived_writes_nothing_however_often,
    test_a_value_that_is_entered_and_taken_back_ends_as_it_was,
    test_after_a_change_in_business_central_one_write_and_no_other_follows,
    test_after_a_change_in_dataverse_one_write_and_no_other_follows,
    test_an_account_deleted_in_dataverse,
    test_an_inactive_account_is_left_alone_and_catches_up_once_it_is_active_again,
    test_an_option_chosen_in_dataverse_becomes_the_customers_terms,
    test_different_columns_changed_on_both_sides_are_merged,
    test_many_edits_of_both_sides_come_to_rest_equal,
    test_one_column_changed_on_both_sides_first_in_business_central,
    test_one_column_changed_on_both_sides_first_in_dataverse,
    test_other_columns_of_a_row_in_conflict_wait_and_follow,
    test_payment_terms_become_options_and_a_customers_terms_the_option,
    test_the_same_value_entered_on_both_sides_is_no_conflict,
)
"""What is collected here because it is imported."""

_POLICIES = {test_conflicts.__name__: "manual", test_deletions.__name__: "delete"}


@pytest.fixture(scope="module")
def databases(postgresql_databases: PostgresqlDatabases) -> PostgresqlDatabases:
    """Several processes share the ledger."""
    return postgresql_databases


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory, kafka: Cluster) -> Arrangement:
    """A policy for each kind of conflict, and one column with its own."""
    folder = tmp_path_factory.mktemp("processes")
    columns = [
        column | {"conflict": "dataverse"} if column.get("pair", "").startswith("addressLine2 ") else column
        for column in standard_mapping("CUSTOMER")["columns"]
    ]
    changes = {"CUSTOMER": {"update_conflict": "manual", "deletion_conflict": "delete", "columns": columns}}
    return Arrangement(
        (standard_mappings(folder, changes),),
        partitions=6,
        kafka=kafka.bootstrap,
        name=f"test-{uuid4().hex[:12]}",
        programs=Programs(folder),
    )


@pytest.fixture(autouse=True)
def _no_rows_left(stack: Stack) -> Iterator[None]:
    """Scenarios of different modules use the same names."""
    yield
    stack.tidy()
    for row in stack.bc.rows("contacts"):
        if row["type"] == "Person":
            stack.bc.delete("contacts", row["id"])
    for table in ("customers", "vendors"):
        for row in stack.bc.rows(table):
            stack.bc.delete(table, row["id"])
    stack.settle()
    for table, key in (("contacts", "contactid"), ("accounts", "accountid")):
        for row in stack.dv.rows(table):
            stack.dv.delete(table, row[key])
    stack.settle()


@pytest.fixture
def policy(request: pytest.FixtureRequest) -> str:
    """The policy that a scenario is about."""
    return _POLICIES[request.function.__module__]
