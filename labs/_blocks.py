"""KV memory in blocks: how many are held, and which of those let go can still be found."""

import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence


class Blocks:
    """A pool of blocks of KV memory, some of which have an identity and can be found again.

    A block with an identity is held by as many as read it. Let go by all of them it stays, and is
    found again, until its room is needed: the one let go longest ago makes room first. A second
    block read under an identity that is here already has none.

    Parameters
    ----------
    count : float
        How many there are; infinite for no limit.

    Attributes
    ----------
    count : float
        How many there are.
    held : int
        How many are held now.

    Examples
    --------
    >>> pool = Blocks(2)
    >>> pool.take(1)
    >>> pool.name("a"), pool.find(["a", "b"]), pool.free
    (True, 1, 1)
    >>> pool.let_go(1, ["a"])
    >>> pool.find(["a"]), pool.free
    (1, 2)
    >>> pool.take(2)
    >>> pool.find(["a"])
    0
    """

    def __init__(self, count: float = math.inf) -> None:
        self.count = count
        self.held = 0
        self._readers: dict[Hashable, int] = {}
        self._idle: OrderedDict[Hashable, None] = OrderedDict()

    @property
    def free(self) -> float:
        """How many can be taken, those included that can still be found."""
        return self.count - self.held

    def take(self, count: int) -> None:
        """Hold some more blocks.

        Parameters
        ----------
        count : int
            How many; so many must be free.
        """
        self.held += count
        while self._idle and self.held + len(self._idle) > self.count:
            self._idle.popitem(last=False)

    def let_go(self, count: int, named: Sequence[Hashable] = ()) -> None:
        """Let blocks go.

        Parameters
        ----------
        count : int
            How many.
        named : sequence
            The identities of those among them that have one; the last is let go first.
        """
        self.held -= count - len(named)
        for identity in reversed(named):
            self._readers[identity] -= 1
            if not self._readers[identity]:
                del self._readers[identity]
                self.held -= 1
                self._idle[identity] = None

    def name(self, identity: Hashable) -> bool:
        """Give a block that was just taken its identity.

        Parameters
        ----------
        identity : hashable
            What it holds.

        Returns
        -------
        bool
            False where another block has it already.
        """
        if identity in self._readers or identity in self._idle:
            return False
        self._readers[identity] = 1
        return True

    def find(self, identities: Sequence[Hashable]) -> int:
        """Return how many of the first blocks are here, up to one that is not.

        Parameters
        ----------
        identities : sequence
            Of blocks, in order.

        Returns
        -------
        int
        """
        readers, idle = self._readers, self._idle
        for place, identity in enumerate(identities):
            if identity not in readers and identity not in idle:
                return place
        return len(identities)

    def idle(self, identities: Sequence[Hashable]) -> int:
        """Return how many of these blocks are here and held by nobody.

        Parameters
        ----------
        identities : sequence
            Of blocks.

        Returns
        -------
        int
        """
        return sum([identity in self._idle for identity in identities])

    def share(self, identities: Sequence[Hashable]) -> None:
        """Hold blocks that are here.

        Parameters
        ----------
        identities : sequence
            Those of the blocks.
        """
        for identity in identities:
            if identity in self._readers:
                self._readers[identity] += 1
            else:
                del self._idle[identity]
                self._readers[identity] = 1
                self.held += 1
