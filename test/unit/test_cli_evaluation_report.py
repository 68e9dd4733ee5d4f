# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation is one file, and says what was measured, part by part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import re

from learning_samples import tiny_spec
import numpy as np
import pytest
from test_cli_report import Page
from test_cli_report import trace

from vaa_ros.cli.closeups import CloseUp
from vaa_ros.cli.closeups import worth_a_look
from vaa_ros.cli.evaluation_report import EvaluationReport
from vaa_ros.cli.results import EpisodeResult
from vaa_ros.cli.results import Summary
from vaa_ros.learning.probe import ProbeResult
from vaa_ros.learning.study import EmbeddingMap
from vaa_ros.learning.study import Moment
from vaa_ros.learning.study import Neighbour
from vaa_ros.learning.study import Study

FIGURES = {
    'nll': 0.875, 'first_l1': 0.0123, 'chunk_l1': 0.0456, 'gripper_l1': 0.00321,
    'first_accuracy': 0.951, 'accuracy': 0.417, 'recall_at_1': 0.271, 'recall_at_5': 0.272,
    'recall_at_10': 0.273, 'recall_back_at_1': 0.274, 'recall_back_at_5': 0.275,
    'recall_back_at_10': 0.276, 'mrr': 0.3771, 'mrr_back': 0.3781, 'chance_mrr': 0.0241,
    'tolerance_recall_at_1': 0.821, 'tolerance_recall_back_at_1': 0.822,
    'chance_tolerance_at_1': 0.051, 'chance_at_1': 0.004, 'chance_at_5': 0.02,
    'chance_at_10': 0.039, 'alignment': 0.8611, 'uniformity_vision': -1.9751,
    'uniformity_action': -1.5881, 'modality_gap': 0.6421, 'cosine_matched': 0.5701,
    'cosine_unmatched': 0.1931, 'pool': 256.0}
HEADINGS = ('Success', 'Actions on unseen demonstrations', 'The shared space',
            'What the embedding knows', 'What a scene finds', 'Confidence along an episode',
            'Failures', 'To repeat it')


def a_study() -> Study:
    random = np.random.default_rng(0)
    picture = random.integers(0, 255, (24, 64, 3), dtype=np.uint8)
    chunks = random.normal(size=(4, 6, 3))
    found = tuple(Neighbour(f'take_{i}', 1.5, 0.9 - i / 100, i == 0, picture, chunks[i])
                  for i in range(3))
    probes = tuple(ProbeResult(name, 'cube', size, r2, error, 1024, 128) for name, size, r2, error
                   in (('z_vision', 64, 0.9671, 0.0202), ('pixels', 1152, 0.9591, 0.0223),
                       ('joint state', 7, -0.0161, 0.0317)))
    along = {name: np.linspace(0, 0.5, 6).tolist() for name in ('l1', 'l1_p90', 'accuracy')}
    space = EmbeddingMap(random.normal(size=(40, 2)), random.normal(size=(40, 2)),
                         np.linspace(0, 1, 40), np.array([0.25, 0.16]))
    return Study(Path('held <out>'), 2048, 256, FIGURES, along, probes, '', space,
                 (Moment('asked_7', 0.5, picture, chunks[3], chunks[0], 0.8765, found),),
                 'the other unseen episodes', ('joint_1', 'joint_2', 'gripper'))


def close_up(seed: int, success: bool) -> CloseUp:
    made = CloseUp(trace(seed, success))
    for stamp in made.trace.measured.stamps_ns:
        made.score.add(stamp, np.float64(0.9))
        made.confidence.add(stamp, np.float64(0.4))
    return made


def results(failed: set[int], count: int = 20) -> tuple[EpisodeResult, ...]:
    return tuple(EpisodeResult(100 + i, 100 + i not in failed, 3.0 + i / 10, rms_jerk=7.25)
                 for i in range(count))


def report(**changes: object) -> EvaluationReport:
    values: dict[str, object] = {
        'title': 'Policy <b> on task reach', 'subtitle': 'a & b', 'spec': tiny_spec(),
        'summary': Summary(results({103, 111}), FIGURES), 'study': a_study(),
        'baseline': Summary(results(set(range(100, 113)))), 'limit': 2.36,
        'close_ups': [close_up(103, False), close_up(100, True)],
        'facts': [('command', 'vaa evaluate --report "x"')]}
    return EvaluationReport(**{**values, **changes})  # type: ignore[arg-type]


