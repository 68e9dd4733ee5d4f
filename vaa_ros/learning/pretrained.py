# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pretrained weights for the vision encoders: from a folder on disk, or from a hub where one is.

Weights are read from safetensors files alone, which hold numbers and no code.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.hub_encoder import FAMILIES
from vaa_ros.alignment.hub_encoder import library
from vaa_ros.core.errors import ModelError

CONFIG, WEIGHTS = 'config.json', 'model.safetensors'
SHARDS, PICTURES = 'model.safetensors.index.json', 'preprocessor_config.json'


def load_body(config: ModelConfig) -> nn.Module:
    """
    Load a pretrained encoder.

    :param config: ``vision`` says which kind, ``pretrained`` which folder or name.
    :return: the library's model, with its weights.
    :raises ModelError: if the weights are not to be had; says which files to put where.
    """
    family, name = FAMILIES[config.vision], config.pretrained
    folder = Path(name).expanduser()
    advice = (f'. Put {CONFIG} and {WEIGHTS} of a {family.model} (save_pretrained writes them, a '
              f'hub page offers them) into a folder, and set model.pretrained to its path')
    if folder.is_dir():
        missing = [each for each in (CONFIG, *weight_files(folder))
                   if not (folder / each).is_file()]
        if missing:
            there = ', '.join(sorted(each.name for each in folder.iterdir())) or 'nothing'
            raise ModelError(f'model.pretrained {folder} has no {" and no ".join(missing)}, only '
                             f'{there}{advice}')
    elif name.startswith(('/', '.', '~')):
        raise ModelError(f'model.pretrained {name}: no such folder{advice}')
    try:
        model, told = getattr(library(), family.model).from_pretrained(
            str(folder) if folder.is_dir() else name, use_safetensors=True,
            output_loading_info=True)
    except Exception as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise ModelError(f'model.pretrained {name}: cannot be loaded as {family.model} here: '
                         f'{reason}{advice}') from problem
    # The library fills up what is missing with random numbers.
    absent = sorted(key for key in told['missing_keys'] if not key.startswith('pooler'))
    if absent or told['mismatched_keys']:
        raise ModelError(
            f'model.pretrained {name} is no whole {family.model}: {len(absent)} weights are '
            f'missing ({", ".join(absent[:3])}), {len(told["mismatched_keys"])} have another '
            f'size{advice}')
    return model


def weight_files(folder: Path) -> list[str]:
    """
    Tell which files of a folder hold the weights: one, or the shards that an index lists.

    :param folder: the folder.
    :return: their names, whether they are there or not.
    :raises ModelError: if the index is malformed, or names files elsewhere.
    """
    index = folder / SHARDS
    if (folder / WEIGHTS).is_file() or not index.is_file():
        return [WEIGHTS]
    try:
        names = sorted(set(json.loads(index.read_text(encoding='utf-8'))['weight_map'].values()))
        foreign = [name for name in names if Path(name).name != name]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ModelError(f'{index}: no index of weights ({type(problem).__name__}: {problem}), '
                         'expected a weight_map of names to files') from problem
    if foreign or not names:
        raise ModelError(f'{index}: lists {", ".join(foreign) or "no file"}, expected names of '
                         'files in the same folder')
    return names


def picture_normal(name: str) -> dict[str, tuple[float, ...]]:
    """
    Read which mean and spread of pictures pretrained weights are used to.

    :param name: the folder, or a name on a hub.
    :return: ``image_mean`` and ``image_std``; empty where no preprocessor_config.json says so.
    :raises ModelError: if the file is malformed, or asks for something else.
    """
    path = Path(name).expanduser() / PICTURES
    if not Path(name).expanduser().is_dir():
        try:
            path = Path(library().utils.cached_file(name, PICTURES))
        except OSError:
            # The weights came from there a moment ago: it has no such file.
            return {}
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding='utf-8'))
        if not found.get('do_normalize', True):
            return {'image_mean': (0.0, 0.0, 0.0), 'image_std': (1.0, 1.0, 1.0)}
        if 'image_mean' not in found and 'image_std' not in found:
            return {}
        normal = {key: tuple(float(value) for value in found[key])
                  for key in ('image_mean', 'image_std')}
        factor = float(found.get('rescale_factor', 1 / 255))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ModelError(f'{path}: cannot be read ({type(problem).__name__}: {problem}), expected '
                         'image_mean and image_std, three numbers each') from problem
    if not found.get('do_rescale', True) or not math.isclose(factor, 1 / 255, rel_tol=1e-3):
        raise ModelError(f'{path}: do_rescale {found.get("do_rescale", True)} by rescale_factor '
                         f'{factor}, expected 1/255; set model.image_mean and model.image_std '
                         'for pictures of 0 to 1')
    return normal


