"""What tests have JUnit's file say, from workers to the controller, which writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from _pytest.junitxml import xml_key

from pytest_modelbench.workers.events import Noted
from pytest_modelbench.workers.wire import Channel


@dataclass(frozen=True, slots=True)
class NotesForXml:
    """What stands in a worker for pytest's `LogXML`, as far as fixtures that record something ask for it."""

    channel: Channel
    family: str

    def add_global_property(self, name: str, value: object) -> None:
        """Pass a property of the suite on."""
        self.channel.send(Noted("", name, str(value)))

    def node_reporter(self, test: object) -> AttributesForXml:
        """What the attributes of ``test`` are added to, a node id, which pytest 9.2 has a class for."""
        return AttributesForXml(self.channel, str(test))


@dataclass(frozen=True, slots=True)
class AttributesForXml:
    """What stands in a worker for the reporter of one test."""

    channel: Channel
    test: str

    def add_attribute(self, name: str, value: object) -> None:
        """Pass an attribute of the test on."""
        self.channel.send(Noted(self.test, name, str(value)))


def take_notes(config: pytest.Config, channel: Channel) -> None:
    """In a worker: pass on what is recorded for JUnit's file."""
    if getattr(config.option, "xmlpath", None):
        notes: Any = NotesForXml(channel, config.getini("junit_family"))
        config.stash[xml_key] = notes
        config.pluginmanager.register(notes)  # pytest takes it out again at the end


def write_note(config: pytest.Config, note: Noted) -> None:
    """In the controller: have JUnit's file say it, once however often it was told."""
    xml = config.stash.get(xml_key, None)
    if xml is None:
        return
    if note.test:
        xml.node_reporter(note.test).add_attribute(note.name, note.value)
    elif (note.name, note.value) not in xml.global_properties:
        xml.add_global_property(note.name, note.value)
