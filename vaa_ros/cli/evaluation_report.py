# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation: one HTML file in which a policy can be judged."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vaa_ros.cli import evaluation_plots as plots
from vaa_ros.cli.report import cards_of
from vaa_ros.cli.report import facts_section
from vaa_ros.cli.report import section
from vaa_ros.cli.report import strip_of
from vaa_ros.cli.report import video_of
from vaa_ros.cli.report import write_page
from vaa_ros.cli.report_style import PAGE
from vaa_ros.cli.results import EpisodeResult
from vaa_ros.cli.results import interval
from vaa_ros.cli.results import Summary
from vaa_ros.core.spec import PolicySpec

if TYPE_CHECKING:
    from vaa_ros.cli.closeups import CloseUp
    from vaa_ros.learning.study import Moment
    from vaa_ros.learning.study import Neighbour
    from vaa_ros.learning.study import Study

STRIP = 8
ACTIONS: tuple[tuple[str, str, float, str, str], ...] = (
    ('first_l1', 'error of the next action', 1, '', 'Mean absolute error of the first action of '
     'the chunk, over all joints but the gripper [rad, or m for poses].'),
    ('chunk_l1', 'error of the chunk', 1, '', 'The same over all actions of the chunk.'),
    ('gripper_l1', 'error of the gripper', 1000, ' mm', 'Mean absolute error of its opening.'),
    ('first_accuracy', 'next action right', 100, ' %', 'First actions with every joint within '
     'its tolerance: 0.02 rad, 5 mm.'),
    ('accuracy', 'actions right', 100, ' %', 'Actions of the whole chunk with every joint within '
     'its tolerance.'),
    ('nll', '-log P', 1, ' nats', 'Of what was demonstrated, for each number of the chunk in '
     'normal units: lower is better. Known for a Laplace decoder alone.'),
)
"""Figures of actions: key, name, factor, unit and meaning."""

SPACE: tuple[tuple[str, str, str], ...] = (
    ('alignment', 'alignment', 'Mean squared distance of matching pairs on the unit sphere: 0 is '
     'best, 2 is unrelated (Wang and Isola 2020).'),
    ('uniformity_vision', 'uniformity of scenes', 'Log of the mean of exp(-2 d²) over pairs: '
     'lower is more evenly spread, 0 is collapsed to a point (Wang and Isola 2020).'),
    ('uniformity_action', 'uniformity of chunks', 'The same between chunks.'),
    ('modality_gap', 'modality gap', 'Distance between the middles of the scenes and of the '
     'chunks: 0 is no gap (Liang et al. 2022).'),
    ('cosine_matched', 'cosine, matching', 'Mean cosine of a scene and its own chunk.'),
    ('cosine_unmatched', 'cosine, others', 'Mean cosine of a scene and another chunk.'),
)
"""Figures of the space: key, name and meaning."""

RETRIEVAL: tuple[tuple[str, str, str, str, str], ...] = (
    ('recall@1', 'recall_at_1', 'recall_back_at_1', 'chance_at_1', 'The right one comes first.'),
    ('recall@5', 'recall_at_5', 'recall_back_at_5', 'chance_at_5',
     'It is among the first five.'),
    ('recall@10', 'recall_at_10', 'recall_back_at_10', 'chance_at_10',
     'It is among the first ten.'),
    ('tolerance recall@1', 'tolerance_recall_at_1', 'tolerance_recall_back_at_1',
     'chance_tolerance_at_1', 'What comes first is as good as right: its chunk differs from the '
     'right one by less than 95 % of pairs do.'),
    ('MRR', 'mrr', 'mrr_back', 'chance_mrr', 'Mean of 1 / rank of the right one.'),
)
"""Name, keys for both ways and for guessing, and meaning."""


