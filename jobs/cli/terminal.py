"""The terminal while something is drawn on it: keys leave no trace, and whoever else gets it finds it in order.

What is typed would be shown at the cursor, in the middle of a bar, and Enter would move what is erased by a line. So
nothing that is typed is shown; the shell gets it afterwards. Ctrl-Z and a signal that ends the process give the
terminal back first.
"""

import os
import signal
import termios
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

HIDE_CURSOR = "\x1b[?25l"
SHOW_CURSOR = "\x1b[?25h"
LOCAL_FLAGS = 3  # where termios keeps ECHO
ENDING = (signal.SIGTERM, signal.SIGHUP)


class HeldTerminal:
    """Within a `with` block on the main thread, the terminal of `descriptor` shows no key.

    `leave` is called before it is given back: at the end, when the process is stopped (Ctrl-Z), and when SIGTERM or
    SIGHUP end it. It has to erase what is drawn.
    """

    def __init__(self, descriptor: int, *, leave: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._leave = leave
        self._found: list[object] | None = None

    def __enter__(self) -> Self:
        for number in (signal.SIGTSTP, *ENDING):
            self._handle(number)
        self._silence()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_back()
        for number in (signal.SIGTSTP, *ENDING):
            if signal.getsignal(number) == self._interrupted:
                signal.signal(number, signal.SIG_DFL)

    def may_draw(self) -> bool:
        """Whether this process has the terminal: not while the shell runs it in the background (`&`, `bg`)."""
        if self._is_ours():
            self._silence()
            return True
        return False

    def _is_ours(self) -> bool:
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # not the terminal of this session
            return True

    def _handle(self, number: int) -> None:
        # Whoever ignores or handles it (nohup) has a reason.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, self._interrupted)

    def _interrupted(self, number: int, _frame: FrameType | None) -> None:
        self._give_back()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Only Ctrl-Z comes back from there: with `fg`, or with `bg`.
        self._handle(number)
        self._silence()

    def _silence(self) -> None:
        if self._found is not None or not self._is_ours():
            return
        with suppress(termios.error):
            self._found = termios.tcgetattr(self._descriptor)
            silent = list(self._found)
            flags = silent[LOCAL_FLAGS]
            assert isinstance(flags, int)
            silent[LOCAL_FLAGS] = flags & ~termios.ECHO
            termios.tcsetattr(self._descriptor, termios.TCSANOW, silent)  # type: ignore[arg-type]  # as it came from there

    def _give_back(self) -> None:
        if not self._is_ours():  # setting it from the background would stop this process
            return
        self._leave()
        if self._found is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._found)  # type: ignore[arg-type]  # as above
            self._found = None
