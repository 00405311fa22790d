"""Settings from a file and the environment."""

from pathlib import Path
from textwrap import dedent

import pytest

from schemas.faults import Fault
from schemas.features import Features
from schemas.settings import Settings
from schemas.settings_file import SettingsFaults, load_settings

ID = "5d115c9c-44e3-ea11-bb43-000d3a2feca1"
SECRET = "hunter2"

MINIMAL = f"""\
business_central:
  url: https://api.businesscentral.dynamics.com/v2.0/contoso.example/production/
  company: {ID.upper()}
  credentials: {{main: {{tenant: contoso.example, client_id: worker}}}}
dataverse:
  url: https://contoso.crm4.dynamics.com
  team: {ID}
  credentials: {{main: {{tenant: contoso.example, client_id: worker}}}}
"""
SECRETS = {
    "TWINROW_BUSINESS_CENTRAL__CREDENTIALS__MAIN__CLIENT_SECRET": SECRET,
    "TWINROW_DATAVERSE__CREDENTIALS__MAIN__CLIENT_SECRET": SECRET,
}


def settings(folder: Path, text: str = "", environ: dict[str, str] | None = None) -> Settings:
    path = folder / "twinrow.yaml"
    path.write_text(MINIMAL + dedent(text), encoding="utf-8")
    return load_settings(path, SECRETS | (environ or {}))


def faults(folder: Path, text: str = "", environ: dict[str, str] | None = None) -> list[Fault]:
    with pytest.raises(SettingsFaults) as raised:
        settings(folder, text, environ)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return list(raised.value.faults)


def fault_of(folder: Path, text: str = "", environ: dict[str, str] | None = None) -> Fault:
    (fault,) = faults(folder, text, environ)
    return fault


def test_little_needs_to_be_given(tmp_path: Path) -> None:
    given = settings(tmp_path)
    assert given.database.connection_url() == "sqlite:///.twinrow/twinrow.db"
    assert (given.topics.broker, given.topics.changes) == ("embedded", "twinrow.changes")
    assert given.mappings == ("standard",)
    assert given.business_central.url.endswith("/production")
    assert given.business_central.company == ID
    credentials = given.business_central.credentials["main"]
    assert credentials.secret("client_secret") == SECRET
    assert credentials.token_endpoint == "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    assert given.business_central.scope(credentials) == "https://api.businesscentral.dynamics.com/.default"
    assert given.dataverse.scope(credentials) == "https://contoso.crm4.dynamics.com/.default"
    assert (given.business_central.requests_at_once, given.business_central.requests_per_5_minutes) == (5, 6000)
    assert (given.dataverse.requests_at_once, given.dataverse.requests_per_5_minutes) == (52, 6000)


def test_settings_say_what_shapes_the_mappings(tmp_path: Path) -> None:
    environ = {"TWINROW_DATAVERSE__OWNERSHIP": "person", "TWINROW_BUSINESS_CENTRAL__LOCAL_CURRENCY": "NOK"}
    assert settings(tmp_path, environ=environ).features == Features("person", ID, None, "NOK")


def test_everything_can_come_from_the_environment() -> None:
    given = load_settings(
        None,
        SECRETS
        | {
            "TWINROW_SETTINGS": "/etc/twinrow.yaml",
            "TWINROW_BUSINESS_CENTRAL__URL": "https://bc.example/root",
            "TWINROW_BUSINESS_CENTRAL__COMPANY": ID,
            "TWINROW_BUSINESS_CENTRAL__CREDENTIALS__MAIN__TENANT": "contoso.example",
            "TWINROW_BUSINESS_CENTRAL__CREDENTIALS__MAIN__CLIENT_ID": "worker",
            "TWINROW_DATAVERSE": '{"url": "https://dv.example", "ownership": "person"}',
            "TWINROW_DATAVERSE__CREDENTIALS__MAIN__TENANT": "contoso.example",
            "TWINROW_DATAVERSE__CREDENTIALS__MAIN__CLIENT_ID": "worker",
            "TWINROW_MAPPINGS": '["standard", "mine.yaml"]',
            "HOME": "/root",
        },
    )
    assert given.business_central.url == "https://bc.example/root"
    assert given.dataverse.ownership == "person"
    assert given.dataverse.credentials["main"].secret("client_secret") == SECRET
    assert given.mappings == ("standard", Path("mine.yaml"))


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    given = settings(tmp_path, "worker: {threads: 2, group: file}", {"TWINROW_WORKER__THREADS": "5"})
    assert (given.worker.threads, given.worker.group) == (5, "file")