def with_pretrained_size(config: ModelConfig) -> ModelConfig:
    """
    Take over sizes and picture statistics of the pretrained encoder; a run needs its files once.

    What ``vision_config`` says itself wins: with a smaller ``image_size`` the position
    embeddings are resampled.

    :param config: the model's configuration.
    :return: the same with the whole ``vision_config``, and ``image_mean`` and ``image_std`` where
        the weights say them; unchanged without pretrained weights.
    :raises ModelError: if the weights are not to be had.
    """
    if not config.pretrained:
        return config
    sizes = json.loads(load_body(config).config.to_json_string(use_diff=False))
    known = set(getattr(library(), FAMILIES[config.vision].config)().to_dict())
    kept = {key: value for key, value in sizes.items()
            if key in known and isinstance(value, (int, float, str, list)) and key not in _NO_SIZE}
    normal = picture_normal(config.pretrained) if config.image_mean is None else {}
    try:
        return replace(config, vision_config={**kept, **config.vision_config}, **normal)
    except ValueError as problem:
        raise ModelError(f'model.pretrained {config.pretrained}: {PICTURES}: {problem}') \
            from problem


_NO_SIZE = {'architectures', 'transformers_version', 'model_type', 'dtype', 'torch_dtype',
            '_name_or_path', 'out_features', 'out_indices', 'stage_names'}


def put_pretrained(eyes: Mapping[str, nn.Module], config: ModelConfig) -> None:
    """
    Put pretrained weights into the encoders of a policy.

    :param eyes: the encoders, a camera each.
    :param config: the model's configuration.
    :raises ModelError: if the weights are not to be had, or do not fit.
    """
    if not config.pretrained:
        return
    source = load_body(config).state_dict()
    for eye in set(eyes.values()):
        wanted = eye.body.state_dict()
        fitting = {name: resampled(value, wanted[name]) for name, value in source.items()
                   if name in wanted and 'position_ids' not in name}
        differing = [f'{name} is {tuple(value.shape)}, expected {tuple(wanted[name].shape)}'
                     for name, value in fitting.items() if value.shape != wanted[name].shape]
        absent = [name for name in wanted if name not in fitting and 'position_ids' not in name
                  and not name.startswith('pooler')]
        if differing or absent:
            problems = [*differing, *(f'{name} is missing' for name in absent)]
            raise ModelError(f'model.pretrained {config.pretrained} does not fit '
                             f'model.vision_config: {"; ".join(problems[:4])}')
        eye.body.load_state_dict(fitting, strict=False)


def resampled(value: torch.Tensor, wanted: Any) -> torch.Tensor:
    """
    Fit learned position embeddings to another number of patches.

    :param value: a weight of the pretrained encoder.
    :param wanted: the weight that it is for.
    :return: position embeddings resampled on the square grid of patches, the first token as it
        was; every other weight unchanged.
    """
    if value.shape == wanted.shape or value.shape[-1] != wanted.shape[-1] or value.ndim < 2:
        return value
    first, grid = value[..., :1, :], value[..., 1:, :].reshape(-1, value.shape[-1])
    before, after = math.isqrt(len(grid)), math.isqrt(wanted.shape[-2] - 1)
    if before ** 2 != len(grid) or after ** 2 != wanted.shape[-2] - 1:
        return value
    picture = grid.T.reshape(1, -1, before, before)
    picture = functional.interpolate(picture, size=(after, after), mode='bicubic')
    tokens = picture.reshape(value.shape[-1], -1).T
    return torch.cat((first.reshape(1, -1), tokens)).reshape(wanted.shape)
