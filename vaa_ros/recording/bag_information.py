# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What rosbag2 says of a bag in its metadata.yaml.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcap.records import Channel
from mcap.records import Schema
import yaml

from vaa_ros.recording.messages import schema
from vaa_ros.recording.software import ros_distro
from vaa_ros.recording.sure_file import mcap_records

BAG_VERSION = 9
_FOREVER = {'sec': 9223372036, 'nsec': 854775807}


@dataclass(frozen=True)
class Description:
    """
    How a bag describes the messages of a topic.

    :param text: the definition of their type.
    :param digest: RIHS01 hash of the type, empty where it is not known.
    :param language: of the definition, for example ``ros2msg``.
    :param encoding: how the messages are serialised.
    """

    text: bytes
    digest: str = ''
    language: str = 'ros2msg'
    encoding: str = 'cdr'

    def records(self, schema_id: int, channel_id: int, topic: str, msgtype: str,
                details: dict[str, str]) -> bytes:
        """
        Give the description as it stands in an MCAP file.

        :param schema_id: number of the type there.
        :param channel_id: number of the topic there.
        :param topic: the topic.
        :param msgtype: name of the type.
        :param details: what else is known of the topic.
        :return: a schema and a channel.
        """
        return mcap_records([Schema(schema_id, self.text, self.language, msgtype),
                             Channel(channel_id, topic, self.encoding, details, schema_id)])


@dataclass
class BagTopic:
    """
    A topic of a bag.

    :param channel: its number in the MCAP file.
    :param msgtype: type of its messages.
    :param description: how its messages are described.
    :param qos: QoS profiles that its publishers offered.
    :param count: messages written.
    """

    channel: int
    msgtype: str
    description: Description
    qos: list[dict[str, Any]]
    count: int = 0


def qos_profile(reliability: str = 'reliable', durability: str = 'volatile',
                depth: int = 10) -> dict[str, Any]:
    """
    Describe an offered QoS profile as rosbag2 does.

    :param reliability: ``reliable`` or ``best_effort``.
    :param durability: ``volatile`` or ``transient_local``.
    :param depth: depth of the history.
    :return: values for metadata.yaml.
    """
    return {'history': 'keep_last', 'depth': depth, 'reliability': reliability,
            'durability': durability, 'deadline': dict(_FOREVER), 'lifespan': dict(_FOREVER),
            'liveliness': 'automatic', 'liveliness_lease_duration': dict(_FOREVER),
            'avoid_ros_namespace_conventions': False}


def describe(msgtype: str) -> Description:
    """
    Describe messages as rosbag2 does.

    :param msgtype: name of their type.
    :return: the description.
    :raises BagError: if the type is unknown.
    """
    text, digest = schema(msgtype)
    return Description(text.encode(), digest)


def information(file: str, topics: Mapping[str, BagTopic], start_ns: int, duration_ns: int,
                custom_data: Mapping[str, str]) -> dict[str, Any]:
    """
    Describe a bag of one MCAP file.

    :param file: name of the file.
    :param topics: what is in it.
    :param start_ns: time of the first message [ns].
    :param duration_ns: time from the first to the last one [ns].
    :param custom_data: what else is known of it.
    :return: values for metadata.yaml.
    """
    common = {'starting_time': {'nanoseconds_since_epoch': start_ns},
              'duration': {'nanoseconds': duration_ns},
              'message_count': sum(entry.count for entry in topics.values())}
    return {
        'version': BAG_VERSION, 'storage_identifier': 'mcap', **common,
        'topics_with_message_count': [
            {'topic_metadata': {'name': topic, 'type': entry.msgtype,
                                'serialization_format': entry.description.encoding,
                                'offered_qos_profiles': entry.qos,
                                'type_description_hash': entry.description.digest},
             'message_count': entry.count}
            for topic, entry in topics.items()],
        'compression_format': '', 'compression_mode': '', 'relative_file_paths': [file],
        'files': [{'path': file, **common}],
        'custom_data': dict(custom_data),
        'ros_distro': ros_distro(),
    }


def plain_yaml(values: object) -> str:
    """
    Write YAML as readers of rosbag2 want it.

    :param values: plain values.
    :return: the text, in the order of the values, repeated ones in full.
    """
    return yaml.dump(values, sort_keys=False, Dumper=_PlainDumper, allow_unicode=True)


class _PlainDumper(getattr(yaml, 'CSafeDumper', yaml.SafeDumper)):  # type: ignore[misc]
    """Writes repeated values in full: rosbag2 readers need no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True
