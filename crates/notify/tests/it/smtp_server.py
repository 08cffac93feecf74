"""A real SMTP server (aiosmtpd) for the tests: smtp_server.py MODE FOLDER CERTIFICATE KEY

MODE is plain, starttls or tls. It prints its port, and writes each mail it takes to a file of FOLDER. The login is
"gate" with the password "right". Who begins with "later" is turned away once; who begins with "never", always.
"""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

mode, folder, certificate, key = sys.argv[1:5]
turned_away = set()
taken = 0


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("never"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later") and address not in turned_away:
            turned_away.add(address)
            return "451 4.7.1 come again"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        global taken
        taken += 1
        head = f"X-Known-As: {session.auth_data}\r\nX-To: {' '.join(envelope.rcpt_tos)}\r\n".encode()
        part = pathlib.Path(folder, f"{taken}.part")
        part.write_bytes(head + envelope.content)
        part.rename(pathlib.Path(folder, f"{taken}.eml"))
        return "250 2.0.0 taken"


def known(server, session, envelope, mechanism, given):
    is_right = given.login == b"gate" and given.password == b"right"
    return AuthResult(success=is_right, handled=False, auth_data="gate" if is_right else None)


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made


def connection():
    return SMTP(
        Handler(),
        hostname="mail.larkfield.test",
        tls_context=context() if mode == "starttls" else None,
        require_starttls=mode == "starttls",
        authenticator=known,
        auth_required=mode != "plain",
        auth_require_tls=mode == "starttls",
    )


async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=context() if mode == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(serve())
