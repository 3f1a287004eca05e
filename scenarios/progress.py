"""What a person sees while cells run: on standard error, live on a terminal and as plain lines elsewhere."""

import sys
import time
from typing import Any, Protocol


class Progress(Protocol):
    """Told by the runner what happens, in this order: begin, then steps, cells and notes, then end."""

    def begin(self, planned: int, done: int) -> None: ...
    def step(self, text: str) -> None: ...
    def cell(self, done: int, failed: int) -> None: ...
    def note(self, text: str) -> None: ...
    def end(self) -> None: ...


class SilentProgress:
    """Shows nothing: for use from Python."""

    def begin(self, planned: int, done: int) -> None: ...
    def step(self, text: str) -> None: ...
    def cell(self, done: int, failed: int) -> None: ...
    def note(self, text: str) -> None: ...
    def end(self) -> None: ...


class Clock:
    """Time spent, and time left as the mean of this session's cells promises."""

    def __init__(self, planned: int, done: int):
        self.start = time.monotonic()
        self.planned, self.before, self.done = planned, done, done

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    def left(self) -> float | None:
        """Seconds to go, None until a cell has been seen."""
        seen = self.done - self.before
        return None if seen <= 0 else self.elapsed_at_last_cell / seen * (self.planned - self.done)

    def cell(self, done: int) -> None:
        """Take note that ``done`` cells are over."""
        self.done, self.elapsed_at_last_cell = done, self.elapsed()


class PlainProgress:
    """One line per finished cell, for logs and pipes."""

    def begin(self, planned: int, done: int) -> None:
        self.clock = Clock(planned, done)
        self._line(f"{done}/{planned} cells" + (" already done" if done else ""))

    def step(self, text: str) -> None: ...

    def cell(self, done: int, failed: int) -> None:
        self.clock.cell(done)
        left = self.clock.left()
        tail = f", {failed} failed" if failed else ""
        tail += f", {duration(left)} left" if left else ""
        self._line(f"{done}/{self.clock.planned} cells, {duration(self.clock.elapsed())}{tail}")

    def note(self, text: str) -> None:
        self._line(text)

    def end(self) -> None: ...

    def _line(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class RichProgress:
    """A bar with cells done, the step in hand, time spent and time left."""

    def begin(self, planned: int, done: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.clock = Clock(planned, done)
        self.live = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("cells"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[step]}", style="dim", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self.live.start()
        self.task: Any = self.live.add_task("", total=planned, completed=done, left="", step="starting")

    def step(self, text: str) -> None:
        self.live.update(self.task, step=text, left=self._left())

    def cell(self, done: int, failed: int) -> None:
        self.clock.cell(done)
        self.live.update(self.task, completed=done, left=self._left())
        if failed:
            self.live.update(self.task, step=f"{failed} failed")

    def note(self, text: str) -> None:
        self.live.console.print(text, style="yellow", markup=False, highlight=False)

    def end(self) -> None:
        self.live.stop()

    def _left(self) -> str:
        left = self.clock.left()
        return f"{duration(left)} left" if left else ""


def duration(seconds: float) -> str:
    """``"7 s"``, ``"2 min 5 s"``, ``"3 h 20 min"``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if seconds >= 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def for_terminal() -> Progress:
    """A live bar where standard error is a terminal, plain lines elsewhere."""
    return RichProgress() if sys.stderr.isatty() else PlainProgress()
