# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Errors that a person can act on.

Every message names the file, topic or field, what was found, what was expected and what to do.
"""
from __future__ import annotations

from collections.abc import Iterable
import difflib


class VaaError(Exception):
    """
    Base of every error that vaa_ros raises on purpose.

    Command lines print it as one line; anything else is a bug and shows its traceback.
    """


class SpecError(VaaError):
    """A policy spec or robot description is malformed or does not fit the other side."""


class ModelError(VaaError):
    """A model file cannot be loaded, or gives an answer that must not be used."""


class LateError(VaaError):
    """A policy took too long to answer."""


class BagError(VaaError):
    """A bag cannot be read or written."""


class StillWritingError(BagError):
    """An episode has ended, and the disk has not taken all of it yet."""


class DatasetError(VaaError):
    """A dataset is missing, malformed or empty."""


class ConfigError(VaaError):
    """A configuration file or option has an unknown key or a value out of range."""


class ImageError(VaaError):
    """An image message does not hold the picture that its header promises."""


class ExportError(VaaError):
    """A model could not be exported, or the export does not agree with the original."""


class InstructionError(VaaError):
    """An instruction that nobody knows, or none where one is needed."""


class SimulationError(VaaError):
    """The simulator cannot start or was given a command that it must refuse."""


class EpisodeError(VaaError):
    """An episode cannot be started, ended or recorded again now."""


class RosError(VaaError):
    """The ROS graph is not what the node needs."""


def unknown_name(kind: str, name: object, available: Iterable[object]) -> VaaError:
    """
    Make the error for a name that does not exist.

    :param kind: what was looked for, for example ``'task'``.
    :param name: what was asked for.
    :param available: every name that exists.
    :return: a :class:`ConfigError` that lists what is available and the nearest match.
    """
    names = sorted(str(item) for item in available)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f' Did you mean {near[0]!r}?' if near else ''
    listed = ', '.join(names) or 'none'
    return ConfigError(f'unknown {kind} {str(name)!r}.{hint} Available: {listed}')
