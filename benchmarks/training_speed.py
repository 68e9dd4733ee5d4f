# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Training speed in frames a second, next to LeRobot's ACT in its default size on the same frames.

    python benchmarks/training_speed.py                                  # vaa_ros alone
    python benchmarks/training_speed.py --lerobot ~/lerobot/bin/python   # and ACT, paired

Demonstrations are recorded in process and made a dataset. ACT (Zhao et al. 2023; LeRobot's default
size: 51 million parameters with a ResNet-18, chunks of 100) learns from its frames as LeRobot's
own script does it: batches of 8, AdamW, forward, backward and gradient clipping. Its batches lie
in memory, so that nothing but learning is in its time; ours come from the dataset. Its ResNet-18
begins without the downloaded weights, which costs the same. LeRobot (pip install lerobot) is in an
environment of its own, because it pins other versions; ``--lerobot`` says which Python. Rounds of
both alternate, and the best of each counts.
"""
from __future__ import annotations

import json
from pathlib import Path
import subprocess
import tempfile

from bench import make_dataset
from bench import make_parser
from bench import show

ACT = r"""
import json, sys, time
import numpy as np
import torch
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy

arrays = {k: torch.from_numpy(v) for k, v in np.load(sys.argv[1]).items()}
steps, batch = int(sys.argv[2]), 8
kinds = {'action': FeatureType.ACTION, 'observation.state': FeatureType.STATE}
features = {k: PolicyFeature(type=kinds.get(k, FeatureType.VISUAL), shape=tuple(v.shape[1:]))
            for k, v in arrays.items()}
config = ACTConfig(input_features={k: f for k, f in features.items() if k != 'action'},
                   output_features={'action': features['action']},
                   pretrained_backbone_weights=None, device='cpu')
policy = ACTPolicy(config).train()
optimiser = torch.optim.AdamW(policy.parameters(), lr=1e-5, weight_decay=1e-4)
ends = len(arrays['action']) - config.chunk_size

def learn(step):
    rows = torch.arange(batch) * 7 + step * batch
    item = {k: v[rows % ends].float() for k, v in arrays.items() if k != 'action'}
    item['action'] = torch.stack([
        arrays['action'][r:r + config.chunk_size] for r in (rows % ends).tolist()]).float()
    item['action_is_pad'] = torch.zeros(batch, config.chunk_size, dtype=torch.bool)
    loss, _ = policy.forward(item)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(policy.parameters(), 10.0)
    optimiser.step()
    optimiser.zero_grad()

learn(0)
began = time.perf_counter()
for step in range(1, steps + 1):
    learn(step)
print(json.dumps({'speed': steps * batch / (time.perf_counter() - began),
                  'parameters': sum(p.numel() for p in policy.parameters())}))
"""


def ours(data: Path, config: str, steps: int) -> tuple[float, int]:
    """
    Train from a dataset.

    :param data: the dataset folder.
    :param config: name of the configuration.
    :param steps: batches.
    :return: frames a second, and parameters of the policy.
    """
    from vaa_ros.learning import checkpoint
    from vaa_ros.learning.config import load_config
    from vaa_ros.learning.train import train
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / 'run'
        result = train(load_config(config, steps=steps), data, run, progress=False)
        policy, _, _ = checkpoint.load_policy(run)
        count = sum(value.numel() for value in policy.parameters())
    return result.samples_per_second, count


def act_frames(data: Path, file: Path) -> None:
    """
    Write the first thousand frames of a dataset as ACT takes them.

    :param data: the dataset folder.
    :param file: the .npz file to write.
    """
    import numpy as np

    from vaa_ros.learning.frames import Frames
    frames = Frames(data)
    count = min(len(frames.state), 1000)
    arrays = {'observation.state': frames.state[:count], 'action': frames.action[:count]}
    for key, pictures in frames.images.items():
        arrays[f'observation.images.{key}'] = np.moveaxis(
            np.asarray(pictures[:count]), -1, 1).astype(np.float32) / 255
    np.savez(file, **arrays)


def theirs(python: Path, file: Path, steps: int) -> tuple[float, int]:
    """
    Train ACT from the same frames, in the Python that has LeRobot.

    :param python: that Python.
    :param file: what :func:`act_frames` wrote.
    :param steps: batches.
    :return: frames a second, and parameters of the policy.
    """
    done = subprocess.run([python, '-c', ACT, file, str(steps)], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise SystemExit(f'ACT did not train:\n{done.stderr[-2000:]}')
    found = json.loads(done.stdout.splitlines()[-1])
    return found['speed'], found['parameters']


def main() -> None:
    """
    Print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--task', default='pick_place', help='what is demonstrated')
    parser.add_argument('--demonstrations', type=int, default=10)
    parser.add_argument('--config', default='small')
    parser.add_argument('--steps', type=int, default=150, help='batches of ours in a round')
    parser.add_argument('--lerobot', type=Path, metavar='PYTHON',
                        help='a Python with LeRobot; without it ACT is left out')
    parser.add_argument('--lerobot-steps', type=int, default=20, help='batches of ACT in a round')
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--out', type=Path, default=Path('out/training_speed'),
                        help='folder of demonstrations and datasets')
    args = parser.parse_args()
    data = make_dataset(args.task, args.demonstrations, args.out)
    file = args.out / f'act_{args.task}_{args.demonstrations}.npz'
    if args.lerobot and not file.exists():
        act_frames(data, file)
    best: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for _ in range(args.rounds):
        found = {}
        found[args.config], sizes[args.config] = ours(data, args.config, args.steps)
        if args.lerobot:
            found['ACT'], sizes['ACT'] = theirs(args.lerobot, file, args.lerobot_steps)
        best = {name: max(value, best.get(name, 0.0)) for name, value in found.items()}
    show('policy', {name: {
        'parameters (millions)': round(sizes[name] / 1e6, 2), 'frames a second': round(speed, 1),
        'times as fast as ACT': round(speed / best['ACT'], 1) if 'ACT' in best else ''}
        for name, speed in best.items()}, args.json)


if __name__ == '__main__':
    main()
