"""What one Celery worker is."""

from dataclasses import dataclass

from ledger.settings import Settings
from ledger.states import Lane
from worker.sandbox import Sandbox


@dataclass(frozen=True)
class Crew:
    """Its name, the lanes that it serves, and its slots."""

    settings: Settings
    name: str
    lanes: tuple[Lane, ...]
    sandbox: Sandbox

    @property
    def slots(self) -> int:
        return self.settings.concurrency

    def lanes_of(self, slot: int) -> tuple[str, ...]:
        """The lanes of one slot: that of the GPU jobs only where it owns a GPU."""
        return tuple(lane for lane in self.lanes if lane != Lane.GPU or self.device_of(slot) is not None)

    def device_of(self, slot: int) -> str | None:
        """The GPU of one slot. Slots beyond the last GPU have none."""
        devices = self.settings.devices if Lane.GPU in self.lanes else []
        return devices[slot] if slot < len(devices) else None
