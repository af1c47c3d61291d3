"""Whatever a node prints, a parser answers: with a clean fact of its own catalogue, or with why there is none."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.facts import BY_NAME, CATALOGUE, Facts, Known, NodeAnswers, Unknown
from bot.core.hostile import plain
from bot.core.pods import Asked, Question
from bot.probes import answers, silence
from bot.probes.frames import Frame
from tests.probes.replay import STATES, frames_of, moment_of
from tests.probes.saying import CRI, DOCKER, ID, NOW, OTHER_ID, UID, values

NAMES = (
    *("node", "disk", "processes", "cgroup", "mounts", "kernel", "kubelet.log", "units"),
    *("docker.version", "docker.info", "docker.ps", "containerd.version", "containerd.tasks"),
    *(f"{name}/{ID}" for name in ("docker.inspect", "docker.process", "containerd.task", "containerd.shim")),
    *(f"docker.inspect/{OTHER_ID}", "docker.inspect/abc", f"containerd.containers/{UID}"),
)
# Words that parsers look for, so that chance gets past their first line.
WORDS = (
    *(ID, OTHER_ID, UID, "pid", "stat", "dir", "procs", "freezer", "events", "frozen", "cgroup", "threads", "pending"),
    *("CONTAINER ID   STATUS   NAMES", "TASK   PID   STATUS", "PID    INFO", "RUNNING", "Server:", "Version:", "--"),
    *(
        "oom-kill:constraint=A,nodemask=,cpuset=,mems_allowed=,oom_memcg=/,task_memcg=/,task=a,pid=1,uid=0",
        "Killed process 1 (a) x",
        "[1.5]",
    ),
    *("E1123 20:27:09.005747 1 a.go:1] ", "E9999 99:99:99.999999 1 a.go:1] ", "epoch=", "btime=", "btime=8589934592"),
    *(
        f'{{"Id":"{ID}","State":',
        '{"Status":"exited","Pid":1,"StartedAt":"9999-12-31T23:59:59-23:59"}}',
        '{"status":3}',
    ),
    *("\n", " ", "\t", "=", "%", "/", "0", "137", "9" * 40, "\x1b[31m", "\u202e", "\x00", "2026-11-23T20:25:24Z"),
    *(
        "containerd-shim -namespace moby -id",
        "(a) S 1" + " 0" * 18,
        "[Mon Nov 23 20:25:24 0000] ",
        "[999999999.999999999] ",
    ),
)
outputs = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(WORDS), max_size=40).map("".join).map(str.encode))
said = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.sampled_from((0, 0, 0, 1, 124, 125, 127, 137)), outputs, outputs), max_size=8
)


@given(said, st.sampled_from((DOCKER, CRI)))
@settings(deadline=None, max_examples=300)
def test_no_bytes_make_a_parser_raise_or_say_what_is_not_clean(
    told: dict[str, tuple[int, bytes, bytes]], question: Question
) -> None:
    frames = {name: Frame(name, code, 8000, out, err) for name, (code, out, err) in told.items()}

    assert_clean(answers(frames, question, NOW))


@given(st.sampled_from(STATES), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_real_output_with_bytes_changed_is_still_answered(folder: Path, random: object) -> None:
    frames, question = frames_of(folder)
    changed = {}
    for name, frame in frames.items():
        out = bytearray(frame.out)
        for _ in range(min(20, len(out))):
            out[random.randrange(len(out))] = random.randrange(256)  # type: ignore[attr-defined]
        changed[name] = Frame(name, frame.exit_code, frame.ms, bytes(out), frame.err)

    assert_clean(answers(changed, question, moment_of(folder)))


def test_an_id_that_was_asked_in_another_form_is_not_taken_for_a_container() -> None:
    asked = Asked(uid=UID, namespace="prod", name="x", containers=(ID[:12],))  # type: ignore[arg-type]

    assert answers({}, Question(runtime="docker", pods=(asked,)), NOW).containers == {}


def test_silence_leaves_everything_unknown_for_one_reason() -> None:
    quiet = silence(DOCKER, "ssh timed out after 10 s\x1b[31m")

    assert_clean(quiet)
    for found in (quiet.node, quiet.pods[UID], quiet.containers[ID]):
        assert set(values(found).values()) == {"? ssh timed out after 10 s"}
    assert quiet.belongs == {ID: UID}


def assert_clean(heard: NodeAnswers) -> None:
    assert_facts("node", heard.node)
    for found in heard.pods.values():
        assert_facts("pod", found)
    for found in heard.containers.values():
        assert_facts("container", found)
    for name in heard.names.values():
        assert name == plain(name)


def assert_facts(scope: str, found: Facts) -> None:
    assert set(found) == {kind.name for kind in CATALOGUE if kind.scope == scope and not kind.name.startswith("api.")}
    for name, fact in found.items():
        assert fact.name == name
        assert fact.source == plain(fact.source)
        if isinstance(fact.answer, Unknown):
            assert fact.answer.why
            assert fact.answer.why == plain(fact.answer.why)
            continue
        assert isinstance(fact.answer, Known)
        assert type(fact.answer.value) is BY_NAME[name].type
        if isinstance(fact.answer.value, str):
            assert fact.answer.value == plain(fact.answer.value)
