"""ClickHouse's engine (the module chdb) behind the HTTP interface of its server, for tests.

It takes what the server takes: a statement in `query`, or else as the body, `param_NAME` for its bound values,
`default_format`, `database`, `query_id`, settings by their names, user and password in headers; and answers as the server
does, with the code of an error in a header and the count of rows that were read in another.

What it does not imitate: statements run one at a time, so that none can be seen or ended while it runs; `input()` reads the
body from a file, into which it was put whole; the answer is always made before it is sent; nothing is compressed; there is
one user, who may do everything; time limits are passed on to the engine and not kept here.

`POST /fault?kind=KIND` readies the next insert of events for a mishap: `drop` breaks the connection before anything is done,
`lose` does the insert and breaks the connection without an answer, `late` breaks it and does the insert when `POST /go`
comes, whose answer says how that went, `full` refuses it as a server does whose disk is full, `pass` lets it be. `POST /fault?kind=deaf` breaks
every connection from then on, and `kind=well` ends that.

Usage: clickhouse.py FOLDER PORT USER PASSWORD; the port is written to standard output once it listens. It ends when its
standard input does.
"""

import os
import re
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb import session

FOLDER, PORT, USER, PASSWORD = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
# What belongs to the interface, not to the engine.
NO_SETTINGS = {"query", "query_id", "database", "default_format", "wait_end_of_query", "mutations_sync", "alter_sync"}
ENGINE = session.Session(os.path.join(FOLDER, "engine"))
ENGINE.query("SET mutations_sync = 2, alter_sync = 2")
ENGINE.query("SET session_timezone = 'UTC'")
ONE_AT_A_TIME = threading.Lock()
FAULTS, LATE, SET = [], [], {}
KNOWN = set(str(ENGINE.query("SELECT name FROM system.settings", "TSV")).split())


class Refused(Exception):
    def __init__(self, code, words, status=500):
        super().__init__(words)
        self.code, self.words, self.status = code, words, status


def run(fields, body):
    """Runs one statement; gives bytes and the number of rows that were read."""
    sql = fields.get("query") or body.decode("utf-8", "surrogateescape")
    params = {name[len("param_"):]: value for name, value in fields.items() if name.startswith("param_")}
    with ONE_AT_A_TIME:
        use(fields.get("database", "default"))
        # A setting holds for its request alone.
        for name in [name for name in SET if name != "database" and name not in fields]:
            ask(f"SET {name} = DEFAULT")
            del SET[name]
        for name, value in fields.items():
            if name in NO_SETTINGS or name.startswith("param_"):
                continue
            if name not in KNOWN:
                raise Refused(115, f"Setting {name} is neither a builtin setting nor started with the prefix. (UNKNOWN_SETTING)", 404)
            set_to(name, value)
        with tempfile.NamedTemporaryFile(dir=FOLDER, suffix=".rows") as rows:
            # An insert brings its rows in the body.
            if fields.get("query"):
                rows.write(body)
                rows.flush()
                sql = with_rows(sql, rows.name)
            return ask(sql, fields.get("default_format", "TabSeparated"), params)


def use(database):
    if not re.fullmatch(r"[a-z0-9_]+", database):
        raise Refused(81, f"Database {database} does not exist. (UNKNOWN_DATABASE)", 404)
    if SET.get("database") != database:
        ask(f"USE {database}")
        SET["database"] = database


def set_to(name, value):
    if SET.get(name) != value:
        ask(f"SET {name} = '{value}'")
        SET[name] = value


def with_rows(sql, path):
    """The statement, reading from a file what the server would read from the request's body."""
    plain, found = re.subn(r"\s+FORMAT\s+RowBinary\s*$", "", sql)
    if not found:
        return sql
    read, found = re.subn(r"\binput\('", f"file('{path}', 'RowBinary', '", plain, count=1)
    return read if found else f"{plain} FROM INFILE '{path}' FORMAT RowBinary"


def ask(sql, form="TabSeparated", params=None):
    try:
        result = ENGINE.query(sql, form, params=params or {})
    except Exception as error:
        words = str(error)
        code = re.search(r"Code: (\d+)\.", words)
        code = int(code.group(1)) if code else 1002
        raise Refused(code, words, {60: 404, 81: 404}.get(code, 500)) from error
    return bytes(result.bytes() or b""), result.storage_rows_read()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer goes as one piece: in two, the second waits for the first's receipt.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = self.chunks()
        place = urlsplit(self.path)
        # Bytes that are no text stay what they are.
        fields = dict(parse_qsl(place.query, keep_blank_values=True, errors="surrogateescape"))
        if place.path == "/fault":
            return self.ready(fields["kind"])
        if place.path == "/go":
            return self.answer(*LATE.pop(0))
        if "deaf" in FAULTS:
            return self.hang_up()
        if (self.headers.get("X-ClickHouse-User"), self.headers.get("X-ClickHouse-Key")) != (USER, PASSWORD):
            return self.refuse(Refused(516, "Authentication failed. (AUTHENTICATION_FAILED)", 403))
        is_insert = fields.get("query", "").startswith("INSERT INTO events")
        match FAULTS.pop(0) if is_insert and FAULTS else None:
            case "drop":
                self.hang_up()
            case "lose":
                run(fields, body)
                self.hang_up()
            case "late":
                LATE.append((fields, body))
                self.hang_up()
            case "full":
                self.refuse(Refused(243, "Cannot reserve 1.00 MiB. (NOT_ENOUGH_SPACE)"))
            case _:
                self.answer(fields, body)

    def chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def ready(self, kind):
        FAULTS.clear() if kind == "well" else FAULTS.append(kind)
        self.reply(200, b"", [])

    def answer(self, fields, body):
        try:
            rows, read = run(fields, body)
            self.reply(200, rows, [("X-ClickHouse-Summary", f'{{"read_rows":"{read}","written_rows":"0"}}')])
        except Refused as error:
            self.refuse(error)

    def refuse(self, error):
        self.reply(error.status, error.words.encode(), [("X-ClickHouse-Exception-Code", str(error.code))])

    def hang_up(self):
        self.close_connection = True

    def reply(self, status, body, headers):
        self.send_response(status)
        for name, value in headers + [("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # As long as the next program needs to take the same port again.
    allow_reuse_address = True


server = Server(("127.0.0.1", PORT), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
# The engine is not asked to end well: a server that is killed is not either.
os._exit(0)
