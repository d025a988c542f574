"""All that a run measured; the page and the raw file are made of this."""

from dataclasses import asdict, dataclass, field

from .copies import Copies


@dataclass
class Results:
    facts: list = field(default_factory=list)
    clips: list = field(default_factory=list)  # names
    edits: list = field(default_factory=list)  # names
    copies: Copies = field(default_factory=Copies)
    outcomes: list = field(default_factory=list)  # recall.Outcome
    peer: object = None  # peer.Peer
    negatives: list = field(default_factory=list)  # negatives.Row
    unmade: dict = field(default_factory=dict)  # unrelated videos that could not be made: why
    packages: list = field(default_factory=list)  # stills.Package
    costs: list = field(default_factory=list)  # cost.Row

    def plain(self):
        """Everything, for JSON. No hash is in it."""
        return {
            "facts": self.facts, "clips": self.clips, "edits": self.edits,
            "not_made": [[*pair, why] for pair, why in sorted(self.copies.missing.items())],
            "given": self.copies.given,
            "recall": [outcome.plain() for outcome in self.outcomes],
            "vpdq": self.peer.plain() if self.peer else None,
            "negatives": [row.plain() for row in self.negatives],
            "unmade": self.unmade,
            "packages": [asdict(package) for package in self.packages],
            "cost": [asdict(row) for row in self.costs],
        }
