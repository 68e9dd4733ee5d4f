# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Build description for colcon (ament_python) and pip.

Extras: ``ros`` is what rosdep installs on a machine with a ROS distro; ``sim`` is the simulated
arm and the reports; ``ik`` is inverse kinematics; ``train`` is learning; ``lerobot`` and
``aloha-data`` are for datasets of LeRobot and ALOHA; ``teleop`` reads gamepads and 3D mice
directly; ``aloha`` is for gym-aloha; ``view`` is for ``vaa view``; ``test`` is what ``make test``
needs. Versions are pinned in ``constraints.txt``, that of gym-aloha here.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages
from setuptools import setup

PACKAGE = 'vaa_ros'

EXTRAS = {
    'ros': [
        'mcap',
        'onnxruntime',
        'opencv-python-headless',
        'py-minisign',
        'ros-builtin-interfaces',
        'ros-diagnostic-msgs',
        'ros-geometry-msgs',
        'ros-kilted-rclpy[fastrtps]',
        'ros-lifecycle-msgs',
        'ros-rcl-interfaces',
        'ros-rosgraph-msgs',
        'ros-sensor-msgs',
        'ros-std-msgs',
        'ros-std-srvs',
        'ros-trajectory-msgs',
        'rosbags',
    ],
    'sim': [
        'av',
        'gymnasium',
        'matplotlib',
        'mujoco>=3.3',
        'pillow',
        'tqdm',
    ],
    'ik': [
        # The workspace for joint commands; end-effector policies on arms that take joints alone.
        'pin',
    ],
    'train': [
        'accelerate',
        'onnx',
        'onnxscript',
        'tensorboard',
        'torch>=2.6',
    ],
    'vision': [
        'transformers>=5',
    ],
    'aloha': [
        # Needs an older MuJoCo than constraints.txt has: a virtual environment of its own.
        'gym-aloha==0.1.5',
    ],
    'teleop': [
        'evdev',
    ],
    'aloha-data': [
        'h5py',
    ],
    'lerobot': [
        'av',
        'pyarrow',
    ],
    'view': [
        'rerun-sdk',
    ],
    'test': [
        'colcon-common-extensions',
        'hypothesis',
        'pytest',
        'pytest-rerunfailures',
        'pytest-split',
        'pytest-timeout',
        'pytest-xdist',
        'ros-domain-coordinator',
        'ruff',
        'scipy',
    ],
}


def share_files() -> list[tuple[str, list[str]]]:
    """
    List what goes to ``share/vaa_ros``: launch, config and models with their sub-folders.
    """
    files = [
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
    ]
    for top in ('launch', 'config', 'models'):
        folders = sorted({path.parent for path in Path(top).rglob('*') if _is_data(path)})
        for folder in folders:
            names = [str(path) for path in sorted(folder.iterdir()) if _is_data(path)]
            files.append((f'share/{PACKAGE}/{folder.as_posix()}', names))
    return files


def package_files() -> list[str]:
    """
    List the files inside the package that are not Python: simulator assets, report templates.
    """
    inside = Path(PACKAGE)
    return [
        str(path.relative_to(inside))
        for path in sorted(inside.rglob('*'))
        if _is_data(path) and path.suffix != '.py'
    ]


def _is_data(path: Path) -> bool:
    return path.is_file() and path.suffix != '.pyc' and '__pycache__' not in path.parts


setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={PACKAGE: package_files()},
    data_files=share_files(),
    install_requires=['setuptools', 'numpy', 'pyyaml'],
    extras_require=EXTRAS,
    python_requires='>=3.10',
    zip_safe=False,
    author='vaa_ros contributors',
    maintainer='vaa_ros contributors',
    maintainer_email='vaa_ros@users.noreply.github.com',
    description='Learn robot arm policies from demonstrations with vision-action alignment',
    license='Apache-2.0',
    keywords=['ROS', 'robot learning', 'imitation learning', 'manipulation'],
    entry_points={
        'console_scripts': [
            'vaa = vaa_ros.cli.main:main',
            'camera_subscriber = vaa_ros.nodes.camera_subscriber:main',
            'command_mux = vaa_ros.nodes.command_mux:main',
            'flight_recorder = vaa_ros.nodes.flight_recorder:main',
            'guard = vaa_ros.nodes.guard:main',
            'policy = vaa_ros.nodes.policy:main',
            'sim_arm = vaa_ros.nodes.sim_arm:main',
            'teleop = vaa_ros.nodes.teleop:main',
            'teleop_recorder = vaa_ros.nodes.teleop_recorder:main',
        ],
    },
)
