# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which policies were loaded in an episode, and which of them commanded the arm.

A policy node says both on latched topics, which every recording holds where there was such a node.
"""
from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.messages import BOOL
from vaa_ros.recording.messages import deserialize
from vaa_ros.recording.messages import DIAGNOSTIC_STATUS

ACTIVE, COMMANDING = 'policy/active_policy', 'policy/commanding'
TYPES = {ACTIVE: DIAGNOSTIC_STATUS, COMMANDING: BOOL}
UNNAMED = 'unknown policy'


@dataclass
class PolicySeen:
    """
    A policy that a policy node had loaded.

    :param name: its name.
    :param path: its file.
    :param sha256: the sum of that.
    :param commanded: whether it commanded the arm; None where nothing says so.
    """

    name: str = ''
    path: str = ''
    sha256: str = ''
    commanded: bool | None = None

    def __str__(self) -> str:
        return f'{self.name or UNNAMED} {self.sha256[:12]}'.strip()


class PolicyWatch:
    """
    Follows what a policy node says.
    """

    def __init__(self) -> None:
        self.seen: list[PolicySeen] = []
        self._now: PolicySeen | None = None
        self._commanding: bool | None = None

    @property
    def ran(self) -> list[PolicySeen]:
        """Give those that commanded the arm."""
        return [policy for policy in self.seen if policy.commanded]

    def take(self, topic: str, msgtype: str, data: bytes) -> None:
        """
        Look at a message of any topic.

        :param topic: where it came from.
        :param msgtype: its type.
        :param data: the serialised message (CDR); what cannot be read says nothing.
        """
        role = role_of(topic, msgtype)
        if not role:
            return
        try:
            message = deserialize(msgtype, data)
        except Exception:  # whatever a hostile message makes a parser raise
            return
        if role == COMMANDING:
            self._commanding = bool(message.data)
        else:
            told = {item.key: item.value for item in message.values}
            self._load(PolicySeen(*(told.get(key, '') for key in ('name', 'path', 'sha256'))))
        self._note()

    def known(self, metadata: EpisodeMetadata) -> EpisodeMetadata:
        """
        Fill in which policy drove, where nobody has said it.

        :param metadata: what is known of the episode.
        """
        if metadata.policy or not self.ran:
            return metadata
        last = self.ran[-1]
        told = {'name': last.name, 'path': last.path, 'sha256': last.sha256}
        return replace(metadata, policy=last.name or UNNAMED,
                       active_policy=metadata.active_policy or told)

    def warnings(self, metadata: EpisodeMetadata) -> list[str]:
        """
        Say that a policy drove, where nobody has said it.

        :param metadata: what was known at the start.
        """
        return [] if metadata.policy or not self.ran else [
            f'policy {", ".join(map(str, self.ran))} commanded the arm: this is no demonstration, '
            'and the metadata names it']

    def _load(self, policy: PolicySeen) -> None:
        facts = (policy.name, policy.path, policy.sha256)
        for item in self.seen:
            if (item.name, item.path, item.sha256) == facts:
                self._now = item
                return
        self._now = policy
        self.seen.append(policy)

    def _note(self) -> None:
        if self._commanding and self._now is None:
            self._load(PolicySeen())
        if self._now is not None and self._commanding is not None:
            self._now.commanded = bool(self._now.commanded) or self._commanding


def role_of(topic: str, msgtype: str) -> str:
    """
    Tell what a policy node says on a topic, '' for nothing.
    """
    return next((role for role, kind in TYPES.items()
                 if msgtype == kind and f'/{topic}'.endswith(f'/{role}')), '')


def policies_in(bag: BagReader) -> list[PolicySeen]:
    """
    List the policies of an episode, in the order in which they came.

    :param bag: an open bag.
    :raises BagError: if it is damaged.
    """
    watch = PolicyWatch()
    topics = [topic for topic, kind in bag.topics.items()
              if role_of(topic, kind) and bag.counts.get(topic)]
    for topic, _, data in bag.raw_messages(topics) if topics else ():
        watch.take(topic, bag.topics[topic], data)
    told = bag.metadata.active_policy if bag.metadata is not None else {}
    if told and not watch.seen:
        watch.seen.append(PolicySeen(*(str(told.get(key, '')) for key in (
            'name', 'path', 'sha256'))))
    return watch.seen