@dataclass(frozen=True)
class EvaluationReport:
    """
    What the page shows.

    :param title: heading.
    :param subtitle: one sentence that says what was run.
    :param summary: figures of the policy's episodes.
    :param spec: what the policy sees and does.
    :param baseline: figures of the nearest demonstrations, acting alone, on the same seeds.
    :param study: what unseen demonstrations tell, or None.
    :param close_ups: some episodes, watched closely.
    :param limit: score of the scene watch above which the arm is slowed, or None.
    :param film: film of the failures.
    :param facts: name and value of what one needs to repeat the run.
    """

    title: str
    subtitle: str
    summary: Summary
    spec: PolicySpec
    baseline: Summary | None = None
    study: Study | None = None
    close_ups: Sequence[CloseUp] = ()
    limit: float | None = None
    film: Path | None = None
    facts: Sequence[tuple[str, str]] = ()

    def write(self, path: Path) -> Path:
        """
        Write the page.

        :raises ConfigError: when the file cannot be written.
        """
        body = self._success() + self._study() + self._watch() + self._failures()
        return write_page(path, PAGE.substitute(
            title=escape(self.title), subtitle=escape(self.subtitle), cards=self._cards(),
            video='', figures=body, training='', episodes='',
            facts=facts_section(self.facts)))

    def _cards(self) -> str:
        cards = [('success', _percent(self.summary.success_rate), _wilson(self.summary))]
        if self.baseline is not None:
            cards.append(('nearest demonstrations alone', _percent(self.baseline.success_rate),
                          _wilson(self.baseline)))
        if not math.isnan(self.summary.episode_time_s):
            cards.append(('episode time', f'{self.summary.episode_time_s:.1f} s',
                          'median of the successes'))
        if self.study is not None:
            figures = self.study.figures
            chance = 100 * figures['chance_tolerance_at_1']
            cards += [
                ('next actions within tolerance', _percent(figures['first_accuracy']),
                 'on unseen demonstrations'),
                ('a scene finds its action', _percent(figures['tolerance_recall_at_1']),
                 f'tolerance recall@1; guessing: {chance:.0f} %')]
        return cards_of(cards)

    def _success(self) -> str:
        runs = {'policy': self.summary}
        if self.baseline is not None:
            runs['nearest demonstrations'] = self.baseline
        rows = [(name, f'{run.successes} of {run.episodes}', f'{100 * run.success_rate:.1f} %',
                 '{:.1f} to {:.1f} %'.format(*(100 * value for value in interval(
                     run.successes, run.episodes))),
                 '-' if math.isnan(run.episode_time_s) else f'{run.episode_time_s:.2f} s',
                 '-' if math.isnan(run.rms_jerk) else f'{run.rms_jerk:.1f}')
                for name, run in runs.items()]
        body = _table(('', 'successes', 'rate', '95 % Wilson interval', 'median time',
                       'RMS jerk [rad/s³]'), rows)
        body += ''.join(f'<p class="note over">{escape(name)}, one bar an '
                        f'episode, in order of seeds</p>{_seeds(run.results)}'
                        for name, run in runs.items())
        times = {name: [result.time_s for result in run.results if result.success]
                 for name, run in runs.items()}
        known = {name: values for name, values in times.items() if values}
        if known:
            body += _figure('Time to success', plots.times(known))
        return section('Success', body)

    def _study(self) -> str:
        if self.study is None:
            return ''
        study, figures = self.study, self.study.figures
        units = ', '.join(dict.fromkeys(
            joint.unit for joint in self.spec.joints if joint.name != 'gripper'))
        unit = units if self.spec.action.kind == 'joint_position' else 'unit of the element'
        rows = [(name, f'{_digits(figures[key] * factor)}{suffix}', says)
                for key, name, factor, suffix, says in ACTIONS if key in figures]
        note = (f'{study.frames} frames of {study.episodes} episodes in {study.dataset} that the '
                'policy was not trained with.')
        return section('Actions on unseen demonstrations', _note(note) + _table(
            ('figure', 'value', 'what it is'), rows, says=True) + _figure(
                'How the error grows along the chunk', plots.along_chunk(
                    study.along, self.spec.dt_s, unit))) + self._space() + self._probes() + \
            self._moments()

    def _space(self) -> str:
        study, figures = self.study, self.study.figures
        rows = [(name, *(_share(figures, key, name) for key in (forth, back, chance)), says)
                for name, forth, back, chance, says in RETRIEVAL if forth in figures]
        quality = [(name, f'{figures[key]:.3f}', says) for key, name, says in SPACE]
        note = (f'Vision and action share one space. Among {figures["pool"]:.0f} moments, each of '
                'another episode where there are enough: does a scene find the chunk that belongs '
                'to it, and the other way around?')
        caption = ('The space in two dimensions (principal components of both sides together). '
                   f'Lines join {plots.PAIRS} scenes to their own chunks.')
        return section('The shared space', _note(note) + _table(
            ('retrieval', 'scene to action', 'action to scene', 'guessing', 'what it is'), rows,
            says=True) + _table(('figure', 'value', 'what it is'), quality, says=True)
            + _figure(caption, plots.space(study.space)))

    def _probes(self) -> str:
        study, title = self.study, 'What the embedding knows'
        if not study.probes:
            return section(title, _note(f'No positions to probe for: {study.probe_problem}')
                           if study.probe_problem else '')
        first = study.probes[0]
        rows = [(each.target, each.name, str(each.features), f'{each.r2:.3f}',
                 f'{100 * each.error_m:.1f} cm') for each in study.probes]
        note = ('A linear map (ridge regression) is asked where the objects are, from the '
                'embedding of the scene, from the picture itself and from the joints alone. It is '
                f'judged on episodes that it was not fitted to: {first.frames} frames of '
                f'{first.episodes} episodes in five folds. What acting does not need, a policy '
                'may leave out.')
        return section(title, _note(note) + _figure('', plots.probes(study.probes)) + _table(
            ('object', 'read from', 'numbers', 'R²', 'mean error'), rows))

    def _moments(self) -> str:
        study = self.study
        if not study.moments:
            return ''
        note = ('For some unseen moments, the demonstrations whose actions are nearest to the '
                f'scene in the shared space, looked up in {study.bank}; one of each episode. '
                'Below, what the arm did next, arm joints from the present position on '
                '[rad, gripper in m, over seconds].')
        return section('What a scene finds', _note(note) + ''.join(
            f'<div class="moment"><div class="views">{_asked(moment)}'
            + ''.join(_found(each) for each in moment.neighbours)
            + f'</div>{plots.chunks(moment, study.action_names, self.spec.dt_s)}</div>'
            for moment in study.moments))

    def _watch(self) -> str:
        shown = [each for each in self.close_ups if each.score.values]
        if not shown:
            return section('Confidence along an episode', _note(
                'This policy was never calibrated, so it has no confidence to publish; '
                '`vaa calibrate` does that.'))
        note = (f'{len(shown)} of the episodes again: how unlike the calibration episodes each '
                'scene is, and the confidence that the policy node publishes.')
        return section('Confidence along an episode', _note(note) + _figure(
            '', plots.watched(shown, self.limit)))

    def _failures(self) -> str:
        failed = [result.seed for result in self.summary.results if not result.success]
        if not failed:
            return section('Failures', _note('No episode failed.'))
        shown = [each for each in self.close_ups if not each.result.success]
        note = f'{len(failed)} of {self.summary.episodes} episodes failed: seeds ' + ', '.join(
            map(str, failed[:40])) + (' ...' if len(failed) > 40 else '') + '.'
        rows = ''.join(
            f'<tr><td class="n">{each.result.seed}</td><td class="strip">'
            f'{strip_of(each.trace, STRIP)}</td></tr>' for each in shown)
        strips = ('<div class="wide"><table><thead><tr><th>seed</th><th>from start to end</th>'
                  f'</tr></thead><tbody>{rows}</tbody></table></div>') if rows else ''
        return section('Failures', _note(note) + strips + video_of(self.film))


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _figure(caption: str, svg: str) -> str:
    head = f'<figcaption>{escape(caption)}</figcaption>' if caption else ''
    return f'<figure class="whole">{head}{svg}</figure>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], says: bool = False) -> str:
    last = len(head) - 1
    numbers = [all(row[i][:1] in '-0123456789' for row in rows) and i > 0
               for i in range(len(head))]

    def kind(index: int) -> str:
        if says and index == last:
            return ' class="says"'
        return ' class="n"' if numbers[index] else ''

    top = ''.join(f'<th{kind(i) if numbers[i] else ""}>{escape(name)}</th>'
                  for i, name in enumerate(head))
    body = ''.join('<tr>' + ''.join(f'<td{kind(i)}>{escape(cell)}</td>'
                                    for i, cell in enumerate(row)) + '</tr>' for row in rows)
    return (f'<div class="wide figures"><table><thead><tr>{top}</tr></thead>'
            f'<tbody>{body}</tbody></table></div>')


