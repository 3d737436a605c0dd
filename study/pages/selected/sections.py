"""The cards' sections, in words, each with the numbers that the study measured."""

from __future__ import annotations

from collections.abc import Sequence

from study.metrics.measure import measure_named
from study.pages.selected import hub
from study.pages.selected.facts import Facts
from study.pages.selected.markdown import span
from study.words.arms import PROBE, states_words
from study.words.phrases import (
    capitalised,
    counted,
    listed,
    margin,
    percent,
    points,
    share,
    significant,
)
from study.words.scores import digits, measure_of, shown


def adapter_title(facts: Facts) -> str:
    """Return the adapter's name."""
    return f"LoRA of rank {facts.picked.rank} on {facts.base_name}"


def merged_title(facts: Facts) -> str:
    """Return the merged model's name."""
    return f"{facts.base_name} with a LoRA of rank {facts.picked.rank} merged in"


def code(lines: Sequence[str]) -> str:
    """Return lines of Python as a Markdown block."""
    return "\n".join(["```python", *lines, "```"])


def what_it_is(facts: Facts) -> str:
    """Say what the model does and why this one was picked."""
    names = facts.arm.label_names
    labels = listed([span(name) for name in names])
    kind = f"A classifier of {_texts(facts)} into {len(names)} classes ({labels}): "
    head = "classification head"
    if not names:
        kind, head = f"A regression of a number on {_texts(facts)}: ", "head of one output"
    # Modules that are named in full (all-linear) are told by what they are called in a layer.
    modules = dict.fromkeys(target.rpartition(".")[2] for target in facts.config.target_modules)
    targets = listed([span(name) for name in modules])
    measure = measure_named(facts.arm.metric)
    where = "all layers" if facts.config.layers is None else f"layers {listed(facts.config.layers)}"
    return (
        f"{kind}{_base(facts)} with a low-rank update of its modules {targets} in {where}, and a "
        f"{head}. It trains {counted(facts.arm.trainable_parameters, 'parameter')}, "
        f"{share(facts.entry['trainable_share'])} of all.\n\n"
        f"{_why(facts)} Of its {counted(len(facts.arm.picked()), 'run')} this "
        f"is the one with the best validation {measure.words}, seed {facts.run.seed} "
        f"({measure.shown(facts.run.validation_score)})."
    )


def _texts(facts: Facts) -> str:
    pairs = facts.pairs_of
    return (
        "sentences" if pairs is None else f"pairs of texts, {span(pairs[0])} and {span(pairs[1])},"
    )


def _pair_note(facts: Facts) -> list[str]:
    """Say how two texts are handed over, as the tokenizer put them together in training."""
    pairs = facts.pairs_of
    if pairs is None:
        return []
    return [
        f"`text` is what the data call {span(pairs[0])}, `text_pair` is {span(pairs[1])}; of a "
        "pair that is too long the longer text is cut first."
    ]


def _why(facts: Facts) -> str:
    picked = facts.picked
    if picked.forced:
        return (
            f"**The study does not recommend this adapter: no rank trained well enough.** It is of "
            f"rank {picked.rank} because `select.force` asked for one; of all ranks that were "
            f"trained it is {picked.rule}, on {picked.split} sentences."
        )
    return (
        f"Rank {picked.rank} is what the study recommends, on {picked.split} sentences: "
        f"{picked.rule}."
    )


def _base(facts: Facts) -> str:
    """Name the base and where it came from; its card may name it too."""
    name = facts.settings.model.name
    source = hub.in_words(name, "model")
    if facts.base_id in (None, name):
        return source
    return f"`{facts.base_id}` (the name in its own card; it was read from {source})"


def adapter_note(facts: Facts) -> str:
    """Say what to know when loading the adapter."""
    notes = [
        "`base` names the base model, whose tokenizer it shares. `truncation=True` cuts texts at "
        f"{facts.settings.data.max_length} tokens, as in training."
    ]
    if facts.base.lacks:
        notes.append(
            "The base's checkpoint lacks weights that were drawn at random when training began; "
            "they are saved with the adapter: "
            f"{listed([span(name) for name in facts.base.lacks])}."
        )
    return " ".join([*notes, *_pair_note(facts), *_padding(facts), _classes(facts)])


def merged_note(facts: Facts) -> str:
    """Say what to know when loading the merged model."""
    return (
        f"`truncation=True` cuts texts at {facts.settings.data.max_length} tokens, as in "
        f"training. {' '.join([*_pair_note(facts), *_padding(facts), _classes(facts)])}"
    )


