"""The command: what it refuses, and its address."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tacitly.cli.main import run as command
from tacitly.errors import SettingsError
from tacitly.serve import running
from tests.unit.detect_samples import made_detector
from tests.unit.serve_samples import made_model

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = made_model(tmp_path_factory.mktemp("model"))
    folder = tmp_path_factory.mktemp("detector")
    made_detector(model).save(folder)
    return folder


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(running.KEY_VARIABLE, raising=False)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert command(["serve", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.usefixtures("no_key")
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_machines_are_not_answered_without_a_key(
    detector: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "--detector", detector, "--host", host, "--port", 0)
    assert "can be reached from other machines, and there is no API key" in said
    assert "--api-key-file FILE" in said


def test_with_a_key_they_are() -> None:
    with running.bind("0.0.0.0", 0, key="a-key") as bound:
        assert running.url(bound).startswith("http://0.0.0.0:")
    for host in ("127.0.0.1", "localhost", ""):
        with running.bind(host, 0, key=None) as bound:
            assert "127.0.0.1" in running.url(bound) or "[::1]" in running.url(bound)


@pytest.mark.usefixtures("no_key")
def test_a_port_that_is_taken_is_named(detector: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(capsys, "--detector", detector, "--port", port)
    assert f"cannot listen on '127.0.0.1' port {port}: address already in use" in said
    assert "--port" in said


@pytest.mark.usefixtures("no_key")
def test_an_address_that_is_none_is_named(detector: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--host '300.1.1.1' is no address" in refused(capsys, "--detector", detector, "--host", "300.1.1.1")
    assert "cannot listen on '192.0.2.1'" in refused(
        capsys, "--detector", detector, "--host", "192.0.2.1", "--api-key-file", key_file(detector, "a-key")
    )


def key_file(folder: Path, text: str) -> Path:
    (folder / "key.txt").write_text(text)
    return folder / "key.txt"


def test_a_key_comes_from_a_file_or_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_key: None
) -> None:
    assert running.read_key(None) is None
    assert running.read_key(key_file(tmp_path, " a-key\n")) == "a-key"
    monkeypatch.setenv(running.KEY_VARIABLE, "another")
    assert running.read_key(None) == "another"
    assert running.read_key(key_file(tmp_path, "a-key")) == "a-key"
    monkeypatch.setenv(running.KEY_VARIABLE, "")
    assert running.read_key(None) is None
    for text in ("", "two words", "two\nlines", "a\x00key"):
        with pytest.raises(SettingsError, match="holds no API key"):
            running.read_key(key_file(tmp_path, text))
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        running.read_key(tmp_path / "nowhere")
    (tmp_path / "key.txt").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="it is not UTF-8"):
        running.read_key(tmp_path / "key.txt")


@pytest.mark.usefixtures("no_key")
def test_missing_packages_are_named(
    detector: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tacitly.extras.find_spec", lambda name: None if name == "uvicorn" else name)
    said = refused(capsys, "--detector", detector)
    assert "not installed (uvicorn)" in said
    assert "pip install 'tacitly[serve]'" in said


@pytest.mark.usefixtures("no_key")
def test_a_detector_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no detector in" in refused(capsys, "--detector", tmp_path, "--port", 0)


def test_help_loads_neither_a_server_nor_torch() -> None:
    program = (
        "import sys\nfrom tacitly.cli.main import run\nrun(['--help'])\nrun(['serve', '--help'])\n"
        "print(sorted({'fastapi', 'uvicorn', 'torch', 'openai'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_model_that_cannot_write_is_refused(
    detector: Path, monkeypatch: pytest.MonkeyPatch, no_key: None, capsys: pytest.CaptureFixture[str]
) -> None:
    from tacitly.engines.continuous import ContinuousBatch

    monkeypatch.setattr(ContinuousBatch, "step", lambda _: 1 / 0)
    assert command(["serve", "--detector", str(detector), "--port", "0"]) == 2
    said = capsys.readouterr()
    assert "cannot write an answer: the model failed at this" in said.err.splitlines()[-1]
    assert said.out == ""
