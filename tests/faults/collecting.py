"""`python -P -m tests.faults.collecting`: collects garbage without rest, as hastily as leases run out."""

import time

from ledger import blobs
from ledger.database import connect
from ledger.errors import DatabaseBusy, StoreUnavailable
from ledger.files import Store
from ledger.settings import Settings

GRACE_S = 2.0


def main() -> None:
    """Until it is killed."""
    blobs.ADOPT_AFTER_S = GRACE_S
    settings = Settings()
    sessions = connect(settings.database_url, pool_size=1)
    store = Store(settings.store_url)
    while True:
        try:
            blobs.collect(sessions, store, grace_s=GRACE_S)
        except (DatabaseBusy, StoreUnavailable):
            continue
        finally:
            time.sleep(0.2)


if __name__ == "__main__":
    main()