def training_data(facts: Facts) -> str:
    """Say what it was trained, chosen and tested on."""
    splits, data = facts.data["splits"], facts.settings.data
    regression = not facts.arm.label_names
    last = "labels, mean (deviation)" if regression else "share by class"
    rows = [f"| split | sentences | tokens, median | {last} |", "| :-- | --: | --: | :-- |"]
    for name, split in splits.items():
        if regression:
            mean, deviation = split["label_mean"], split["label_deviation"]
            classes = f"{significant(mean)} ({significant(deviation)})"
        else:
            classes = listed([percent(value) for value in split["class_shares"].values()])
        rows.append(f"| {name} | {split['sentences']:,} | {split['length_p50']} | {classes} |")
    apart = " so that no two sentences of different splits quote one another"
    if facts.pairs_of is not None:
        columns = listed([span(name) for name in facts.pairs_of])
        apart = (
            f", each sentence a pair ({columns}), so that no text of a pair stands in two splits "
            "or quotes one of another split"
            if facts.data.get("pair_halves", "apart") == "apart"
            else f", each sentence a pair ({columns}), so that no two of different splits are "
            "alike in both texts, while one of them may repeat"
        )
    other = ""
    if data.test_name is not None:
        other = f" Test sentences are from {hub.in_words(data.test_name, 'data')}."
    return (
        f"{capitalised(hub.in_words(data.name, 'data'))}{facts.rows_taken()}, without duplicates "
        f"and contradictions, split with seed {data.seed}{apart}.{other} Sentences were cut at "
        f"{data.max_length} tokens.\n\n" + "\n".join(rows)
    )


def training(facts: Facts) -> str:
    """Say how the adapter was trained."""
    train, config = facts.settings.train, facts.config
    epochs = counted(facts.data["training"]["epochs"], "epoch")
    scale = "alpha / sqrt(r)" if config.use_rslora else "alpha / r"
    scaling = significant(config.scaling_of(""))
    return (
        f"Rank {config.rank}, alpha {significant(config.alpha)} (the update is scaled by {scale} = "
        f"{scaling}), dropout {config.dropout:g} on the adapter's input and "
        f"{facts.settings.model.dropout:g} in the base; base frozen. AdamW at learning rate "
        f"{facts.arm.learning_rate:g}{_of_rates(facts)}, weight decay {train.weight_decay:g}, "
        f"gradients clipped to norm {train.max_grad_norm:g}, linear warm-up over "
        f"{share(train.warmup_share)} of the steps{_after_warmup(train.schedule)}; batches of "
        f"{train.batch_size}, {epochs}, of which validation picked number "
        f"{facts.run.best_epoch}. Computed in {train.precision}, what is trained kept in fp32."
    )


def _after_warmup(schedule: str) -> str:
    return ", then a constant rate" if schedule == "constant" else f" and {schedule} decay"


def results(facts: Facts) -> str:
    """Give scores on test with intervals, beside the other arms, and what was re-measured."""
    summary, entry, arm = facts.summary, facts.entry, facts.arm
    probe = summary[PROBE]
    sentences, measure = len(arm.test_labels), measure_named(arm.metric)
    interval = f"{share(summary['confidence'])} interval over {summary['interval']}"
    rows = [
        f"| | test {measure.words} | " + interval + " | gap to full fine-tuning, points |",
        "| :-- | --: | :-- | :-- |",
        f"| this run, seed {facts.run.seed} | {measure.shown(facts.run.test_score)} | - | - |",
        _row(f"rank {facts.picked.rank}, mean of {_seeds(facts)}", entry),
        _row(f"full fine-tuning, mean of {_seeds(facts)}", summary["full"]),
        _row(f"head only, mean of {_seeds(facts)}", summary["head_only"]),
        _row(f"linear probe on {states_words(probe['state'])}, no seeds", probe),
    ]
    if not arm.label_names:
        return "\n".join(rows) + f"\n\n{_verdicts(facts)}\n\n{_numbers_again(facts)}"
    same = int(sum(a == b for a, b in zip(_again(facts), facts.run.test_predictions, strict=True)))
    right = sum(a == b for a, b in zip(_again(facts), arm.test_labels, strict=True))
    again = (
        f"The files here, in fp32, classify {same:,} of the {sentences:,} test sentences as the "
        f"run did in {facts.settings.train.precision} ({percent(right / sentences)} correctly). "
        f"On {facts.checked.sentences:,} of them the logits of base with adapter and of the merged "
        f"model differ by {facts.checked.difference:.1g} at most."
    )
    return "\n".join(rows) + f"\n\n{_verdicts(facts)}\n\n{again}"


