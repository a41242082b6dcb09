"""Stages `probes` and `baselines`: from labelled answers with states to folds, scores and a detector."""

import numpy as np

from tacitly.activations.store import ActivationStore
from tacitly.collect.asker import is_studied
from tacitly.collect.bench import Bench
from tacitly.collect.tables import KEPT, every_greedy_row, greedy_rows, read_questions
from tacitly.evaluation.abstention import fix_thresholds
from tacitly.evidence import ABSTENTION, BASELINES, INNER_FOLDS, PROBES
from tacitly.experiments.abstention import keep_back, make_promise, score_answers
from tacitly.experiments.error_detection import DetectorSource, ProbeStage, score_baselines, train_probes
from tacitly.probes.asking import SAME, Asking
from tacitly.probes.detector import HEADER_FILE, WEIGHTS_FILE, Detector, DetectorModel
from tacitly.results.further_baselines import score_run_samples, scores_with_eos, verdicts_of_the_model


def write_probes(bench: Bench) -> None:
    """Train the probes of the whole protocol; leave folds, scores, choices, the heat map and the detector."""
    run, settings = bench.run, bench.settings
    if settings.abstention.alpha is not None:
        kept = keep_back(every_greedy_row(run), rng=np.random.default_rng([settings.seed, 8]))
        run.write_table(f"{KEPT}.parquet", kept)
    rows = greedy_rows(run)
    store = ActivationStore(run, rows["answer_id"].tolist())
    model = run.manifest.model or {}
    source = DetectorSource(
        model=DetectorModel(**{name: model.get(name) for name in DetectorModel.model_fields}),
        task=settings.task.name,
        version=run.manifest.versions["tacitly"],
        asking=_asking(bench),
    )
    stage = train_probes(
        rows, store, source=source, seeds=range(settings.probe.seeds), seed=settings.seed, progress=bench.progress
    )
    run.write_table("folds.parquet", stage.folds)
    run.write_table(INNER_FOLDS, stage.inner_folds)
    run.write_table("scores/probes.parquet", stage.scores)
    run.write_json(PROBES, stage.record)
    if stage.detector is None:
        bench.warn("probes", f"no detector was saved: {stage.detector_reason}")
    else:
        detector = stage.detector
        if settings.abstention.alpha is not None:
            detector = _promise(bench, detector, stage, alpha=settings.abstention.alpha)
        detector.save(run.path / "detector")
        for name in (WEIGHTS_FILE, HEADER_FILE):
            run.adopt(f"detector/{name}")


def write_baselines(bench: Bench) -> None:
    """Score the baselines and controls on the same answers and folds."""
    run, settings = bench.run, bench.settings
    rows = greedy_rows(run)
    store = ActivationStore(run, rows["answer_id"].tolist())
    samples = score_run_samples(bench, rows)
    verdicts, no_verdicts = verdicts_of_the_model(run, rows)
    stage = score_baselines(
        rows,
        store,
        probes=run.json(PROBES),
        seeds=tuple(range(settings.probe.seeds)),
        seed=settings.seed,
        progress=bench.progress,
        further={**scores_with_eos(rows), **verdicts, **samples.scores},
        absent={**no_verdicts, **samples.absent},
    )
    run.write_table("scores/baselines.parquet", stage.scores)
    run.write_json(BASELINES, stage.record)


def _promise(bench: Bench, detector: Detector, stage: ProbeStage, *, alpha: float) -> Detector:
    """Test the detector on the answers that were kept, and write down what it says of each that was drawn."""
    run, delta = bench.run, bench.settings.abstention.delta
    kept, rows = run.table(KEPT), every_greedy_row(run)
    rows = rows[rows["answer_id"].isin(kept.loc[kept["drawn"], "answer_id"])].reset_index(drop=True)
    scored = score_answers(detector, rows, ActivationStore(run, rows["answer_id"].tolist()))
    run.write_table(ABSTENTION, scored)
    seen = stage.detector_inner[~np.isnan(stage.detector_inner)]
    promise = make_promise(kept, rows, scored, thresholds=fix_thresholds(seen), alpha=alpha, delta=delta)
    if promise.threshold is None:
        bench.warn("probes", f"no threshold keeps the wrong ones among accepted answers to {alpha:g}: {promise.reason}")
    return detector.promising(promise)


def _asking(bench: Bench) -> Asking:
    """How the run's questions were asked, for whoever uses its detector."""
    task, settings = bench.task, bench.settings
    own, template = settings.model.system_prompt, settings.model.chat_template
    if template not in ("auto", "plain"):
        template = str(bench.format.tokenizer.chat_template)  # of a file, which whoever asks later need not have
    return Asking.of(
        read_questions(bench.run)[0],
        prompt=task.prompt,
        system_prompt=task.system_prompt if own is None else own or None,
        chat_template=template,
        locator=bench.locators,
        located_by=_located_by(bench),
        max_new_tokens=bench.max_new_tokens,
        stop=(*settings.generate.stop, *task.stop),
    )


def _located_by(bench: Bench) -> str | None:
    """The model that located exact answers; None where none was asked to."""
    if not bench.locates_later:
        return None
    settings = bench.settings
    return SAME if is_studied(settings.judge, settings.model) else settings.judge.model
