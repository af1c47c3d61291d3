"""Files, in the three steps that the library takes, and each of them by itself."""

from tests.demo.workspace.desk import ADA, CHANNEL, Desk, refused


def announced(desk: Desk, raw: bytes, name: str = "evidence.txt") -> tuple[str, str]:
    """Its id, and the path to send it to."""
    told = desk.app.files_getUploadURLExternal(filename=name, length=len(raw))
    return str(told["file_id"]), str(told["upload_url"]).removeprefix(desk.url)


def test_a_file_goes_into_a_thread_and_is_read_as_text_and_never_run(desk: Desk) -> None:
    ts, raw = desk.post(), "$ docker ps\n<script>é</script>\n".encode()

    desk.app.files_upload_v2(channel=CHANNEL, thread_ts=ts, file=raw, filename="evidence.html", title="evidence")

    [_, message] = desk.app.conversations_replies(channel=CHANNEL, ts=ts)["messages"]
    [file] = message["files"]
    assert (file["name"], file["title"], file["size"]) == ("evidence.html", "evidence", len(raw))
    heard = desk.ask("GET", file["url_private"].removeprefix(desk.url))
    assert heard.raw == raw
    assert heard.headers["content-type"] == "text/plain; charset=utf-8"
    assert heard.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert heard.headers["x-content-type-options"] == "nosniff"
    assert [each["name"] for each in desk.seen(ADA)["messages"][CHANNEL][1]["files"]] == ["evidence.html"]


def test_an_upload_is_no_file_before_it_is_completed(desk: Desk) -> None:
    file, place = announced(desk, b"abc")
    assert refused(desk.app.files_completeUploadExternal, files=[{"id": file}])["error"] == "file_not_found"

    assert desk.ask("POST", place, b"abc").status == 200
    assert desk.ask("GET", f"/files/{file}").status == 404

    desk.app.files_completeUploadExternal(files=[{"id": file, "title": "t"}])
    assert desk.ask("GET", f"/files/{file}").raw == b"abc"
    assert desk.workspace.messages(CHANNEL) == ()
    assert refused(desk.app.files_completeUploadExternal, files=[{"id": file}])["error"] == "file_not_found"


def test_bytes_of_another_number_than_announced_or_sent_twice_are_not_taken(desk: Desk) -> None:
    for raw in (b"", b"ab", b"abcd"):
        _, place = announced(desk, b"abc")
        assert desk.ask("POST", place, raw).status == 400
        assert desk.ask("POST", place, b"abc").status == 400
    assert desk.ask("POST", "/upload/guessed", b"abc").status == 400


def test_what_cannot_be_announced(desk: Desk) -> None:
    for filename, length in (("", 1), ("a", 0), ("a", 50_000_001), ("a", "9" * 5_000), ("a", -1), ("a", "many")):
        asked = {"filename": filename, "length": length}
        told = refused(desk.app.api_call, api_method="files.getUploadURLExternal", params=asked)
        assert told["error"] == "invalid_arguments"


def test_files_are_completed_all_together_or_not_at_all(desk: Desk) -> None:
    file, place = announced(desk, b"abc")
    desk.ask("POST", place, b"abc")

    def error(**given: object) -> str:
        return str(refused(desk.app.api_call, api_method="files.completeUploadExternal", json=given)["error"])

    both = [{"id": file}, {"id": "F0NONE"}]
    assert error(files=both, channel_id=CHANNEL) == "file_not_found"
    assert error(files=[{"id": file}], channel_id="C0NOWHERE") == "channel_not_found"
    assert error(files=[{"id": file}], channel_id="C0ELSEWHERE") == "not_in_channel"
    assert error(files=[{"id": file}], channel_id=CHANNEL, thread_ts="1.000000") == "thread_not_found"
    nonsenses: tuple[object, ...] = ([], {}, "x", ["x"], None)
    for nonsense in nonsenses:
        assert error(files=nonsense) == "invalid_arguments"

    assert desk.app.files_completeUploadExternal(files=[{"id": file, "title": ""}], channel_id=CHANNEL)["ok"]
