# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A recording double of ``launch`` and ``launch_ros``, for machines that have neither.

It knows just what the launch files of vaa_ros use. :func:`execute` walks a description as the
launch service would and writes down what would be started, with every substitution resolved.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import logging
from pathlib import Path
import sys
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Started:
    """
    A node that would be started.

    The parameters are those of the last file, which win over those of the others.
    """

    executable: str
    package: str
    namespace: str
    parameter_files: tuple[Path, ...]
    parameters: dict[str, Any]
    remappings: dict[str, str]
    environment: dict[str, str]
    ros_arguments: tuple[str, ...]
    sigterm_timeout_s: float


@dataclass
class Context:
    """
    What is known while a description is walked.
    """

    launch_configurations: dict[str, str]
    environment: dict[str, str]
    argv: list[str] = field(default_factory=list)
    arguments: dict[str, DeclareLaunchArgument] = field(default_factory=dict)
    nodes: dict[str, Started] = field(default_factory=dict)


def resolve(value: Any, context: Context) -> str:
    """
    Perform a text, a substitution or a list of both.
    """
    if isinstance(value, (list, tuple)):
        return ''.join(resolve(item, context) for item in value)
    return value if isinstance(value, str) else value.perform(context)


class Substitution:
    def perform(self, context: Context) -> str:
        raise NotImplementedError


class LaunchConfiguration:
    def __init__(self, variable_name: str) -> None:
        self.name = variable_name

    def perform(self, context: Context) -> str:
        assert self.name in context.launch_configurations, f'no launch argument {self.name!r}'
        return context.launch_configurations[self.name]


class EnvironmentVariable:
    def __init__(self, name: str, *, default_value: Any = None) -> None:
        self.name = name
        self.default = default_value

    def perform(self, context: Context) -> str:
        given = context.environment.get(self.name)
        return given if given is not None else resolve(self.default, context)


class PathJoinSubstitution:
    def __init__(self, substitutions: Iterable[Any]) -> None:
        self.parts = list(substitutions)

    def perform(self, context: Context) -> str:
        return str(Path(*(resolve(part, context) for part in self.parts)))


class PythonExpression:
    def __init__(self, expression: Iterable[Any]) -> None:
        self.expression = list(expression)

    def perform(self, context: Context) -> str:
        return str(eval(resolve(self.expression, context), {}, {}))


class NotEqualsSubstitution:
    def __init__(self, left: Any, right: Any) -> None:
        self.left = left
        self.right = right

    def perform(self, context: Context) -> str:
        return str(resolve(self.left, context) != resolve(self.right, context))


class FindPackageShare:
    def __init__(self, package: str) -> None:
        assert package == 'vaa_ros', package

    def perform(self, context: Context) -> str:
        return str(ROOT)


class IfCondition:
    def __init__(self, predicate: Any) -> None:
        self.predicate = predicate

    def holds(self, context: Context) -> bool:
        text = resolve(self.predicate, context).lower()
        assert text in ('true', 'false', '1', '0'), text
        return text in ('true', '1')


class Action:
    def __init__(self, *, condition: IfCondition | None = None) -> None:
        self.condition = condition

    def visit(self, context: Context) -> None:
        if self.condition is None or self.condition.holds(context):
            for action in self.execute(context) or ():
                action.visit(context)

    def execute(self, context: Context) -> list[Action] | None:
        raise NotImplementedError


class OpaqueFunction(Action):
    def __init__(self, *, function: Callable[..., list[Action] | None],
                 args: Iterable[Any] = ()) -> None:
        super().__init__()
        self.function = function
        self.args = list(args)

    def execute(self, context: Context) -> list[Action] | None:
        return self.function(context, *self.args)


class DeclareLaunchArgument(Action):
    def __init__(self, name: str, *, default_value: Any = None, description: str | None = None,
                 choices: list[str] | None = None) -> None:
        super().__init__()
        self.name = name
        self.default_value = default_value
        self.description = description or ''
        self.choices = choices

    def execute(self, context: Context) -> None:
        assert self.name not in context.arguments, f'{self.name} is declared twice'
        context.arguments[self.name] = self
        value = context.launch_configurations.setdefault(
            self.name, resolve(self.default_value, context))
        assert self.choices is None or value in self.choices, f'{self.name}: {value!r}'


class SetEnvironmentVariable(Action):
    def __init__(self, name: str, value: Any, **options: Any) -> None:
        super().__init__(**options)
        self.name = name
        self.value = value

    def execute(self, context: Context) -> None:
        context.environment[self.name] = resolve(self.value, context)


