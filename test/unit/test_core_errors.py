# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Errors: one family, and unknown names that list what exists.
"""
from __future__ import annotations

import inspect

import pytest

from vaa_ros.core import errors
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.errors import VaaError

CLASSES = [item for _, item in inspect.getmembers(errors, inspect.isclass)
           if item.__module__ == errors.__name__]


@pytest.mark.parametrize('cls', CLASSES)
def test_every_error_is_of_one_family(cls: type) -> None:
    assert issubclass(cls, VaaError)


def test_all_contracted_errors_exist() -> None:
    assert {'SpecError', 'ModelError', 'BagError', 'DatasetError', 'ConfigError', 'ImageError',
            'RosError'} <= {cls.__name__ for cls in CLASSES}


def test_an_unknown_name_lists_what_exists_and_the_nearest() -> None:
    error = unknown_name('task', 'pick_plase', ['reach', 'pick_place', 'push'])
    assert isinstance(error, ConfigError)
    assert str(error) == ("unknown task 'pick_plase'. Did you mean 'pick_place'? "
                          'Available: pick_place, push, reach')


def test_no_guess_when_nothing_is_near() -> None:
    assert str(unknown_name('robot', 'zzz', ('vaa_arm',))) == (
        "unknown robot 'zzz'. Available: vaa_arm")


@pytest.mark.parametrize('available', [[], (), iter([])])
def test_nothing_available(available: object) -> None:
    assert str(unknown_name('model', 'x', available)) == "unknown model 'x'. Available: none"


@pytest.mark.parametrize('name', [None, 7, '', 'a' * 10_000])
def test_any_name_can_be_unknown(name: object) -> None:
    assert 'Available: one' in str(unknown_name('key', name, ['one']))
