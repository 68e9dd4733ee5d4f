# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure how well an unknown scene is noticed: four disturbances, and clean episodes.

    nice python benchmarks/out_of_distribution.py --seeds 100000:40 --looks out/looks.npz

Every score is treated alike: smoothed as the watch does it, with the limit for one false alarm an
hour from calibration episodes. Prints a table and draws detection against false alarms.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
import json
from pathlib import Path

import numpy as np

from vaa_ros.cli.options import Seeds
from vaa_ros.cli.options import seeds
from vaa_ros.cli.output import table
from vaa_ros.core.paths import model_file
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.calibrate import fit
from vaa_ros.learning.calibrate import LINGER_S
from vaa_ros.learning.calibrate import look_at_rollouts
from vaa_ros.learning.calibrate import Looks
from vaa_ros.learning.calibrate import peaks
from vaa_ros.learning.calibrate import scores as scores_of
from vaa_ros.learning.calibrate import smooth
from vaa_ros.learning.calibrate import tail
from vaa_ros.learning.calibrate import whiten
from vaa_ros.policies.onnx_policy import OnnxPolicy
from vaa_ros.sim.disturbances import DISTURBANCES
from vaa_ros.sim.disturbances import Plan
from vaa_ros.sim.simulation import CONTROL_HZ

WITHIN_S = 0.5
ONSETS = (0.5, 2.5)
HOLD_FRAMES = 6
NEIGHBOURS = 1024
CALIBRATION, CLEAN = 'calibration', 'clean'
COSINE, NEAREST = 'cosine', 'nearest z'
MAHALANOBIS, SCORE = 'distance z', 'score'
WATCH = 'watch'

FIELDS = list(Looks.__dataclass_fields__)
KEEP_EVERY = 5

Score = Callable[[Looks], np.ndarray]


def collect(args: argparse.Namespace) -> dict[str, Looks]:
    """
    Run every episode that was not run before, and give what the policy saw.
    """
    kept = dict(np.load(args.looks)) if args.looks and args.looks.exists() else {}
    policy = OnnxPolicy(model_file(args.model))
    jobs: dict[str, tuple[list[int], Callable[[int], Plan]]] = {
        CALIBRATION: (args.calibration.numbers(), lambda seed: Plan(linger_s=LINGER_S)),
        CLEAN: (args.seeds.numbers(), lambda seed: Plan(linger_s=LINGER_S))}
    for name in DISTURBANCES:
        jobs[name] = (args.seeds.numbers(), lambda seed, name=name: planned(name, seed))
    found = {}
    for name, (numbers, plan) in jobs.items():
        parts = []
        for start in range(0, len(numbers), KEEP_EVERY):
            some = numbers[start:start + KEEP_EVERY]
            key = f'{name}/{some[0]}:{len(some)}'
            if f'{key}/episode' not in kept:
                looks = look_at_rollouts(policy, args.task, some, plan)
                kept.update({f'{key}/{field}': getattr(looks, field) for field in FIELDS})
                if args.looks:
                    keep(args.looks, kept)
            parts.append([kept[f'{key}/{field}'] for field in FIELDS])
        for number, part in enumerate(parts):
            place = FIELDS.index('episode')
            part[place] = part[place] + number * KEEP_EVERY
        found[name] = Looks(*map(np.concatenate, zip(*parts, strict=True)))
    return found


