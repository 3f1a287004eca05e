"""What the shield may say of a command: vetoes, and the mode it is in."""

import enum


class Veto(enum.IntFlag):
    """Why what is delivered is not what was asked for; the bits of ``Verdict.vetoes``.

    The first group cuts a request down, the second is faults, which latch, and the last says that no new command
    arrived (the previous one is held) and that a fault is latched (the fall-back is in force).
    """

    POLARITY = 1 << 0  # a negative request where the profile has one polarity
    AMPLITUDE = 1 << 1
    DENSITY = 1 << 2  # charge density of a phase
    SHANNON = 1 << 3
    TOTAL = 1 << 4  # sum over the contacts
    SLEW = 1 << 5
    DUTY = 1 << 6
    ON_TIME = 1 << 7  # seconds of stimulation a day
    DOSE = 1 << 8  # charge a day
    WIDTH = 1 << 9
    RATE = 1 << 10

    MALFORMED = 1 << 16  # not finite, or of the wrong kind or shape
    STALE = 1 << 17  # the newest sample is too old, or its age unknown
    SENSOR = 1 << 18  # samples that are not finite
    WATCHDOG = 1 << 19  # no command for too long
    CLOCK = 1 << 20  # the tick repeats, or goes back
    AUDIT = 1 << 21  # the audit could not be written
    TRIPPED = 1 << 22  # stopped by hand

    HELD = 1 << 28
    LATCHED = 1 << 29


FAULTS = Veto.MALFORMED | Veto.STALE | Veto.SENSOR | Veto.WATCHDOG | Veto.CLOCK | Veto.AUDIT | Veto.TRIPPED


class Mode(enum.IntEnum):
    ARMED = 0  # requests pass, within the limits
    FALLBACK = 1  # a fault is latched; nothing but a re-arm leads out
    REARMING = 2  # re-armed by hand; still the fall-back, until enough good windows have been seen
