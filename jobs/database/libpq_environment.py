"""libpq's environment variables: which of them count for pgdex's connections, and forgetting the others.

They are set for someone's other servers, and libpq takes them for whatever a connection does not name itself. Giving
it every keyword is not enough: PGSERVICE, PGTZ, PGDATESTYLE and PGGEQO can't be overruled by one, the server's programs
read PGPORT, PGDATA and PGCLIENTENCODING, and the next libpq may know more of them.
"""

import os
import re

# How to log in and to protect the connection: a password does not belong into a URL, certificates are files of a
# machine. The last two only say where a service that the URL names is looked up.
KEPT_FOR_A_URL = re.compile(r"PG(PASSWORD|PASSFILE|SSL[A-Z]+|SERVICEFILE|SYSCONFDIR)")
LIBPQ_VARIABLE = re.compile(r"PG(?!DEX|_)[A-Z_]+")


def forget_libpq_variables(*, embedded: bool) -> None:
    """Remove libpq's variables from this process's environment (and so from what its children inherit).

    None counts for the embedded server; for another one only KEPT_FOR_A_URL do. To be called before a connection is
    made: the C library's environment is no place to change while another thread reads it, so only the first call
    changes anything.
    """
    for name in [name for name in os.environ if LIBPQ_VARIABLE.fullmatch(name)]:
        if embedded or not KEPT_FOR_A_URL.fullmatch(name):
            os.environ.pop(name, None)