def test_paths_in_the_file_start_at_its_folder(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n", encoding="utf-8")
    given = settings(tmp_path, "mappings: [standard, mine.yaml]\nreceiver: {webhook_key_file: key}")
    assert given.mappings == ("standard", tmp_path / "mine.yaml")
    assert given.receiver.secret("webhook_key") == SECRET


def test_a_secret_in_a_file_is_read_anew(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("old", encoding="utf-8")
    receiver = settings(tmp_path, "receiver: {client_state_file: key}").receiver
    key.write_text("new", encoding="utf-8")
    assert receiver.secret("client_state") == "new"
    assert receiver.secret("webhook_key") is None


@pytest.mark.parametrize(
    ("text", "setting", "variable"),
    [
        ("receiver: {client_state: hunter2}", "client_state_file", "TWINROW_RECEIVER__CLIENT_STATE"),
        ("receiver: {webhook_key: hunter2}", "webhook_key_file", "TWINROW_RECEIVER__WEBHOOK_KEY"),
        ("database: {password: hunter2}", "password_file", "TWINROW_DATABASE__PASSWORD"),
        ("database: {url: 'postgresql+psycopg://me:hunter2@db/it'}", "password_file", "TWINROW_DATABASE__PASSWORD"),
    ],
)
def test_a_secret_in_the_settings_file_is_a_fault_that_says_where_it_belongs(
    tmp_path: Path, text: str, setting: str, variable: str
) -> None:
    fault = fault_of(tmp_path, text)
    assert fault.line == 9
    assert fault.problem == "a secret must not stand in the settings"
    assert setting in fault.instead
    assert variable in fault.instead


def test_a_client_secret_in_the_settings_file_is_a_fault(tmp_path: Path) -> None:
    text = MINIMAL.replace("client_id: worker}}", f"client_id: worker, client_secret: {SECRET}}}}}", 1)
    path = tmp_path / "twinrow.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsFaults, match="a secret must not stand") as raised:
        load_settings(path, SECRETS)
    assert SECRET not in str(raised.value)


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    environ = {
        "TWINROW_DATABASE__URL": f"postgresql+psycopg://me:{SECRET}@db/it",
        "TWINROW_RECEIVER__CLIENT_STATE": SECRET,
    }
    given = settings(tmp_path, environ=environ)
    for shown in (repr(given), str(given), str(given.model_dump()), given.model_dump_json()):
        assert SECRET not in shown
    assert given.database.url == "postgresql+psycopg://me@db/it"
    assert given.database.connection_url() == f"postgresql+psycopg://me:{SECRET}@db/it"


def test_a_database_password_may_hold_any_character(tmp_path: Path) -> None:
    environ = {"TWINROW_DATABASE__URL": "postgresql+psycopg://me@db/it", "TWINROW_DATABASE__PASSWORD": "p@ss/w:rd"}
    database = settings(tmp_path, environ=environ).database
    assert database.connection_url() == "postgresql+psycopg://me:p%40ss%2Fw%3Ard@db/it"


def test_one_secret_of_a_principal_is_needed_and_not_two(tmp_path: Path) -> None:
    path = tmp_path / "twinrow.yaml"
    path.write_text(MINIMAL, encoding="utf-8")
    with pytest.raises(SettingsFaults) as raised:
        load_settings(path, {})
    assert [(fault.line, fault.path) for fault in raised.value.faults] == [
        (4, "business_central.credentials.main"),
        (8, "dataverse.credentials.main"),
    ]
    assert "needs client_secret_file, or client_secret from the environment" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "path", "advice"),
    [
        ("worker: {thrads: 5}", "worker.thrads", "no such key; did you mean 'threads'?"),
        ("worker: {threads: many}", "worker.threads", "should be a whole number"),
        ("worker: {threads: 0}", "worker.threads", "should be greater than 0"),
        ("wroker: {}", "wroker", "no such key; did you mean 'worker'?"),
        ("worker: 5", "worker", "should be a group of keys with values"),
        (
            "topics: {broker: carrier pigeon}",
            "topics.broker",
            "'carrier pigeon' is not possible here; known are: embedded, kafka",
        ),
        ("log: {level: loud}", "log.level", "'loud' is not possible here; known are: debug, error, info, warning"),
        ("mappings: []", "mappings", "should not be empty"),
        ("mappings: [5]", "mappings[0]", "should be a path"),
        (
            "database: {url: 'postgresql://db/it'}",
            "database.url",
            "should begin with sqlite:/// or postgresql+psycopg://",
        ),
        (
            "receiver: {public_url: nowhere}",
            "receiver.public_url",
            "should be an address such as https://contoso.example",
        ),
    ],
)
def test_a_fault_in_the_file_is_told_with_its_line(tmp_path: Path, text: str, path: str, advice: str) -> None:
    fault = fault_of(tmp_path, text)
    assert (fault.file, fault.line) == (str(tmp_path / "twinrow.yaml"), 9)
    assert (fault.path, fault.advice) == (path, advice)


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("TWINROW_WORKER__THREADS", "many", "should be a whole number"),
        ("TWINROW_WORKER__THRADS", "5", "no such key; did you mean 'threads'?"),
        ("TWINROW_WROKER__THREADS", "5", "no such setting; did you mean 'TWINROW_WORKER'?"),
        ("TWINROW_MAPPINGS", "standard", 'should be JSON; such as ["standard"]'),
        ("TWINROW_DATAVERSE__TEAM", "hunter2", f"should be an id such as {ID}"),
        (
            "TWINROW_DATAVERSE__URL",
            "https://contoso.example/api/data/v9.2",
            "should end before /api: https://contoso.example",
        ),
        ("TWINROW_BUSINESS_CENTRAL__LOCAL_CURRENCY", "kr", "should be an ISO 4217 code such as EUR"),
        ("TWINROW_RECEIVER__WEBHOOK_KEY", "", "should not be empty"),
        ("TWINROW_RECEIVER__WEBHOOK_KEY_FILE", "/nowhere", "/nowhere cannot be read: No such file or directory"),
    ],
)
def test_a_fault_in_the_environment_is_told_with_its_variable(
    tmp_path: Path, name: str, value: str, advice: str
) -> None:
    fault = fault_of(tmp_path, environ={name: value})
    assert (fault.file, fault.line) == (name, None)
    assert fault.advice == advice


