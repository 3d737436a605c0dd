"""Stage prepare: from the source to tokenised splits.

Reads the source of `data.name` (and `data.test_name`) and the tokenizer of `model.name`; writes
data/prepared/ (see `study.prepared`) and the report metrics/data.json:

    model, classes          display name; number of classes
    token_ids_in_use        different token ids in all splits together
    sources.main, .test     display name, rows read (after data.where), rows dropped by reason,
                            sentences left
    relatives_set_aside     sentences kept out of the splits drawn after a split because they quote,
                            or are quoted by, a sentence in it (see `study.families`)
    splits.SPLIT            sentences, class counts and shares; mean, quantiles and maximum of the
                            lengths in tokens before long texts were cut, the number of tokens
                            after, and the share of sentences that were cut

Nothing is written until everything has been read, checked and tokenised.
"""

from __future__ import annotations

from stages.cli import run
from study import prepared, settings
from study.preparing import prepare
from study.records import write_json

FOLDER = "data/prepared"
REPORT = "metrics/data.json"


def main() -> None:
    """Prepare the data of params.yaml."""
    wanted = settings.load()
    data, report = prepare(wanted.data, wanted.model.name)
    prepared.save(data, FOLDER)
    write_json(REPORT, report)
    sizes = ", ".join(f"{name} {len(getattr(data, name))}" for name in prepared.SPLITS)
    print(f"prepared {data.num_labels} classes of sentences: {sizes}")


if __name__ == "__main__":
    run(main)
