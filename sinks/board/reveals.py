"""Reads of identities, beside everything else: a slow register keeps nobody from their offers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sinks.board.context import BoardContext, IdentityUnavailable, Reveal, RevealedPerson

MOST_AT_ONCE = 4
"""Offers whose people are read at a time; a read that hangs keeps its place, so there are never more threads."""


class Reveals:
    """Asks the identity register, in threads of its own, and for so long only.

    Args:
        context: its `reveal` and `reveal_within_s` are used.
    """

    def __init__(self, context: BoardContext) -> None:
        self._context = context
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "reveal")

    async def who(
        self, reveal: Reveal, persons: Sequence[str], reader: str, purpose: str
    ) -> list[RevealedPerson | None]:
        """Who they are, each read logged by the register; None for whom it does not know.

        A read that comes too late is shown to nobody, but may be in the log.

        Raises:
            IdentityUnavailable: the register does not answer, or not in time.
        """

        def read() -> list[RevealedPerson | None]:
            return [reveal(person, reader, purpose) for person in persons]

        asked = asyncio.get_running_loop().run_in_executor(self._threads, read)
        try:
            return await asyncio.wait_for(asked, self._context.reveal_within_s)
        except TimeoutError:
            raise IdentityUnavailable("the identity register does not answer in time") from None
