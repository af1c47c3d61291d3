"""`ports.Looks`: any pod of any cluster, looked at because somebody asked, without an incident and without a record."""

from datetime import UTC, datetime

from bot.app.clusters import Program
from bot.core import findings
from bot.core.findings import Finding
from bot.ports import Garbled, Missing, Place
from bot.settings import Settings, SettingsError, playbooks


class Looker:
    def __init__(self, settings: Settings, program: Program) -> None:
        self._settings = {each.name: each for each in settings.clusters}
        self._program = program

    def places(self, words: str) -> tuple[Place, ...]:
        return tuple(
            Place(cluster=where.name, namespace=namespace, pod=name)
            for where, namespace, name in self._program.places(words)
        )

    def look(self, place: Place) -> Finding:
        settings = self._settings.get(place.cluster)
        if settings is None:
            raise Missing("looking at the pod", str(place), "there is no such cluster", "See the settings.")
        try:
            causes = playbooks(None)
        except SettingsError as error:
            why = str(error.faults[0])
            raise Garbled("reading the playbooks", "this machine", why, "See `playbooks check`.") from error
        seen = self._program.look(settings, place.namespace, place.pod, causes, lambda _: None)
        return findings.of(seen.diagnosis, "", datetime.now(UTC), seen.took)