def test_names_of_principals_are_lower_case_so_that_variables_can_be_called_after_them(tmp_path: Path) -> None:
    path = tmp_path / "twinrow.yaml"
    path.write_text(MINIMAL.replace("{main:", "{Main:"), encoding="utf-8")
    with pytest.raises(SettingsFaults, match="a name is lower-case letters and digits"):
        load_settings(path, {})


def test_one_client_under_two_names_is_refused_since_the_system_counts_it_once(tmp_path: Path) -> None:
    again = {"TENANT": "contoso.example", "CLIENT_ID": "worker", "CLIENT_SECRET": SECRET}
    environ = {f"TWINROW_DATAVERSE__CREDENTIALS__AGAIN__{name}": value for name, value in again.items()}
    assert "has client worker under two names" in fault_of(tmp_path, environ=environ).problem


def test_what_is_missing_can_be_given_in_either_place() -> None:
    with pytest.raises(SettingsFaults) as raised:
        load_settings(None, {})
    assert [str(fault) for fault in raised.value.faults] == [
        "settings: business_central: is missing; give it, or set TWINROW_BUSINESS_CENTRAL",
        "settings: dataverse: is missing; give it, or set TWINROW_DATAVERSE",
    ]


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    text = "worker: {threads: x}\nreceiver: {port: 99999, client_state: hunter2}"
    found = faults(tmp_path, text, {"TWINROW_LOG__LEVEL": "loud", "TWINROW_TOPICS": "none"})
    assert [fault.path or fault.file for fault in found] == [
        "worker.threads",
        "receiver.port",
        "receiver.client_state",
        "TWINROW_LOG__LEVEL",
        "TWINROW_TOPICS",
    ]


def test_a_settings_file_that_is_no_settings_file_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "twinrow.yaml"
    path.write_text("- a", encoding="utf-8")
    with pytest.raises(SettingsFaults, match="should be a group of keys with values"):
        load_settings(path, {})
    with pytest.raises(SettingsFaults, match="cannot be read: No such file or directory"):
        load_settings(tmp_path / "missing.yaml", SECRETS)
