"""URLs of PostgreSQL databases, with the options of PostgreSQL's own library, libpq."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote, urlencode

SCHEMES = ("postgresql", "postgresql+asyncpg", "postgres")
_PARTS = re.compile(
    r"(?:(?P<user>[^:/?@]*)(?::(?P<password>[^@]*))?@)?(?P<hosts>[^/?]*)"
    r"(?:/(?P<dbname>[^?]*))?(?:\?(?P<options>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>.*))?")

_ANYTHING: tuple[str, ...] = ()
_TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_DRIVER_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "passfile": _ANYTHING,
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslcert": _ANYTHING,
    "sslkey": _ANYTHING,
    "sslpassword": _ANYTHING,
    "sslrootcert": _ANYTHING,
    "sslcrl": _ANYTHING,
    "ssl_min_protocol_version": _TLS_VERSIONS,
    "ssl_max_protocol_version": _TLS_VERSIONS,
    "krbsrvname": _ANYTHING,
    "gsslib": ("gssapi", "sspi"),
}
_SERVER_OPTIONS = ("application_name", "options")
_NUMERIC_OPTIONS = (
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)
_DEFAULTS_ONLY: Mapping[str, tuple[str, ...]] = {
    "channel_binding": ("prefer", "disable"),
    "client_encoding": ("UTF8", "utf8", "UTF-8", "utf-8", "auto"),
    "gssdelegation": ("0",),
    "gssencmode": ("disable", "prefer"),
    "load_balance_hosts": ("disable",),
    "sslcertmode": ("allow",),
    "sslcompression": ("0",),
    "sslsni": ("1",),
}
_WRITABLE = ("any", "primary", "read-write")
_SUPPORTED = frozenset(
    {"user", "password", "dbname", "host", "port", "target_session_attrs"}
    | _DRIVER_OPTIONS.keys()
    | {*_SERVER_OPTIONS, *_NUMERIC_OPTIONS}
    | _DEFAULTS_ONLY.keys()
)
_UNSUPPORTED = (
    *("hostaddr", "require_auth", "replication", "fallback_application_name", "requiressl"),
    *("requirepeer", "service", "servicefile", "sslcrldir", "sslkeylogfile"),
    *("min_protocol_version", "max_protocol_version", "scram_client_key", "scram_server_key"),
    *("oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope"),
    # Options of other programs, from which URLs may be copied.
    *("ssl", "schema", "search_path", "pgbouncer", "prepared_statement_cache_size"),
)
"""Options that a message names; any other name may be part of a password."""


class Host(NamedTuple):
    """Where a server listens: a host name, an address or the folder of a socket, and a port.

    For an empty name, or None as the port, the driver uses `PGHOST` and `PGPORT`.
    """

    name: str
    port: int | None


class PostgresURL(NamedTuple):
    """The parts of a URL."""

    database: str
    dsn: str
    """What the driver takes from a URL, except the hosts."""
    hosts: tuple[Host, ...]
    """In the order in which they are tried; at least one."""
    target_session_attrs: str
    server_settings: Mapping[str, str]
    """Settings sent to the server when a session begins."""
    numbers: Mapping[str, int]
    """`connect_timeout` and socket options, where given."""

    @property
    def location(self) -> str:
        """The hosts and the name of the database, without user and password."""
        hosts = (f"{host.name}:{host.port}" if host.port else host.name for host in self.hosts)
        return f"postgresql://{','.join(hosts)}/{self.database}"


def is_postgres_url(value: str) -> bool:
    """Whether the scheme is that of PostgreSQL; the rest may be invalid."""
    return value.partition("://")[0] in SCHEMES


def parse_postgres_url(value: str) -> PostgresURL:
    """Parse a URL.

    Raises:
        ValueError: it cannot be used; the message says why and repeats none of its values.

    """
    parts = _PARTS.fullmatch(value.partition("://")[2])
    if parts is None:
        raise ValueError("must be a URL such as postgresql://user:password@host/name")
    options = dict(_options(parts["options"] or ""))
    for name, given in options.items():
        _check(name, given)
    # As in libpq, an option takes precedence over the same part of the URL.
    login = {name: options.get(name, unquote(parts[name] or "")) for name in ("user", "password")}
    database = options.get("dbname", unquote(parts["dbname"] or ""))
    if not database:
        raise ValueError("must name a database: postgresql://host/name")
    hosts = tuple(_hosts(options.get("host", parts["hosts"]), options.get("port", "")))
    for_driver = login | {name: options[name] for name in _DRIVER_OPTIONS if name in options}
    query = urlencode({name: text for name, text in for_driver.items() if text}, quote_via=quote)
    return PostgresURL(
        database=database,
        dsn=f"postgresql:///{quote(database, safe='')}?{query}".removesuffix("?"),
        hosts=hosts,
        target_session_attrs=options.get(
            "target_session_attrs", "primary" if len(hosts) > 1 else "any"
        ),
        server_settings={name: options[name] for name in _SERVER_OPTIONS if name in options},
        numbers={name: int(options[name]) for name in _NUMERIC_OPTIONS if name in options},
    )


def _options(text: str) -> Iterator[tuple[str, str]]:
    for number, option in enumerate(filter(None, text.split("&")), start=1):
        name, _, value = option.partition("=")
        name = unquote(name)
        if name not in _SUPPORTED:
            which = f"the option {name}" if name in _UNSUPPORTED else f"option number {number}"
            raise ValueError(
                f"{which} is not supported; remove it."
                " Write settings of the server as options=-cNAME%3DVALUE"
            )
        yield name, unquote(value)


def _check(name: str, value: str) -> None:
    if name == "channel_binding" and value == "require":
        raise ValueError(
            "channel_binding cannot be required, as the driver does not support it:"
            " remove it, and use sslmode=verify-full to verify the server"
        )
    if name == "target_session_attrs" and value not in _WRITABLE:
        raise ValueError(f"{name} must be one of {', '.join(_WRITABLE)}, as the service writes")
    if name == "sslrootcert" and value == "system":
        raise ValueError("sslrootcert must name the file with the system's certificates")
    allowed = _DRIVER_OPTIONS.get(name) or _DEFAULTS_ONLY.get(name)
    if allowed and value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}")
    if name in _NUMERIC_OPTIONS and not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise ValueError(f"{name} must be a whole number")


def _hosts(hosts: str, ports: str) -> Iterator[Host]:
    """Each host with its own port, or else with its port in the list of ports."""
    names, numbers = hosts.split(","), ports.split(",")
    if len(numbers) == 1:
        numbers *= len(names)
    if len(numbers) != len(names):
        raise ValueError("must have a host for each port")
    for text, number in zip(names, numbers, strict=True):
        parts = _HOST.fullmatch(text)
        if parts is None:
            raise ValueError("must have hosts as host, host:port or [address]:port")
        yield Host(unquote(parts["v6"] or parts["name"]), _port(parts["port"] or number))


def _port(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 2**16:
        raise ValueError("must have a port from 1 to 65535")
    return int(text)
