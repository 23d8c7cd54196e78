"""The manifest of what a scripted job made: what it tells, who signs it, and that there is one of it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import BlobDoomed, DatabaseBusy
from ledger.queries import artifacts
from ledger.signing import Signer, ensure_key, listed_keys, replace_key
from limbeck import vouched
from limbeck.verification import MANIFEST, SIGNATURE, verify
from tests.worker.bench import Bench
from tests.worker.scripted import Scripted
from worker import keep
from worker.keep import end
from worker.run import run_jobs
from worker.sandbox import detect


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked here is asked of the worker, not of a database."""
    return sqlite_url


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "signing.key"
    ensure_key(path)
    return path


def signing(bench: Bench, script: str, key: Path) -> Scripted:
    """A slot that signs, and holds its jobs however busy the machine is."""
    lease = {"lease": timedelta(seconds=60), "give_up_after": timedelta(seconds=45)}
    return bench.slot(script, signing_key=key, **lease)


def ran(bench: Bench, slot: Scripted) -> str:
    job_id = bench.submit()
    run_jobs(slot)
    return job_id


def taken_home(bench: Bench, job_id: str, folder: Path) -> Path:
    """Every artifact of the job under its name, as a pull leaves them."""
    folder.mkdir()
    with bench.sessions.reading() as session:
        for artifact in artifacts(session, job_id):
            assert not (folder / artifact.filename).exists()
            bench.store.fetch(artifact.sha256, folder / artifact.filename)
    return folder


def vouched_for(key: Path, folder: Path) -> vouched.VouchedKey:
    path = folder / "public.pem"
    path.write_text(Signer.read(key).public_key)
    return vouched.of_file(path)


def told(folder: Path) -> dict[str, Any]:
    return json.loads((folder / MANIFEST).read_bytes())


def test_a_job_leaves_a_signed_list_of_all_that_it_left(bench: Bench, key: Path, tmp_path: Path) -> None:
    job_id = ran(bench, signing(bench, "print('hello', flush=True); finish()", key))

    folder = taken_home(bench, job_id, tmp_path / "student")

    assert {path.name for path in folder.iterdir()} == {
        *("student.safetensors", "log.txt"),
        *(MANIFEST, SIGNATURE),
    }
    found = verify(folder, [vouched_for(key, tmp_path)])
    assert found.holds, found.problems
    assert [seen.file for seen in found.files] == ["log.txt", "student.safetensors"]
    with bench.sessions.reading() as session:
        assert [row.id for row in listed_keys(session)] == [found.key_id]


def test_the_manifest_says_of_what_and_how_it_was_made(bench: Bench, key: Path, tmp_path: Path) -> None:
    job_id = ran(bench, signing(bench, "finish()", key))

    manifest = told(taken_home(bench, job_id, tmp_path / "student"))

    job = bench.job(job_id)
    assert manifest["job"]["id"] == job_id
    assert (manifest["conclusion"], manifest["gates"]) == ("no_gate", [])
    assert manifest["spec"] == job.resolved_spec
    dataset = manifest["inputs"]["dataset"]
    assert (dataset["name"], dataset["version"]) == ("digits", 1)
    assert dataset["sha256"]
    assert {len(split["sha256"]) for split in dataset["splits"].values()} == {64}
    assert {name: bool(said) for name, said in manifest["code"].items()} == {
        "limbeck-server": True,
        "science_sha256": True,
    }
    assert manifest["signature"] == {
        "algorithm": "Ed25519",
        "key_id": Signer.read(key).key_id,
        "file": SIGNATURE,
    }


def test_logs_of_earlier_attempts_are_listed_too(bench: Bench, key: Path, tmp_path: Path) -> None:
    script = (
        "print('said', flush=True)\n"
        "if json.load(open('in/request.json'))['resume']: finish()\n"
        "else: checkpoint(40, b'state'); os.kill(os.getpid(), 9)"
    )
    job_id = ran(bench, signing(bench, script, key))

    folder = taken_home(bench, job_id, tmp_path / "student")

    found = verify(folder, [vouched_for(key, tmp_path)])
    assert found.holds, found.problems
    assert [seen.file for seen in found.files] == ["log-2.txt", "log.txt", "student.safetensors"]


@pytest.mark.parametrize("first", [DatabaseBusy("away"), BlobDoomed("0" * 64)])
def test_an_end_that_is_tried_again_doubles_nothing(
    bench: Bench, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: Exception
) -> None:
    refusals = [first]

    def once_refused(*arguments: Any, **more: Any) -> None:
        if refusals:
            raise refusals.pop()
        end(*arguments, **more)

    monkeypatch.setattr(keep, "end", once_refused)
    job_id = ran(bench, signing(bench, "finish()", key))

    assert bench.job(job_id).status == "succeeded"
    assert verify(taken_home(bench, job_id, tmp_path / "s"), [vouched_for(key, tmp_path)]).holds


