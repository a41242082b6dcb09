"""The page is whole, offline, and safe with any text in it."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from tacitly.report.page import build_report
from tacitly.report.words import summary_sentences
from tests.unit.report_samples import (
    Study,
    all_right,
    copied,
    full_study,
    none_located,
    nothing_judged,
    without_by_answer,
)

pytestmark = pytest.mark.unit

HOSTILE = (
    "<script>alert(1)</script></script><img src=x onerror=alert(2)>{{7*7}}{% raw %}\"'><b>&amp;"
    "\u2028\u2029\x00\x1b[2J\ud800</textarea><!--</style>"
)


@dataclass
class Page(HTMLParser):
    """What a browser would make of the page: elements, text, scripts."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.words.append(data)
            if self.inside == "mark":
                self.marked.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def read(source: str) -> Page:
    page = Page()
    page.feed(source)
    page.close()
    return page


def built(study: Study) -> str:
    return build_report(study.metrics, **study.arguments())


@pytest.fixture(scope="module")
def source() -> str:
    return built(full_study())


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return read(source)


@pytest.fixture(scope="module")
def hostile() -> Page:
    study = full_study()
    metrics = copied(study.metrics)
    metrics["task"] = HOSTILE
    metrics["model"] |= {"name": HOSTILE, HOSTILE: HOSTILE}
    metrics["by_entity"]["baselines"][HOSTILE] = {"auroc": 0.6, "ci": [0.5, 0.7]}
    metrics["by_entity"]["best_baseline"]["chosen"] = [HOSTILE]
    metrics |= {"by_answer": None, "by_answer_reason": HOSTILE}
    metrics["timings"][HOSTILE] = 1.0
    for cell in metrics["grid"][:20]:
        cell |= {"site": HOSTILE, "position": HOSTILE, "auroc": None, "reason": HOSTILE}
    said = HOSTILE.replace("\ud800", "")  # a table of strings cannot hold a lone surrogate
    rows = study.rows.assign(question=said, text=said + "Canada" + said, exact_answer="Canada", given=said)
    source = build_report(
        metrics,
        rows=rows.assign(evidence=said),
        judgements=study.judgements.assign(evidence=said),
        scores=study.scores,
        folds=study.folds.assign(grouping=said),
        manifest={"settings": {HOSTILE: [HOSTILE]}, HOSTILE: {HOSTILE: HOSTILE}},
        warnings=[HOSTILE],
    )
    source.encode("utf-8")
    assert "\ud800" not in source
    assert "\x00" not in source
    return read(source)


def test_hostile_text_adds_no_element_and_no_handler(hostile: Page, page: Page) -> None:
    assert len(hostile.named("script")) == len(page.named("script")) == 3
    assert not hostile.named("img")
    assert not hostile.named("textarea")
    assert {tag for tag, _ in hostile.elements} <= {tag for tag, _ in page.elements}
    assert not [name for _, attributes in hostile.elements for name in attributes if name.startswith("on")]


def test_hostile_text_is_shown_as_it_was_written(hostile: Page) -> None:
    assert "<script>alert(1)</script>" in hostile.text
    assert "{{7*7}}{% raw %}" in hostile.text
    assert "&amp;" in hostile.text
    assert set(hostile.marked[1:]) == {"Canada"}
    assert "\x1b" not in hostile.text


def test_hostile_text_in_figures_stays_text(hostile: Page) -> None:
    embedded = hostile.scripts[0]
    assert not set("<>&\u2028\u2029\x00") & set(embedded)
    figures = json.loads(embedded)["figures"]
    drawn = json.dumps(figures["comparison-by_entity"])
    assert "&lt;script&gt;" in drawn
    assert "<script" not in drawn
    assert "<img" not in json.dumps(figures)


def test_first_words_are_the_summary(page: Page) -> None:
    sentences = summary_sentences(full_study().metrics)
    places = [page.text.index(sentence) for sentence in sentences]
    assert places == sorted(places)
    before = page.text[: places[0]].split("Skip to the result")[1]
    assert before.strip() == "tacitly report medfacts answered by SmolLM2-135M-Instruct"


def test_nothing_is_asked_of_the_network(source: str, page: Page) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    ours = source.replace(page.scripts[1], "")
    assert not re.search(r"https?:|url\(|@import|//cdn", ours)


def test_only_our_scripts_may_run(page: Page) -> None:
    [policy] = [meta for meta in page.named("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in (policy["content"] or "").split(";"))
    digests = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii") for script in page.scripts[1:]
    ]
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]


def test_page_is_readable_by_machines_and_hands(page: Page) -> None:
    assert page.named("html")[0]["lang"] == "en"
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.named("meta")
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for link in page.named("a"):
        assert (link["href"] or "").removeprefix("#") in identifiers
    plots = [box for box in page.named("div") if box.get("class") == "plot"]
    assert len(plots) == len(json.loads(page.scripts[0])["figures"]) == 11
    assert all(box["aria-label"] and box["role"] == "img" for box in plots)
    scrolled = [box for box in page.named("div") if box.get("class") == "wide"]
    assert len(scrolled) == len(page.named("table"))
    assert all(box["tabindex"] == "0" and box["aria-label"] for box in scrolled)


def test_words_and_numbers_stand_there_without_a_script(page: Page) -> None:
    for said in ("0.78 0.73 to 0.83", "+0.02 −0.03 to +0.07", "Exploratory", "268 of 276", "how often this answer was"):
        assert said in page.text
    for setting in ("generate.max_new_tokens", "2.13.0", "1.8 GB", "134515008", "2 answers were empty"):
        assert setting in page.text
    assert "questions.parquet" not in page.text
    assert "Wrong, and caught" in page.text
    assert len(page.marked) == 9


