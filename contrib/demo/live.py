# SPDX-License-Identifier: GPL-2.0-or-later
"""An act as it goes by: a chart redrawn in place on a terminal, lines anywhere else."""

import atexit
import collections.abc
import dataclasses
import os
import shutil
import sys
import termios
import textwrap

_STATUS_EVERY = 5  # seconds, where lines are written
_SENTENCES = 3


@dataclasses.dataclass(frozen=True)
class Scene:
    """What a chart is made of. A look has `at`, `use` (what the glyph of each node shows) and `sentences`."""

    groups: list  # of names of nodes
    glyphs: dict  # use: (glyph, ASCII, colour, meaning)
    status: collections.abc.Callable  # of a look: (label, what holds now) for each line of it
    status_lines: int

    @property
    def lines(self):
        return sum(len(group) + 1 for group in self.groups) + 2 + self.status_lines + 2 * _SENTENCES

    @property
    def label(self):
        """How wide the nodes' names are."""
        return max(4, *(len(node) for group in self.groups for node in group))


def make(scenes, out=sys.stdout):
    """The view that fits where the output goes."""
    size = shutil.get_terminal_size((80, 24))
    fits = size.columns >= 60 and size.lines > max(scene.lines for scene in scenes)
    return Chart(out) if out.isatty() and fits and os.environ.get("TERM") != "dumb" else Lines(out)


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Lines:
    """A line for each event, and one with the state every few seconds."""

    def __init__(self, out):
        self._out, self._due, self._scene = out, 0.0, None

    def stage(self, text):
        print(text, file=self._out, flush=True)

    def say(self, text):
        """Something that stays."""
        self.stage(f"\n{text}")

    def begin(self, scene, title, about, seconds):
        self._due, self._scene = 0.0, scene
        self.stage(f"\n{title}, {about}; about {seconds:.0f} s")

    def show(self, seen):
        for event, text in seen.sentences:
            self.stage(f"{clock(seen.at):>5}  {event:<8} {text}")
        if seen.at >= self._due:
            self._due = seen.at + _STATUS_EVERY
            row = " ".join("".join(self._scene.glyphs[seen.use[node]][1] for node in group)
                           for group in self._scene.groups)
            for label, text in self._scene.status(seen):
                text = text if label else f"{row}  {text}"
                self.stage(f"{clock(seen.at):>5}  {label or 'nodes':<8} {text}")

    def end(self):
        pass

    def close(self):
        pass


class Chart:
    """A row a node, a column a slice of the time; the finished chart stays above."""

    def __init__(self, out):
        self._out, self._drawn, self._history, self._sentences = out, 0, [], []
        self._unicode = "utf" in (out.encoding or "").lower()
        self._saved = None
        self._scene, self._title, self._length = None, "", 1
        try:
            self._saved = termios.tcgetattr(0)
            quiet = termios.tcgetattr(0)
            quiet[3] &= ~termios.ECHO
            termios.tcsetattr(0, termios.TCSANOW, quiet)
        except (termios.error, OSError):
            pass
        self._write("\x1b[?25l")
        atexit.register(self.close)

    def stage(self, text):
        """One passing line, such as a step of the lab's start."""
        self._draw([self._cut(text)])

    def say(self, text):
        """Something that stays."""
        self._clear()
        self._write(text + "\n\n")

    def begin(self, scene, title, about, seconds):
        self._clear()
        self._history, self._sentences, self._length = [], [], seconds
        self._scene, self._title = scene, f"{title}: {about}"

    def show(self, seen):
        self._history.append(seen)
        self._sentences += [(seen.at, *sentence) for sentence in seen.sentences]
        self._draw(self._chart(seen))

    def end(self):
        """Lets the chart stay where it is, without what held at the last look only."""
        if self._history:
            lines = self._chart(self._history[-1])
            self._draw(lines[:len(lines) - self._scene.status_lines - 2 * _SENTENCES])
        self._write("\n")
        self._drawn, self._history = 0, []

    def close(self):
        """Gives the terminal back as it was."""
        if self._out:
            if not self._history:
                self._clear()  # a passing line
            self._write("\x1b[?25h")
            if self._saved:
                termios.tcsetattr(0, termios.TCSADRAIN, self._saved)
            self._out = None

    # Drawing

    def _chart(self, seen):
        width = shutil.get_terminal_size((80, 24)).columns - 1
        label = self._scene.label
        room = width - label - 2
        span = max(self._length, seen.at)
        cells = [None] * room
        for look in self._history:
            cells[min(room - 1, int(look.at / span * room))] = look
        last = min(room - 1, int(seen.at / span * room))
        for index in range(1, last + 1):
            cells[index] = cells[index] or cells[index - 1]
        past = f"{clock(seen.at)} of {clock(self._length)}"
        if seen.at > self._length:
            past = f"{clock(seen.at)}, finishing"
        title = self._cut(self._title, width - len(past) - 2)
        lines = [title + past.rjust(width - len(title)), ""]
        for group in self._scene.groups:
            for node in group:
                lines.append(f" {node:<{label}} " + self._strip(node, cells))
            lines.append("")
        lines[-1] = self._legend()
        lines += [self._cut(f" {name}: {text}" if name else f" {text}", width)
                  for name, text in self._scene.status(seen)]
        said = []
        for at, _, text in reversed(self._sentences[-_SENTENCES:]):
            wrapped = textwrap.wrap(f"{clock(at)} {text}", width - 2, subsequent_indent="     ",
                                    max_lines=2, placeholder=" ...")
            said += [f" {line}" for line in wrapped]
        return lines + said + [""] * (2 * _SENTENCES - len(said))

    def _strip(self, node, cells):
        """A node's row, one escape sequence for each stretch of the same use."""
        text, before = "", None
        for look in cells:
            use = look.use[node] if look else None
            if use != before:
                text += "\x1b[0m" + (f"\x1b[{self._scene.glyphs[use][2]}m" if use else "")
                before = use
            text += self._glyph(use) if use else " "
        return text + "\x1b[0m"

    def _glyph(self, use):
        return self._scene.glyphs[use][0 if self._unicode else 1]

    def _legend(self):
        return " " + "  ".join(f"\x1b[{colour}m{self._glyph(use)}\x1b[0m {meaning}"
                               for use, (_, _, colour, meaning) in self._scene.glyphs.items())

    @staticmethod
    def _cut(text, width=None):
        width = width or shutil.get_terminal_size((80, 24)).columns - 1
        return text if len(text) <= width else text[:width - 3] + "..."

    def _clear(self):
        self._draw([])

    def _draw(self, lines):
        """Puts the lines where the last ones were, in one write so that nothing flickers."""
        up = f"\x1b[{self._drawn}A\r" if self._drawn else ""
        self._write(up + "".join(line + "\x1b[K\n" for line in lines) + "\x1b[J")
        self._drawn = len(lines)

    def _write(self, text):
        if self._out:
            self._out.write(text)
            self._out.flush()