def keep(path: Path, kept: dict[str, np.ndarray]) -> None:
    """
    Write what was seen so far.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'.{path.name}.npz')
    np.savez(partial, **kept)
    partial.replace(path)


def planned(name: str, seed: int) -> Plan:
    """
    Plan a disturbance at a moment that the seed decides.
    """
    onset_s = float(np.random.default_rng([seed, 11]).uniform(*ONSETS))
    return Plan(name, onset_s, onset_s + WITHIN_S, seed=1)


def distance(usual: Looks) -> Score:
    """
    Make the Mahalanobis distance to usual embeddings.
    """
    mean, whitening = whiten(usual.z_vision, 0.01, 1e-4)
    return lambda looks: np.linalg.norm((looks.z_vision - mean) @ whitening.T, axis=1)


def nearest(usual: Looks) -> Score:
    """
    Make the cosine distance to the nearest of some usual embeddings.
    """
    step = max(1, len(usual.z_vision) // NEIGHBOURS)
    known = usual.z_vision[::step]
    return lambda looks: 1 - (looks.z_vision @ known.T).max(1)


def caught(looks: Looks, alarm: np.ndarray, frames: int = 0) -> float:
    """
    Give the share of episodes with an alarm after the onset that lasts some frames.
    """
    found = []
    for episode in np.unique(looks.episode):
        after = np.flatnonzero(alarm[(looks.episode == episode) & looks.disturbed])
        found.append(len(after) > 0 and after[-1] - after[0] >= frames)
    return float(np.mean(found))


def judge(looks: dict[str, Looks], spec: PolicySpec) -> dict[str, dict[str, float]]:
    """
    Measure every score at the limit for one false alarm an hour.

    :param looks: what the policy saw.
    :param spec: the policy's spec.
    :return: figures by score, and for each the curve.
    """
    usual, other = looks[CALIBRATION].halves()
    known = fit(usual, other, spec, CALIBRATION)
    scores: dict[str, Score] = {
        COSINE: lambda seen: 1 - (seen.z_vision * seen.z_action).sum(1),
        NEAREST: nearest(usual), MAHALANOBIS: distance(usual),
        SCORE: lambda seen: scores_of(known, seen)}
    hours = len(looks[CLEAN].episode) / CONTROL_HZ / 3600
    found: dict[str, dict[str, float]] = {}
    for name, score in scores.items():
        smoothed = {part: smooth(score(seen), seen.episode) for part, seen in looks.items()}
        level, excess, rate = tail(smooth(score(other), other.episode), other.episode, CONTROL_HZ)
        limit = level + excess * np.log(max(rate, 1.0))
        clean = looks[CLEAN].episode
        found[name] = {part: caught(looks[part], smoothed[part] > limit) for part in DISTURBANCES}
        found[name][CLEAN] = len(peaks(smoothed[CLEAN], clean, limit)) / hours
        found[name]['curve'] = curve(looks, smoothed, hours)
        if name == SCORE:
            alarms = {part: (smoothed[part] > limit) | looks[part].frozen for part in looks}
            found[WATCH] = {part: caught(looks[part], alarms[part]) for part in DISTURBANCES}
            found[WATCH][CLEAN] = len(peaks(1.0 * alarms[CLEAN], clean, 0.5)) / hours
            found['watch, held'] = {
                part: caught(looks[part], alarms[part], HOLD_FRAMES) for part in DISTURBANCES}
    low = spec.calibration.get('alignment_low', np.nan)
    below = {part: (seen.z_vision * seen.z_action).sum(1) < low for part, seen in looks.items()}
    found['cosine < 1 %'] = {part: caught(looks[part], below[part]) for part in DISTURBANCES}
    found['cosine < 1 %'][CLEAN] = len(peaks(1.0 * below[CLEAN], looks[CLEAN].episode,
                                             0.5)) / hours
    return found


def curve(looks: dict[str, Looks], smoothed: dict[str, np.ndarray],
          hours: float) -> dict[str, list[float]]:
    """
    Sweep the limit: false alarms an hour, and the share of each disturbance detected.
    """
    known = smoothed[CLEAN][~np.isnan(smoothed[CLEAN])]
    limits = [*np.quantile(known, np.linspace(0.5, 1, 60)), *np.linspace(1, 2, 20) * known.max()]
    points: dict[str, list[float]] = {CLEAN: [], **{part: [] for part in DISTURBANCES}}
    for limit in limits:
        points[CLEAN].append(len(peaks(smoothed[CLEAN], looks[CLEAN].episode, limit)) / hours)
        for part in DISTURBANCES:
            points[part].append(caught(looks[part], smoothed[part] > limit))
    return points


def draw(found: dict[str, dict], path: Path) -> None:
    """
    Draw detection against false alarms, a panel for each disturbance.
    """
    from matplotlib.figure import Figure
    figure = Figure(figsize=(12, 3.4), layout='constrained')
    axes = figure.subplots(1, len(DISTURBANCES), sharey=True)
    for axis, part in zip(axes, DISTURBANCES, strict=True):
        for name, values in found.items():
            if 'curve' in values:
                # No false alarm seen is drawn at the left edge.
                rate = np.maximum(values['curve'][CLEAN], 1.0)
                axis.plot(rate, 100 * np.array(values['curve'][part]), label=name)
        axis.axhline(100 * found[WATCH][part], color='black', linestyle=':', label=WATCH)
        axis.set(xscale='log', title=part, xlabel='false alarms an hour (1: none seen)')
    axes[0].set_ylabel('detected within 0.5 s [%]')
    axes[-1].legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    """
    Print one table.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--model', default='pick_place')
    parser.add_argument('--task', default='pick_place')
    parser.add_argument('--seeds', type=seeds, default=Seeds(100_000, 40), help='FIRST:COUNT')
    parser.add_argument('--calibration', type=seeds, default=Seeds(200_000, 100),
                        help='FIRST:COUNT of the calibration episodes')
    parser.add_argument('--looks', type=Path, help='keep here what was seen, and do not run '
                        'again what is there already')
    parser.add_argument('--plot', type=Path, default=Path('out/out_of_distribution.png'))
    parser.add_argument('--json', type=Path, help='write the figures here too')
    options = parser.parse_args()
    looks = collect(options)
    found = judge(looks, OnnxPolicy(model_file(options.model)).spec)
    rows = [[part, *(f'{100 * values[part]:.0f} %' for values in found.values())]
            for part in DISTURBANCES]
    rows.append(['false alarms an hour', *(f'{values[CLEAN]:.1f}' if CLEAN in values else '-'
                                           for values in found.values())])
    count = len(np.unique(looks[CLEAN].episode))
    minutes = len(looks[CLEAN].episode) / CONTROL_HZ / 60
    print(table(rows, ['detected within 0.5 s', *found],
                f'{count} episodes each; {minutes:.1f} minutes of clean episodes'))
    draw(found, options.plot)
    print(f'\ncurve: {options.plot}')
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