def text_of(html: str) -> str:
    """What a reader sees: without tags, drawings and runs of blanks."""
    plain = re.sub(r'<(svg|style)\b.*?</\1>', ' ', html, flags=re.DOTALL)
    return re.sub(r'\s+', ' ', re.sub(r'<[^>]*>', ' ', plain))


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    film = tmp_path / 'failures.mp4'
    film.write_bytes(b'moov')
    html = report(film=film).write(tmp_path / 'new' / 'report.html').read_text('utf-8')
    page = Page(html)
    assert page.tags.count('svg') == 6
    assert page.tags.count('img') == 4 + 8
    assert all(address.startswith(('data:', '#')) for address in page.addresses)
    assert not re.search(r'@import|url\((?!#)', html)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)
    assert not {'script', 'link', 'iframe'} & set(page.tags)
    assert len(page.identifiers) == len(set(page.identifiers))
    assert 'src="data:video/mp4;base64,bW9vdg=="' in html


def test_every_part_says_what_was_measured(tmp_path: Path) -> None:
    html = report().write(tmp_path / 'report.html').read_text('utf-8')
    assert tuple(re.findall(r'<h2>(.*?)</h2>', html)) == HEADINGS
    text = text_of(html)
    for line in (
            'policy 18 of 20 90.0 % 69.9 to 97.2 % 3.95 s 7.2',
            'nearest demonstrations 7 of 20 35.0 % 18.1 to 56.7 %',
            'error of the next action 0.0123', 'error of the gripper 3.21 mm',
            'actions right 41.7 %', '-log P 0.88 nats',
            '2048 frames of 256 episodes in held &lt;out&gt;', 'Among 256 moments',
            'recall@1 27.1 % 27.4 % 0.4 %', 'recall@5 27.2 % 27.5 % 2.0 %',
            'recall@10 27.3 % 27.6 % 3.9 %', 'tolerance recall@1 82.1 % 82.2 % 5.1 %',
            'MRR 0.377 0.378 0.024', 'alignment 0.861', 'uniformity of scenes -1.975',
            'modality gap 0.642', 'cube z_vision 64 0.967 2.0 cm',
            'cube joint state 7 -0.016 3.2 cm', 'asked: asked_7, 0.5 s', 'own action 0.876',
            'take_1, 1.5 s, cosine 0.890 another action', 'take_0, 1.5 s, cosine 0.900 near',
            '2 of 20 episodes failed: seeds 103, 111.'):
        assert line in text, line
    bars = re.findall(r'<i class="(\w+)" title="seed (\d+)', html)
    assert [int(seed) for verdict, seed in bars[:20] if verdict == 'failure'] == [103, 111]
    assert [verdict for verdict, _ in bars[20:]] == ['failure'] * 13 + ['success'] * 7
    assert 'limit: above it the arm slows' in html
    assert 'Policy &lt;b&gt; on task reach' in html


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    html = report(study=None, baseline=None, close_ups=(), limit=None, facts=(), summary=Summary(
        results(set()))).write(tmp_path / 'report.html').read_text('utf-8')
    assert tuple(re.findall(r'<h2>(.*?)</h2>', html)) == (
        'Success', 'Confidence along an episode', 'Failures')
    text = text_of(html)
    assert 'No episode failed.' in text and 'vaa calibrate' in text
    assert 'nearest demonstrations' not in text and 'recall' not in text


def test_nothing_succeeded_and_nothing_to_probe(tmp_path: Path) -> None:
    study = replace(a_study(), probes=(), probe_problem='no bag <tells>')
    html = report(study=study, baseline=None, summary=Summary(
        results(set(range(200))))).write(tmp_path / 'report.html').read_text('utf-8')
    assert 'No positions to probe for: no bag &lt;tells&gt;' in html
    assert 'Time to success' not in html
    assert 'policy 0 of 20 0.0 % 0.0 to 16.1 % -' in text_of(html)


def test_the_figures_of_a_close_up_leave_out_what_is_not_known() -> None:
    made = close_up(103, False)
    made.score.add(0, np.float64(np.nan))
    made.score.add(1, np.float64(2.5))
    assert made.figures() == {'seed': 103, 'success': False, 'highest_score': 2.5,
                              'lowest_confidence': 0.4, 'lowest_alignment': 0.8}
    assert np.isnan(CloseUp(trace(1, True)).figures()['highest_score'])


@pytest.mark.parametrize('failed, wanted', [
    (set(), [100, 101, 102]), ({103}, [103, 100, 101, 102]),
    (set(range(100, 119)), [100, 101, 102, 103, 119])])
def test_the_first_failures_and_successes_are_looked_at(failed: set[int],
                                                        wanted: list[int]) -> None:
    assert worth_a_look(results(failed)) == wanted
