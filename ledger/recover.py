"""`python -m ledger.recover`: take back everything that is marked running.

For a service whose processes are all known to be gone, as when `limbeck up` has locked its home:
what a killed worker held need not wait for its lease.
"""

import structlog

from ledger.database import connect
from ledger.lifecycle.sweep import expire
from ledger.logs import configure
from ledger.settings import Settings

log = structlog.get_logger(__name__)


def main() -> None:
    """Put running jobs and chores back into the queue, or fail those that had their last attempt."""
    settings = Settings()
    configure(settings.log_format)
    sessions = connect(settings.database_url)
    with sessions.writing() as session:
        lanes = expire(session, retry_delay_s=0, all_held=True)
    sessions.dispose()
    if lanes:
        log.info("work_taken_back", lanes=lanes)


if __name__ == "__main__":
    main()