def limits(facts: Facts) -> str:
    """Say what must not be expected."""
    sizes, words = facts.data["splits"]["train"]["sentences"], measure_named(facts.arm.metric).words
    few = (
        "One seed was trained" if len(facts.arm.picked()) == 1 else f"{_seeds(facts)} were trained"
    )
    return (
        f"- Trained on {sizes:,} sentences of one source; nothing was measured on other kinds of "
        "text, other lengths or other languages.\n"
        f"- {few[0].upper()}{few[1:]}, so that small differences between ranks, or to full "
        "fine-tuning, cannot be told; the verdicts above say which can.\n"
        f"- The run was picked on validation, which flatters its validation {words} and not its "
        f"test {words}.\n"
        "- Probabilities were not calibrated, and no test of bias or of misuse was made."
    )


def licence(facts: Facts) -> str:
    """Say what is known of the licence, and what is not."""
    known = facts.license()
    base = (
        f"The card that came with the base says `{known}`, which the header repeats."
        if known
        else "The base has a licence of its own, which the study does not know: the header has "
        "none."
    )
    return (
        f"{base} The data have a licence of their own too, which the study does not know. The "
        "weights here derive from both: check them before you pass these on. The study's code is "
        "MIT."
    )


def _padding(facts: Facts) -> list[str]:
    """Say what pads a batch, where the base does not say it itself."""
    pad = facts.padding
    if not pad.to_tokenizer and not pad.to_config:
        return []
    return [
        f"The token {span(pad.token)} (id {pad.token_id}) pads a batch, on the right; the base "
        "says nothing of it, or another one."
    ]


def _classes(facts: Facts) -> str:
    names = facts.arm.label_names
    if not names:
        return "The model's one output is the number."
    if names == tuple(str(i) for i in range(len(names))):
        return "The data give the classes numbers and no names."
    return f"Class {listed([f'{i} is {span(name)}' for i, name in enumerate(names)])}."


def _of_rates(facts: Facts) -> str:
    tried = len(facts.arm.learning_rates)
    early = facts.arm.early_exit
    gone = f", {len(early.dropped)} of them dropped early" if early and early.dropped else ""
    return (
        f" (picked on validation from {tried}{gone})" if tried > 1 else " (the one that was tried)"
    )


def _seeds(facts: Facts) -> str:
    return counted(len(facts.summary["seeds"]), "seed")


def _row(label: str, entry: object) -> str:
    assert isinstance(entry, dict)
    gap = "-"
    if "gap_to_full" in entry:
        keys = ("gap_to_full", "gap_to_full_low", "gap_to_full_high")
        written = digits(measure_of(entry))
        mean, low, high = (f"{100 * entry[key]:+.{written}f}" for key in keys)
        gap = f"{mean} ({low} to {high})"
    measure = measure_of(entry)
    span = f"{measure.shown(entry['low'])} to {measure.shown(entry['high'])}"
    return f"| {label} | {shown(entry)} | {span} | {gap} |"


def _numbers_again(facts: Facts) -> str:
    """Say how far the files' numbers are from those of the run."""
    pairs = zip(_again(facts), facts.run.test_predictions, strict=True)
    off = max(abs(one - other) for one, other in pairs)
    return (
        f"The files here, in fp32, give numbers that are at most {off:.2g} off those of the run in "
        f"{facts.settings.train.precision}. On {facts.checked.sentences:,} sentences the outputs "
        f"of base with adapter and of the merged model differ by {facts.checked.difference:.1g} at "
        "most."
    )


def _again(facts: Facts) -> list[float]:
    predictions: list[float] = facts.checked.predictions.tolist()
    return predictions


def _verdicts(facts: Facts) -> str:
    """Say whether the rank was found equivalent to full fine-tuning, margin by margin.

    The same verdicts as the study's answer has; there are none of a rank that is not recommended.
    """
    answer = facts.sufficient_rank["answer"]
    found = []
    if facts.picked.rank == facts.sufficient_rank["recommended"]["rank"]:
        found = [f"within {margin(at['margin'])}: {at['verdict']}" for at in answer["margins"]]
    gap = facts.entry["gap_to_full"]
    side = "below" if gap < 0 else "above"
    told = points(gap, digits(measure_of(facts.entry)))
    start = f"The rank is {told} {side} full fine-tuning, paired over seeds and sentences."
    if not found:
        return start
    return f"{start} Equivalent to it? {'; '.join(found).capitalize()}."
