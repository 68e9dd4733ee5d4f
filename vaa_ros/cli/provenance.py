# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From a model to the recordings that it was learned from, and from a recording to its policies.

Recordings, datasets and models are found again by their SHA-256 sums, wherever they were moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import hashlib
from pathlib import Path
from typing import Any

from vaa_ros.cli.output import table
from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.paths import share_dir

SHORT = 12
"""Digits of a sum that are shown."""


class Place:
    """
    Folders in which recordings, datasets and models are looked for.

    :param folders: the folders, with what is below them; models of the package are always known.
    :raises VaaError: if one does not exist.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        for folder in folders:
            if not folder.is_dir():
                raise VaaError(f'--follow {folder}: there is no such folder')
        self._folders = list(folders)

    def bags(self) -> Iterator[Path]:
        """Find recordings; their files are not opened."""
        for folder in self._folders:
            yield from sorted({file.parent for file in folder.rglob('metadata.yaml')})

    def models(self) -> Iterator[Path]:
        """Find model files."""
        seen = set()
        for folder in (*self._folders, share_dir() / 'models'):
            for path in sorted(folder.rglob('*.onnx')):
                if path.resolve() not in seen:
                    seen.add(path.resolve())
                    yield path

    def datasets(self) -> Iterator[Path]:
        """Find datasets."""
        for folder in self._folders:
            yield from sorted(file.parent for file in folder.rglob('dataset.json'))


def follow_model(spec: Mapping[str, Any], place: Place) -> list[dict[str, object]]:
    """
    Print which recordings a model was learned from, and where they are.

    :param spec: the model's spec.
    :param place: where to look.
    :return: the same for machines.
    """
    provenance = spec.get('provenance') or {}
    wanted = provenance.get('bags')
    if not wanted:
        print('\nThe model does not list its recordings: it was made before models did')
        return []
    there = {sha256: path for path in place.bags() if (sha256 := _bag_sum(path)) in wanted}
    rows = [{'sha256': sha256, 'bag': there.get(sha256), **_driver(there.get(sha256))}
            for sha256 in wanted]
    print(f'\nlearned from {len(wanted)} recordings, {len(there)} of them found:')
    print(table([(row['sha256'][:SHORT], row['bag'], row['operator'], row['policy'])
                 for row in rows], header=('sha256', 'recording', 'operator', 'policy')))
    return rows


def follow_bag(path: Path, place: Place) -> dict[str, object]:
    """
    Print which policies were loaded and ran in a recording, and what was learned from it.

    :param path: the recording.
    :param place: where to look.
    :return: the same for machines.
    """
    from vaa_ros.recording.bag_reader import BagReader
    from vaa_ros.recording.policies_seen import policies_in
    with BagReader(path) as bag:
        seen, drove = policies_in(bag), bool(bag.metadata and bag.metadata.policy)
    sha256 = _bag_sum(path)
    sums = {model: hashlib.sha256(model.read_bytes()).hexdigest()
            for model in place.models()} if seen else {}
    policies = [{'name': policy.name, 'path': policy.path, 'sha256': policy.sha256,
                 'ran': drove if policy.commanded is None else policy.commanded,
                 'files': [model for model, known in sums.items() if known == policy.sha256]}
                for policy in seen]
    learned = [model for model in place.models()
               if sha256 in (_spec(model).get('provenance', {}).get('bags') or ())]
    datasets = [folder for folder in place.datasets() if sha256 in _bags_of(folder)]
    rows: list[tuple[str, object]] = [('sha256', sha256)]
    for told, policy in zip(policies, seen, strict=True):
        rows.append((f'policy that {"ran" if told["ran"] else "was loaded"}', policy))
        rows += [('  is', model) for model in told['files']] or [('  is', 'not found')]
    if not seen:
        rows.append(('policy that ran', 'none'))
    rows += [('in the dataset', folder) for folder in datasets]
    rows += [('the model learned from it', model) for model in learned]
    print()
    print(table(rows))
    return {'sha256': sha256, 'policies': policies, 'datasets': datasets, 'models': learned}


def follow_dataset(episodes: Sequence[Mapping[str, Any]], place: Place) -> list[dict[str, object]]:
    """
    Print where the recordings of a dataset are, and which policies ran in them.

    :param episodes: what the dataset tells of its episodes.
    :param place: where to look.
    :return: the same for machines.
    """
    return follow_model({'provenance': {'bags': list(dict.fromkeys(
        str(item.get('sha256')) for item in episodes))}}, place)


def _driver(path: Path | None) -> dict[str, str]:
    if path is None:
        return {'operator': '', 'policy': 'not found'}
    from vaa_ros.recording.bag_reader import BagReader
    from vaa_ros.recording.policies_seen import policies_in
    try:
        with BagReader(path) as bag:
            known, seen = bag.metadata, policies_in(bag)
    except BagError as error:
        return {'operator': '', 'policy': str(error)}
    if known is None:
        return {'operator': '', 'policy': ''}
    ran = [str(policy) for policy in seen
           if (bool(known.policy) if policy.commanded is None else policy.commanded)]
    return {'operator': known.operator, 'policy': ', '.join(ran) or known.policy}


def _bag_sum(path: Path) -> str:
    from vaa_ros.recording.bag_reader import bag_hash
    return bag_hash(path)


def _spec(model: Path) -> Mapping[str, Any]:
    from vaa_ros.cli.policy_run import policy_spec
    try:
        spec = policy_spec(str(model))
    except VaaError:
        return {}  # no model of ours, or a damaged one: it says nothing of what it learned from
    return spec.to_dict() if spec is not None else {}


def _bags_of(folder: Path) -> set[str]:
    from vaa_ros.learning.frames import read_description
    try:
        return {str(item.get('sha256')) for item in read_description(folder)['episodes']}
    except VaaError:
        return set()