def _seeds(results: Sequence[EpisodeResult]) -> str:
    bars = ''.join(
        f'<i class="{"success" if result.success else "failure"}" title="seed {result.seed}: '
        f'{"success" if result.success else "failure"}, {result.time_s:.1f} s"></i>'
        for result in results)
    return f'<div class="seeds">{bars}</div>'


def _asked(moment: Moment) -> str:
    return (f'<div>{_picture(moment.picture)}<small><b>asked: {escape(moment.episode)}, '
            f'{moment.time_s:.1f} s</b><br>cosine with its own action '
            f'{moment.similarity:.3f}</small></div>')


def _found(each: Neighbour) -> str:
    verdict = 'success' if each.near else 'failure'
    word = 'near enough' if each.near else 'another action'
    return (f'<div>{_picture(each.picture)}<small>{escape(each.episode)}, {each.time_s:.1f} s, '
            f'cosine {each.similarity:.3f}<br><em class="{verdict}">{word}</em></small></div>')


def _picture(rgb: np.ndarray) -> str:
    import cv2
    data = cv2.imencode('.jpg', np.ascontiguousarray(rgb[:, :, ::-1]),
                        [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'


def _wilson(summary: Summary) -> str:
    low, high = interval(summary.successes, summary.episodes)
    return (f'{summary.successes} of {summary.episodes} episodes; 95 % interval '
            f'{100 * low:.0f} to {100 * high:.0f} %')


def _share(figures: Mapping[str, float], key: str, name: str) -> str:
    return f'{figures[key]:.3f}' if name == 'MRR' else f'{100 * figures[key]:.1f} %'


def _percent(rate: float) -> str:
    return '-' if math.isnan(rate) else f'{100 * rate:.0f} %'


def _digits(value: float) -> str:
    return f'{value:.1f}' if abs(value) >= 10 else f'{value:.4f}' if abs(value) < 0.1 \
        else f'{value:.2f}'

