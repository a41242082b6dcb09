"""Stages `probes` and `baselines`: from labelled answers with states to folds, scores and a detector."""

from tacitly.activations.store import ActivationStore
from tacitly.collect.bench import Bench
from tacitly.collect.tables import greedy_rows, read_questions
from tacitly.experiments.error_detection import DetectorSource, score_baselines, train_probes
from tacitly.probes.asking import Asking
from tacitly.probes.detector import HEADER_FILE, WEIGHTS_FILE, DetectorModel
from tacitly.results.further_baselines import score_run_samples, scores_by_the_model, scores_with_eos

PROBES, BASELINES = "experiments/probes.json", "experiments/baselines.json"


def write_probes(bench: Bench) -> None:
    """Train the probes of the whole protocol; leave folds, scores, choices, the heat map and the detector."""
    run, settings = bench.run, bench.settings
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
    run.write_table("scores/probes.parquet", stage.scores)
    run.write_json(PROBES, stage.record)
    if stage.detector is None:
        bench.warn("probes", f"no detector was saved: {stage.detector_reason}")
    else:
        stage.detector.save(run.path / "detector")
        for name in (WEIGHTS_FILE, HEADER_FILE):
            run.adopt(f"detector/{name}")


def write_baselines(bench: Bench) -> None:
    """Score the baselines and controls on the same answers and folds."""
    run, settings = bench.run, bench.settings
    rows = greedy_rows(run)
    store = ActivationStore(run, rows["answer_id"].tolist())
    samples = score_run_samples(bench, rows)
    stage = score_baselines(
        rows,
        store,
        probes=run.json(PROBES),
        seeds=tuple(range(settings.probe.seeds)),
        seed=settings.seed,
        progress=bench.progress,
        further={**scores_with_eos(rows), **scores_by_the_model(run, rows), **samples.scores},
        absent=samples.absent,
    )
    run.write_table("scores/baselines.parquet", stage.scores)
    run.write_json(BASELINES, stage.record)


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
        max_new_tokens=bench.max_new_tokens,
        stop=(*settings.generate.stop, *task.stop),
    )
