"""What a probe has counted. It travels between processes, and adds up."""

from collections import Counter
from dataclasses import dataclass, field

from benchmarks.hammer.visitor import Answer


@dataclass
class Tally:
    """Counts of one probe on one storage; ``None`` is what the probe does not look for."""

    operations: int = 0
    lost: int | None = None
    revived: int | None = None
    wiped: int | None = None
    errors: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    """How it came to what should not be."""
    times: list[float] = field(default_factory=list)
    """Of each request, in milliseconds."""

    def see(self, answer: Answer) -> Answer:
        """Count the time, and any answer but a 200: nothing here is to be refused or redirected."""
        self.times.append(answer.ms)
        if answer.status != 200:
            self.errors[f"{answer.status or answer.page['error']}"] += 1
        return answer

    def __iadd__(self, other: "Tally") -> "Tally":
        self.operations += other.operations
        for name in ("lost", "revived", "wiped"):
            counts = [
                count for count in (getattr(self, name), getattr(other, name)) if count is not None
            ]
            setattr(self, name, sum(counts) if counts else None)
        self.errors += other.errors
        self.notes += other.notes
        self.times += other.times
        return self

    @property
    def broken(self) -> bool:
        """Whether something that is promised to be zero is not; a probe without operations is broken."""
        return any([self.lost, self.revived, self.wiped, self.errors, not self.operations])

    def percentile(self, share: float) -> float:
        """Return the time that this share of the requests took at most."""
        ordered = sorted(self.times)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0

    @property
    def summary(self) -> str:
        """Say in a line what was counted, and how it came to it."""
        counts = f"{self.operations} operations, lost {self.lost}, revived {self.revived}"
        return f"{counts}, wiped {self.wiped}, {dict(self.errors)} {dict(self.notes)}"