def test_a_database_that_is_away_for_a_moment_costs_no_attempt(
    bench: Bench, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [DatabaseBusy("away"), DatabaseBusy("away")]
    signed = keep.signed

    def refused(*arguments: Any) -> dict[str, bytes]:
        if refusals:
            raise refusals.pop()
        return signed(*arguments)

    monkeypatch.setattr(keep, "signed", refused)
    monkeypatch.setattr(keep, "_DELAYS_S", (0.0,) * 5)
    job_id = ran(bench, signing(bench, "finish()", key))

    assert (bench.job(job_id).status, bench.job(job_id).attempt) == ("succeeded", 1)
    with bench.sessions.reading() as session:
        names = [artifact.filename for artifact in artifacts(session, job_id)]
    assert sorted(names) == ["log.txt", MANIFEST, SIGNATURE, "student.safetensors"]


def test_a_store_that_fails_halfway_leaves_no_half_of_a_success(
    bench: Bench, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt brings all of it, so that nothing may be there twice."""
    script = (
        "if json.load(open('in/request.json'))['resume']: finish()\n"
        "else: checkpoint(40, b'state'); until_kept(40); finish()"
    )
    doomed = [True]
    signed = keep.signed

    def once_doomed(*arguments: Any) -> dict[str, bytes]:
        if doomed:
            doomed.pop()
            raise BlobDoomed("0" * 64)
        return signed(*arguments)

    monkeypatch.setattr(keep, "signed", once_doomed)
    job_id = bench.submit()
    telling = bench.tell_when_kept(job_id, 40)
    run_jobs(signing(bench, script, key))
    telling.join()

    assert [attempt.exit_kind for attempt in bench.attempts(job_id)] == ["failed", "ok"]
    assert verify(taken_home(bench, job_id, tmp_path / "s"), [vouched_for(key, tmp_path)]).holds


def test_a_new_key_signs_from_then_on_and_the_old_one_still_counts(
    bench: Bench, key: Path, tmp_path: Path
) -> None:
    slot = signing(bench, "finish()", key)
    before = taken_home(bench, ran(bench, slot), tmp_path / "before")
    old = vouched_for(key, tmp_path)
    replace_key(key)
    after = taken_home(bench, ran(bench, slot), tmp_path / "after")
    new = vouched_for(key, tmp_path)

    assert verify(before, [new, old]).vouched_by == verify(after, [new, old]).vouched_by
    assert not verify(after, [old]).holds
    with bench.sessions.reading() as session:
        assert [row.id for row in listed_keys(session)] == [new.id, old.id]


def test_a_key_that_is_gone_is_waited_for_and_costs_no_work(bench: Bench, key: Path, tmp_path: Path) -> None:
    content = key.read_bytes()
    key.unlink()
    job_id = bench.submit(limits={"max_attempts": 1})
    run_jobs(signing(bench, "finish()", key))
    error = bench.job(job_id).error
    assert error is not None
    assert (error["code"], error["class"]) == ("not_signed", "infrastructure")
    assert str(key) in error["message"]

    key.write_bytes(content)
    again = ran(bench, signing(bench, "finish()", key))
    assert bench.job(again).status == "succeeded"


def test_without_a_key_there_is_no_manifest(bench: Bench) -> None:
    job_id = ran(bench, bench.slot("finish()"))
    with bench.sessions.reading() as session:
        assert MANIFEST not in {artifact.filename for artifact in artifacts(session, job_id)}


@pytest.mark.parametrize("kind", ["limits", "bubblewrap"])
def test_the_process_is_shown_no_key(bench: Bench, key: Path, kind: str) -> None:
    """Where the fence is up it cannot even look for it; the other sandbox keeps nobody from reading."""
    if detect("auto").kind != kind and kind == "bubblewrap":
        pytest.skip("bubblewrap does not work on this machine")
    script = (
        f"name = {key.name!r}\n"
        "words = [*os.environ, *os.environ.values(), *sys.argv]\n"
        "shown = [word for word in words if 'signing' in word.lower()]\n"
        "opened = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd') if fd != '3']\n"
        "print(shown, [path for path in opened if name in path], flush=True)\n"
        "request = pathlib.Path('in/request.json').read_text()\n"
        f"print('signing' in request, os.path.exists({str(key)!r}), flush=True)\n"
        "finish()"
    )
    slot = signing(bench, script, key)
    object.__setattr__(slot, "sandbox", detect(kind))

    job_id = ran(bench, slot)

    assert bench.job(job_id).status == "succeeded", bench.job(job_id).error
    assert bench.log(job_id).splitlines() == ["[] []", f"False {kind == 'limits'}"]


@pytest.mark.parametrize(
    "name",
    ["manifest.json", "manifest.json.sig", "log.txt", "../evil", "/evil", "a/b/c", "a\\b", ".bashrc", ""],
)
def test_a_process_cannot_name_a_file_as_it_likes(bench: Bench, key: Path, name: str) -> None:
    script = (
        "file = write('out/x', b'x')\n"
        f"file |= dict(kind='student', format='json', filename={name!r}, media_type='text/plain')\n"
        "say(type='finished', result={}, conclusion='passed', student=None, environment={}, artifacts=[file])"
    )
    job_id = ran(bench, signing(bench, script, key))
    error = bench.job(job_id).error
    assert error is not None
    assert error["code"] == "artifact_wrong"
    with bench.sessions.reading() as session:
        assert "x" not in {artifact.format for artifact in artifacts(session, job_id)}
