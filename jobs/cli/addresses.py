"""A database's address without its password."""

from urllib.parse import quote, urlencode

from pgdex.jobs.database.connection import url_parts

SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")


def without_password(url: str) -> tuple[str, bool]:
    """`url` (or a libpq connection string) as a URL without secrets, and whether it held any.

    Raises InvalidSetting, without the URL, for what libpq can't read.
    """
    given = {name: str(value) for name, value in url_parts(url).items() if value is not None}
    secrets = [given.pop(name) for name in SECRETS if name in given]
    user = given.pop("user", "")
    database = given.pop("dbname", "")
    host, port = given.get("host", ""), given.get("port", "")
    place = ""
    if host and not host.startswith("/") and "," not in host:  # sockets and several hosts go into the query
        del given["host"]
        place = f"[{host}]" if ":" in host else host
        if port:
            place += f":{given.pop('port')}"
    login = f"{quote(user, safe='')}@" if user else ""
    query = f"?{urlencode(given, quote_via=quote, safe='/,')}" if given else ""
    return f"postgresql://{login}{place}/{quote(database, safe='')}{query}", bool(secrets)