@pytest.mark.parametrize(
    ("study", "reason"),
    [
        (without_by_answer, "By answer is not defined here: 3 distinct given answers, and 15 are needed."),
        (all_right, "By entity is not defined here: all judged answers are right."),
        (none_located, "By answer is not defined here: no answer was located."),
        (nothing_judged, "How often the model was right is not defined: no answer could be judged."),
    ],
)
def test_pages_of_studies_without_figures_say_why(study: object, reason: str) -> None:
    assert callable(study)
    made = study()
    shown = read(built(made)).text
    assert reason in shown
    assert not re.search(r"\b(nan|None|Undefined)\b", shown)


def test_frames_without_columns_and_empty_metrics_make_a_page() -> None:
    nothing = pd.DataFrame()
    made = build_report({}, rows=nothing, judgements=nothing, scores=nothing, folds=nothing, manifest={}, warnings=[])
    assert "not computed in this run" in read(made).text


def test_what_judges_disagree_on_is_shown_with_the_evidence_of_each(page: Page) -> None:
    study = full_study()
    first = study.rows.iloc[0]
    mine, theirs = ("right", "wrong") if first["correct"] else ("wrong", "right")
    assert "choice and token_f1 Cohen's kappa 0.85 [0.80, 0.90] over 594 answers that both can tell" in page.text
    assert "only choice says right 26" in page.text
    opinions = f"choice: {mine} (names a country) ; token_f1: {theirs} (token F1 0.12 (right from 0.19))"
    assert f"{first['question']} {first['text']} {opinions}" in page.text
    assert (
        study.rows.iloc[1]["question"]
        not in page.text.partition("Within one answer This")[0].partition("Judges Every")[2]
    )


def test_a_page_of_one_judge_says_nothing_of_agreement() -> None:
    study = full_study()
    metrics = copied(study.metrics) | {"judges": {"first": "choice", "agreement": {}}}
    assert 'id="judges"' not in build_report(metrics, **study.arguments())


def test_exact_answer_is_marked_where_its_offsets_say() -> None:
    study = full_study()
    rows = study.rows.assign(text="Peru? No: Peru.", exact_answer="Peru", start=10.0, end=14.0)
    shown = read(built(replace(study, rows=rows)))
    place = shown.words.index("Peru", 1)
    assert shown.words[place - 1] == "Peru? No: "
    assert shown.words[place + 1] == "."


def test_the_checks_stand_near_the_top_with_signs_and_words(page: Page) -> None:
    trust = page.text.partition("Can these figures be trusted?")[2].partition("The result")[0]
    assert page.text.index("Can these figures be trusted?") < page.text.index(
        "Against baselines and controls Baselines"
    )
    assert (
        "1 of 3 checks of the protocol do not hold: the figures are not what they say. 1 thing calls for care." in trust
    )
    assert "\u2717 broken By answer: 0.61 [0.56, 0.66]: something leaks." in trust
    assert "! look out By answer: it cannot be told from it." in trust
    assert (
        "a probe on shuffled labels is near 0.5 \u2713 holds 0.49 [0.46, 0.52] \u2717 broken 0.61 [0.56, 0.66]" in trust
    )
    assert "the probe adds to the best baseline not checked ! look out +0.02 [\u22120.03, +0.07]" in trust
    assert "the probe adds to the best control \u2013 not defined not checked" in trust
    assert "\u2713 holds 6 of 600 answers (1 %) could not be judged." in trust
    assert "enough right and wrong answers \u2713 holds 268, 258 not checked" in trust


def test_what_a_check_says_is_said_once() -> None:
    study = full_study()
    said = "By answer: it cannot be told from it"
    shown = read(build_report(study.metrics, **{**study.arguments(), "warnings": [said, "something else"]})).text
    assert shown.count(said) == 1
    assert "One warning came with this run" in shown


def test_a_run_without_checks_says_so() -> None:
    study = full_study()
    metrics = {name: value for name, value in study.metrics.items() if name != "checks"}
    assert "This run was not checked" in read(build_report(metrics, **study.arguments())).text


def test_calibrators_and_rejecting_stand_beside_their_rivals(page: Page) -> None:
    part = page.text.partition("Calibration and abstaining Of answers")[2].partition("Layer by position")[0]
    assert "isotonic regression 0.200 0.600 0.050 0.200 0.600 0.050" in part
    assert "best control, Platt scaling \u2013 \u2013 \u2013" in part
    chosen = "isotonic regression in 3 and Platt scaling in 2 of 5 tested parts"
    assert f"Chosen by entity: {chosen}; by answer: {chosen}." in part
    assert "by entity 0.27 0.22 to 0.32 0.36 0.31 to 0.41 0.37 0.32 to 0.42 \u22120.09" in part
    assert "Wrong among the given answers, by answer" in part
    assert "at most 20 % are wrong, with 95 % confidence. Of 118 answers, each about an entity kept" in part
    assert "80 % 40 1 17 %" in part


def test_no_threshold_says_why_and_no_promise_says_nothing() -> None:
    study = full_study()
    metrics = copied(study.metrics)
    metrics["abstention"] |= {"threshold": None, "accepted": None, "errors": None, "reason": "too few answers"}
    shown = read(build_report(metrics, **study.arguments())).text
    assert "No threshold keeps the wrong ones among accepted answers to 20 %: too few answers." in shown
    metrics |= {"abstention": None, "abstention_reason": "no guarantee was asked for"}
    assert "A threshold with a guarantee" not in read(build_report(metrics, **study.arguments())).text
