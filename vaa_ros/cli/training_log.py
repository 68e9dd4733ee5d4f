# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The figures of a training run, read without torch and sorted into curves for the report."""

from __future__ import annotations

from collections.abc import Sequence
import json
from pathlib import Path
from typing import Any

from vaa_ros.core.errors import ModelError

Curves = dict[str, dict[str, tuple[list[float], list[float]]]]

PANELS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    ('loss while training', (
        ('train', 'loss', 'whole loss'), ('train', 'align', 'alignment'),
        ('train', 'nll', 'negative log-likelihood'))),
    ('cloning and reconstruction while training', (
        ('train', 'cloning', 'cloning'), ('train', 'reconstruct', 'reconstruction'),
        ('train', 'l1', 'absolute error'))),
    ('cosine and temperature while training', (
        ('train', 'cosine', 'cosine, matched'), ('train', 'temperature', 'temperature'))),
    ('learning rate', (('train', 'learning_rate', 'learning rate'),)),
    ('norm of the gradient', (('train', 'gradient', 'gradient'),)),
    ('time spent waiting for data', (('train', 'data_wait', 'fraction of the time'),)),
    ('weight of the alignment loss', (('train', 'align_weight', 'weight'),)),
    ('cloning loss on held-out episodes', (
        ('held_out', 'nll', 'negative log-likelihood'), ('held_out', 'l1', 'absolute error'))),
    ('action error, held out [rad or m]', (
        ('held_out', 'first_l1', 'first step'), ('held_out', 'chunk_l1', 'whole chunk'),
        ('held_out', 'gripper_l1', 'gripper'))),
    ('action accuracy, held out', (
        ('held_out', 'accuracy', 'whole chunk'), ('held_out', 'first_accuracy', 'first step'))),
    ('recall, vision to action, held out', (
        ('held_out', 'recall_at_1', 'recall@1'), ('held_out', 'recall_at_5', 'recall@5'),
        ('held_out', 'recall_at_10', 'recall@10'), ('held_out', 'chance_at_10', 'chance@10'),
        ('held_out', 'tolerance_recall_at_1', 'recall@1, near enough'),
        ('held_out', 'chance_tolerance_at_1', 'chance@1, near enough'))),
    ('recall, action to vision, held out', (
        ('held_out', 'recall_back_at_1', 'recall@1'),
        ('held_out', 'recall_back_at_5', 'recall@5'),
        ('held_out', 'recall_back_at_10', 'recall@10'),
        ('held_out', 'tolerance_recall_back_at_1', 'recall@1, near enough'))),
    ('mean reciprocal rank, held out', (
        ('held_out', 'mrr', 'vision to action'), ('held_out', 'mrr_back', 'action to vision'),
        ('held_out', 'chance_mrr', 'chance'))),
    ('cosine of scene and action, held out', (
        ('held_out', 'cosine_matched', 'matched'),
        ('held_out', 'cosine_unmatched', 'unmatched'))),
    ('the shared space, held out', (
        ('held_out', 'uniformity_vision', 'uniformity, vision'),
        ('held_out', 'uniformity_action', 'uniformity, action'),
        ('held_out', 'modality_gap', 'gap'), ('held_out', 'alignment', 'alignment'))),
)
"""Title of each panel, and its lines: split, figure and the name to show."""


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """
    Read ``metrics.jsonl``; a last line that was cut off is left out.

    :raises ModelError: when there is no whole line, or one before the last is not JSON.
    """
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except OSError as error:
        raise ModelError(f'{path}: cannot read the figures of the run: {error}') from error
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                raise ModelError(f'{path}:{number}: not JSON: {error}') from error
    if not records:
        raise ModelError(f'{path}: holds no figures yet')
    return records


def training_curves(records: Sequence[dict[str, Any]]) -> Curves:
    """Sort logged figures into panels of curves over steps; what was not logged is left out."""
    curves: Curves = {}
    for title, lines in PANELS:
        for split, figure, name in lines:
            found = [(float(record['step']), float(record[figure])) for record in records
                     if record.get('split') == split and figure in record]
            if found:
                steps, values = zip(*found, strict=True)
                curves.setdefault(title, {})[name] = (list(steps), list(values))
    return curves
