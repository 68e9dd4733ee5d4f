# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the compression of a recording saves and costs, with the noise of a camera and without.

    python benchmarks/image_compression.py
    python benchmarks/image_compression.py --seconds 5 --quality 80 95

Three cameras (640x480 rgb8 at 30 Hz) go through the recorder's own threads, as fast as these
can; then pictures of the simulator, which have no noise. Cores: its processor time in a second of
recording; over the number of cores of the machine pictures would be dropped. PSNR: of the
pictures read back from those that went in, as recorded and as a policy of 128x128 sees them.
"""
from __future__ import annotations

from pathlib import Path
import tempfile
import time

from bench import make_parser
from bench import show
import numpy as np
from recording_load import camera_frames
from recording_load import CAMERA_HZ
from recording_load import CAMERAS
from recording_load import HEIGHT
from recording_load import WIDTH

from vaa_ros.core.image_encoding import AS_THEY_COME
from vaa_ros.core.image_encoding import ImageFormat
from vaa_ros.core.images import fit_image
from vaa_ros.core.spec import CameraSpec
from vaa_ros.learning.bag_pictures import BagPictures
from vaa_ros.recording import messages
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.recorder import EpisodeRecorder

FULL, SEEN = CameraSpec('any', WIDTH, HEIGHT), CameraSpec('any', 128, 128)
PERIOD_NS = round(1e9 / CAMERA_HZ)
PICTURES = 8
BEHIND = 64
"""Pictures that may wait for the recorder; it is fed no faster than it writes."""


def noisy_pictures() -> dict[str, list[np.ndarray]]:
    """
    Give what cameras with noise see, by camera.
    """
    return {camera: [np.frombuffer(frame, np.uint8).reshape(HEIGHT, WIDTH, 3)
                     for frame in camera_frames(camera)] for camera in CAMERAS}


def simulated_pictures() -> dict[str, list[np.ndarray]]:
    """
    Give pictures of the simulator, by camera.
    """
    from vaa_ros.sim.env import ArmEnv
    env = ArmEnv(render_mode='rgb_array')
    pictures: dict[str, list[np.ndarray]] = {}
    for index, camera in enumerate(CAMERAS):
        seen = pictures[camera] = []
        for seed in range(PICTURES):
            env.reset(seed=PICTURES * index + seed)
            seen.append(fit_image(env.render(), FULL))
    env.close()
    return pictures


def measure(folder: Path, pictures: dict[str, list[np.ndarray]], seconds: float,
            compression: str, images: ImageFormat) -> dict[str, object]:
    """
    Record the cameras, and read the bag.

    :return: MB a minute, processor time and what became of the pictures.
    """
    sent = {f'/{camera}/image_raw': [messages.image(rgb, 1) for rgb in seen]
            for camera, seen in pictures.items()}
    topics = list(sent)
    ticks = round(seconds * CAMERA_HZ)
    recorder = EpisodeRecorder(folder / f'{compression}_{images.form}_{images.quality}',
                               dict.fromkeys(topics, messages.IMAGE), EpisodeMetadata(),
                               compression, images=images)
    began_s = time.process_time()
    for tick in range(ticks):
        while tick * len(topics) - recorder.messages > BEHIND:
            time.sleep(0.002)
        for topic in topics:
            recorder.put(topic, tick * PERIOD_NS, sent[topic][tick % len(sent[topic])])
    recorded = recorder.stop(EpisodeMetadata())
    cpu_s = time.process_time() - began_s
    size = sum(file.stat().st_size for file in recorded.path.glob('*.mcap'))
    return {'MB a minute': round(size / 1e6 * 60 / seconds), 'cores': round(cpu_s / seconds, 2),
            'dropped': len(topics) * ticks - recorded.messages,
            **read_back(recorded.path, pictures[CAMERAS[0]])}


def read_back(bag: Path, pictures: list[np.ndarray]) -> dict[str, object]:
    """
    Hold the first pictures of a bag against those that went in.

    :return: PSNR in full and as the policy sees them [dB].
    """
    errors: dict[CameraSpec, list[float]] = {FULL: [], SEEN: []}
    with BagReader(bag) as reader:
        topic = next(name for name, count in reader.counts.items()
                     if count and name.startswith(f'/{CAMERAS[0]}/'))
        for rgb, (_, _, message) in zip(pictures, reader.messages([topic]), strict=False):
            for camera, found in errors.items():
                got = BagPictures().fitted(topic, reader.topics[topic], message, camera)
                found.append(float(np.mean((got - fit_image(rgb, camera).astype(float)) ** 2)))
    return {name: round(10 * np.log10(255 ** 2 / np.mean(found)), 1) if any(found) else 'exact'
            for name, found in zip(('PSNR [dB]', 'at 128x128'), errors.values(), strict=True)}


def main() -> None:
    """
    Print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--seconds', type=float, default=10.0, help='length of each recording [s]')
    parser.add_argument('--quality', type=int, nargs='+', default=[80, 90, 95, 98])
    args = parser.parse_args()
    noisy, simulated = noisy_pictures(), simulated_pictures()
    ways = {'none': ('none', AS_THEY_COME), 'zstd a chunk': ('zstd', AS_THEY_COME),
            'PNG': ('none', ImageFormat('png')),
            **{f'JPEG {quality}': ('none', ImageFormat('jpeg', quality))
               for quality in args.quality}}
    rows = {}
    for what, pictures in (('', noisy), ('simulated: ', simulated)):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory(prefix='image_compression_') as folder:
                rows[what + name] = measure(Path(folder), pictures, args.seconds, *way)
    show(f'three cameras, {WIDTH}x{HEIGHT} at {CAMERA_HZ} Hz', rows, args.json)


if __name__ == '__main__':
    main()
