"""Files: an upload is announced with its length, its bytes are sent, and then it is completed. Not before is it one."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.demo.workspace.calls import NotOk
from bot.demo.workspace.ids import named, secret
from bot.demo.workspace.messages import File

MOST_FILE_BYTES = 50_000_000


@dataclass(slots=True)
class _Upload:
    file: File
    length: int
    arrived: bool = False


class Files:
    def __init__(self) -> None:
        self._places: dict[str, _Upload] = {}
        self._uploads: dict[str, _Upload] = {}
        self._whole: dict[str, File] = {}

    def announce(self, name: str, length: int) -> tuple[str, str]:
        """The file's id, and the place to send its bytes to."""
        if not name:
            raise NotOk("invalid_arguments", "[ERROR] missing required field: filename")
        if not 0 < length <= MOST_FILE_BYTES:
            raise NotOk("invalid_arguments", "[ERROR] invalid length")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        upload = _Upload(File(id=named("F"), name=name, title=name, mimetype=kind, raw=b""), length)
        place = secret()
        self._places[place] = self._uploads[upload.file.id] = upload
        return upload.file.id, place

    def receive(self, place: str, raw: bytes) -> str:
        """Empty, or why it is not taken."""
        upload = self._places.pop(place, None)
        if upload is None:
            return "no such upload"
        if len(raw) != upload.length:
            return f"{upload.length} bytes were announced, and {len(raw)} came"
        upload.file = replace(upload.file, raw=raw)
        upload.arrived = True
        return ""

    def complete(self, titles: Mapping[str, str]) -> tuple[File, ...]:
        """All of them, by id, or none."""
        arrived = {each.file.id: each.file for each in self._uploads.values() if each.arrived}
        if not titles.keys() <= arrived.keys():
            raise NotOk("file_not_found")
        whole = {each: replace(arrived[each], title=title or arrived[each].name) for each, title in titles.items()}
        for each in whole:
            del self._uploads[each]
        self._whole.update(whole)
        return tuple(whole.values())

    def find(self, file_id: str) -> File | None:
        return self._whole.get(file_id)