class PushROSNamespace(Action):
    def __init__(self, namespace: Any, **options: Any) -> None:
        super().__init__(**options)
        self.namespace = namespace

    def execute(self, context: Context) -> None:
        name = resolve(self.namespace, context)
        before = context.launch_configurations.get('ros_namespace', '')
        parts = [name] if name.startswith('/') else [before, name]
        context.launch_configurations['ros_namespace'] = '/' + '/'.join(
            part.strip('/') for part in parts if part.strip('/'))


class GroupAction(Action):
    def __init__(self, actions: Iterable[Action], **options: Any) -> None:
        super().__init__(**options)
        self.actions = list(actions)

    def execute(self, context: Context) -> None:
        before = dict(context.launch_configurations), dict(context.environment)
        for action in self.actions:
            action.visit(context)
        context.launch_configurations, context.environment = before


class ParameterValue:
    def __init__(self, value: Any, *, value_type: type) -> None:
        self.value = value
        self.kind = value_type

    def evaluate(self, context: Context) -> Any:
        text = resolve(self.value, context)
        if self.kind is not bool:
            return self.kind(text)
        value = yaml.safe_load({'1': 'true', '0': 'false'}.get(text, text))
        if not isinstance(value, bool):
            raise ValueError(f'{text!r} is no bool')
        return value


class Node(Action):
    def __init__(self, *, package: str, executable: str, output: str,
                 parameters: Iterable[Any] = (), remappings: Iterable[tuple[Any, Any]] = (),
                 ros_arguments: Iterable[Any] = (), sigterm_timeout: str = '5',
                 **options: Any) -> None:
        super().__init__(**options)
        assert output == 'screen'
        self.sigterm_timeout = sigterm_timeout
        self.package = package
        self.executable = executable
        self.parameters = list(parameters)
        self.remappings = list(remappings)
        self.ros_arguments = list(ros_arguments)

    def execute(self, context: Context) -> None:
        files = tuple(Path(resolve(item, context)) for item in self.parameters)
        (name, body), = yaml.safe_load(files[-1].read_text(encoding='utf-8')).items()
        assert name == f'/**/**/{self.executable}', name
        assert self.executable not in context.nodes, f'{self.executable} is started twice'
        context.nodes[self.executable] = Started(
            self.executable, self.package, context.launch_configurations.get('ros_namespace', ''),
            files[:-1], body['ros__parameters'],
            {resolve(a, context): resolve(b, context) for a, b in self.remappings},
            dict(context.environment),
            tuple(resolve(item, context) for item in self.ros_arguments),
            float(resolve(self.sigterm_timeout, context)))


def get_logger(name: str) -> logging.Logger:
    return logging.getLogger(name)


class LaunchDescription:
    def __init__(self, initial_entities: Iterable[Action] = ()) -> None:
        self.entities = list(initial_entities)


def execute(description: LaunchDescription, arguments: Mapping[str, str],
            environment: Mapping[str, str] | None = None,
            strays: Iterable[str] = ()) -> Context:
    """
    Walk a description with some arguments given.

    :param strays: words that were typed beside them.
    """
    words = [f'{name}:={value}' for name, value in arguments.items()]
    context = Context(dict(arguments), dict(environment or {}), [*words, *strays])
    for entity in description.entities:
        entity.visit(context)
    unknown = set(arguments) - set(context.arguments)
    assert not unknown, f'no such launch arguments: {sorted(unknown)}'
    return context


MODULES = {
    'launch': (Action, LaunchDescription, Substitution),
    'launch.actions': (DeclareLaunchArgument, GroupAction, OpaqueFunction,
                       SetEnvironmentVariable),
    'launch.conditions': (IfCondition,),
    'launch.logging': (get_logger,),
    'launch.substitutions': (EnvironmentVariable, LaunchConfiguration, NotEqualsSubstitution,
                             PathJoinSubstitution, PythonExpression),
    'launch_ros': (),
    'launch_ros.actions': (Node, PushROSNamespace),
    'launch_ros.parameter_descriptions': (ParameterValue,),
    'launch_ros.substitutions': (FindPackageShare,),
}


def install(patch: pytest.MonkeyPatch) -> None:
    """
    Stand in for both libraries until the patch is undone.
    """
    for name, classes in MODULES.items():
        module = ModuleType(name)
        for item in classes:
            setattr(module, item.__name__, item)
        patch.setitem(sys.modules, name, module)
