"""The modules under test are arguments, so that the same promises can be held against a copy with a fault in it."""

from types import ModuleType

import pytest

import bot.core.causes
import bot.core.facts
import bot.core.pods
import bot.core.repairs


@pytest.fixture(scope="session")
def facts() -> ModuleType:
    return bot.core.facts


@pytest.fixture(scope="session")
def pods() -> ModuleType:
    return bot.core.pods


@pytest.fixture(scope="session")
def causes() -> ModuleType:
    return bot.core.causes


@pytest.fixture(scope="session")
def repairs() -> ModuleType:
    return bot.core.repairs
