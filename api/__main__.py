"""`python -m api [--host H --port N | --uds PATH | --fd N]`: serve the API until SIGTERM."""

import argparse
import signal
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from ledger import logs
from ledger.database import connect
from ledger.files import Store
from ledger.queue import Doorbell
from ledger.settings import Settings

_GRACE_S = 3
"""How long requests may take to end after SIGTERM; `limbeck up` stops as a whole within 15 s."""


class Server(uvicorn.Server):
    """Lets waiting requests go at once when told to stop, instead of waiting with them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        app: FastAPI = self.config.app  # type: ignore[assignment]  # ours, not any ASGI app
        app.state.house.watch.close_soon()
        super().handle_exit(sig, frame)


def main() -> None:
    """Read the settings, open what the API stands on, serve."""
    parser = argparse.ArgumentParser(prog="python -m api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--uds", help="serve on this unix socket instead of host and port")
    parser.add_argument("--fd", type=int, help="serve on this open socket, which a launcher holds")
    arguments = parser.parse_args()

    settings = Settings()
    logs.configure(settings.log_format)
    _end_in_good_order_on_sigterm()
    sessions = connect(settings.database_url)
    doorbell = Doorbell(settings.broker_url)
    app = create_app(sessions, Store(settings.store_url, settings.store_options), doorbell, settings)
    config = uvicorn.Config(
        app,
        host=arguments.host,
        port=arguments.port,
        uds=arguments.uds,
        fd=arguments.fd,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    try:
        Server(config).run()
    finally:
        doorbell.close()
        sessions.dispose()


def _end_in_good_order_on_sigterm() -> None:
    """uvicorn raises the signal once more when it is done; that must not cut off what comes after."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


if __name__ == "__main__":
    main()
