"""A server that a signal ends: its streams are told, and nothing else is printed."""

import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.unit.detect_samples import made_detector
from tests.unit.gate_samples import PATIENCE
from tests.unit.serve_samples import made_model

pytestmark = pytest.mark.recovery


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = made_model(tmp_path_factory.mktemp("model"))
    folder = tmp_path_factory.mktemp("detector")
    made_detector(model).save(folder)
    return folder


@pytest.fixture
def process(detector: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    monkeypatch.delenv("TACITLY_API_KEY", raising=False)
    arguments = ["serve", "--detector", str(detector), "--port", "0", "--new-tokens", "128"]
    program = "import torch; torch.set_num_threads(1); from tacitly.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_with_streams_told_and_nothing_printed_but_that(
    process: subprocess.Popen[str], number: int, code: int
) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("serving a-tiny-model on http://127.0.0.1:"), process.communicate()
    url = line.split()[-1]
    with urllib.request.urlopen(f"{url}/health", timeout=PATIENCE) as reply:
        assert reply.status == 200
    problems: list[BaseException] = []
    begun = threading.Event()

    def stream() -> None:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=PATIENCE)
        try:
            while True:
                say = {"role": "user", "content": "Go on."}
                for _ in client.chat.completions.create(
                    model="a-tiny-model", messages=[say], max_tokens=128, temperature=1, n=8, stream=True
                ):
                    begun.set()
        except openai.OpenAIError as error:
            problems.append(error)
        finally:
            begun.set()
            client.close()

    thread = threading.Thread(target=stream)
    thread.start()
    assert begun.wait(PATIENCE)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    thread.join(PATIENCE)
    assert (process.returncode, out, err) == (code, "", "tacitly: stopped\n" if code else "")
    assert len(problems) == 1
