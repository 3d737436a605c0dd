"""The claims: every conclusion, hypothesis and open question of the five seed documents.

By subject; an entry is the claim's short name, the claim in our own words, where it stands, and the
function that judges it, whose docstring says how. An open question is written as its answer yes,
and what two documents say against each other stands once, "(the opposite)" beside one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from study.claims import (
    alike,
    arms,
    compute,
    counting,
    cut,
    epochs,
    linear,
    near,
    ranks,
    rates,
    saved,
    scaling,
    seeds,
    subspace,
    training,
)
from study.claims import unmeasured as no
from study.claims.evidence import Test
from study.claims.unmeasured import unmeasured

LINEAR = "Write-up 1 (LoRA experiments), Part I"
SST2 = "Write-up 1 (LoRA experiments), Part II"
ABLATION = "Write-up 2 (LoRA re-implementation)"
COMPARISON = "Write-up 3 (LoRA rank comparison)"
NOTES = "Write-up 4 (LoRA notes)"
CHAPTER = "Write-up 5 (Section 9.2: LoRA)"

INSTRUCTIONS = "said of instruction tuning, where instruct/README.md answers it; here of this task"


@dataclass(frozen=True)
class Claim:
    """A claim.

    Attributes:
        name: short, for `dvc metrics show`.
        claim: in words.
        sources: the seed documents and sections where it stands.
        test: judges it.
    """

    name: str
    claim: str
    sources: tuple[str, ...]
    test: Test


Entries: TypeAlias = Mapping[str, tuple[str, str | tuple[str, ...], Test]]

# fmt: off
# A table: an entry to a claim, one below the other.

LINEAR_MODEL: Entries = {
    "linear_bound": (
        "The least error of a rank-r update is the sum of the squared singular values it leaves "
        "out.",
        f"{LINEAR}, best-possible error", linear.left_out_singular_values),
    "linear_truncation_is_best": (
        "Cutting the wanted change to rank r by SVD is the best that rank r can do, whatever "
        "the inputs.",
        f"{LINEAR}, best-possible error", linear.truncation_is_best),
    "linear_learned_tracks_bound": (
        "What LoRA learns in the linear model tracks the SVD bound to 1 %.",
        (f"{LINEAR}, best-possible error", f"{SST2}, Conclusions"), linear.learned_tracks_bound),
    "linear_fit_improves_with_rank": ("In the linear model every larger rank fits better.",
        f"{LINEAR}, expressivity", linear.fit_improves),
    "linear_weights_improve_with_rank": (
        "In the linear model every larger rank comes nearer to the true change of the weights.",
        f"{LINEAR}, expressivity", linear.truth_comes_nearer),
    "linear_no_u_shape": (
        "With alpha scaled by the rank there is no inherent U shape: in the linear model large "
        "ranks are no worse on new data.",
        f"{SST2}, Conclusions", linear.no_u_shape),
}

SCALING_OF_ALPHA: Entries = {
    "fixed_alpha_shrinks_updates": (
        "At a large rank, alpha fixed gives a smaller update than alpha in proportion (linear "
        "model).",
        (f"{LINEAR}, Scaling matters", f"{CHAPTER}, Why scaling"), scaling.fixed_shrinks_updates),
    "fixed_alpha_shrinks_transformer": (
        "With alpha fixed a larger rank shrinks the update (transformer).",
        (f"{LINEAR}, Scaling matters", f"{SST2}, Correct LoRA scaling"),
        scaling.fixed_shrinks_transformer),
    "fixed_alpha_hampers_large_ranks": (
        "In the linear model, with alpha fixed, large ranks are optimised worse at the same "
        "learning rate.",
        (f"{LINEAR}, Scaling matters", f"{SST2}, Correct LoRA scaling"),
        scaling.fixed_starves_large_ranks),
    "alpha_over_r_same_size": (
        "In the linear model dividing by r keeps updates the same size at every rank.",
        f"{CHAPTER}, Why scaling", scaling.same_size_at_all_ranks("fixed")),
    "proportional_alpha_same_size": (
        "In the linear model alpha in proportion to r gives every rank updates of comparable "
        "size.",
        f"{SST2}, Correct LoRA scaling", scaling.same_size_at_all_ranks("proportional")),
    "proportional_alpha_trains_all": (
        "In the linear model, with alpha in proportion to r, ranks differ in what they can "
        "express and not in how far training got (a tenth of the way at most is left).",
        (f"{SST2}, Correct LoRA scaling", f"{LINEAR}, Scaling matters"),
        scaling.scaling_trains_all_ranks),
    "rank_expresses_scaling_optimises": (
        "In the linear model rank controls what can be expressed, scaling how well it is "
        "optimised.",
        (f"{SST2}, Conclusions", f"{CHAPTER}, Summary"), scaling.rank_expresses_scaling_optimises),
    "alpha_twice_the_rank": ("Alpha is best set to twice the rank, to start with.",
        (f"{NOTES}, Heuristics; Checklist", f"{CHAPTER}, Why scaling; Hyperparameters"),
        unmeasured(no.ONE_ALPHA)),
}

HOW_MUCH_RANK: Entries = {
    "gains_up_to_8": ("Accuracy rises quickly from rank 1 to about 8.",
        f"{SST2}, Results, accuracy by rank", ranks.gains_up_to(8)),
    "saturates_at_8": ("Beyond rank 8 gains saturate; rank 8 does not underfit.",
        (f"{SST2}, Results, accuracy by rank", f"{COMPARISON}, Hypothesis (the opposite)"),
        ranks.saturates_at(8)),
    "saturates_at_4": ("Beyond rank 2 to 4 more rank brings no consistent gain.",
        f"{ABLATION}, Rank ablation, Observation", ranks.saturates_at(4)),
    "saturates_at_32": (
        f"Rank 32 is a reliable standard, beyond which accuracy stays level ({INSTRUCTIONS}).",
        f"{COMPARISON}, Hypothesis", ranks.saturates_at(32)),
    "diminishing_returns": (f"There is a rank beyond which returns diminish ({INSTRUCTIONS}).",
        f"{COMPARISON}, Question 1", ranks.returns_diminish),
    "no_u_shape_once_scaled": ("High ranks do not degrade once alpha scales with r.",
        f"{SST2}, Results, accuracy by rank", ranks.no_fall_at_the_top),
    "high_rank_overfits": (
        "Too high a rank overfits: the largest rank is worse than a smaller one.",
        f"{CHAPTER}, Common mistakes", ranks.overfits_at_the_top),
    "capacity_not_overfitting": (
        "Rank controls capacity and does not overfit: more rank fits better and tests no worse.",
        f"{SST2}, Results, accuracy by rank", training.capacity_not_overfitting),
    "low_rank_underfits": (
        "Too low a rank underfits: some larger rank is better than the smallest.",
        (f"{NOTES}, Limitations; Common issues", f"{CHAPTER}, Common mistakes"),
        ranks.smallest_underfits),
    "tiny_ranks_are_strong": ("Even ranks 1 and 2 do strongly.",
        f"{ABLATION}, Rank ablation, Observation", alike.strong_when_tiny),
    "band_below_1_point": ("All ranks lie within a band of 0.9 points.",
        f"{ABLATION}, Rank ablation, Observation", alike.band_of(0.9)),
    "falls_are_noise": (
        "Where accuracy falls from one rank to the next, it is noise and not capacity.",
        f"{ABLATION}, Rank ablation, Observation", alike.falls_are_noise),
    "no_dramatic_change": ("The rank does not change final accuracy dramatically.",
        f"{SST2}, Training dynamics", alike.no_dramatic_change),
    "alike_from_16": (
        f"Ranks of 16 and more perform alike ({INSTRUCTIONS}).",
        f"{COMPARISON}, Hypothesis", alike.alike_from(16)),
    "rank_8_equals_64": (f"Rank 8 works as well as rank 64 ({INSTRUCTIONS}).",
        f"{COMPARISON}, Question 2", ranks.as_good_as(8, 64)),
    "start_with_4_to_16": ("A rank of 4 to 16 is enough to start with: no other rank is better.",
        f"{NOTES}, Heuristics; Checklist", ranks.enough(4, 16)),
    "start_with_8": ("Rank 8 is enough to start with: no other rank is better.",
        f"{CHAPTER}, Hyperparameters", ranks.enough(8, 8)),
    "complex_tasks_need_more": (
        "Rank 4 does for simple tasks, 16 for complex and 64 for very complex ones.",
        (f"{CHAPTER}, Hyperparameters", f"{COMPARISON}, Hypothesis"), unmeasured(no.ONE_TASK)),
    "seeds_matter": (
        "One run is not enough: seeds and repeat runs must be kept, as results differ by seed.",
        (f"{NOTES}, Checklist", f"{ABLATION}, Rank ablation, Observation"), seeds.seeds_matter),
}

BESIDE_HEAD_ONLY_AND_FULL: Entries = {
    "lora_between": ("LoRA lies between training the head alone and full fine-tuning.",
        f"{SST2}, Results, Pareto frontier", arms.between_the_others),
    "smooth_tradeoff": (
        "Accuracy tends to rise with trainable parameters, from rank to rank of LoRA.",
        f"{SST2}, Results, Pareto frontier", arms.more_parameters_tend_to_help),
    "clean_frontier": (
        "A clean Pareto frontier: every step up in trainable parameters buys accuracy.",
        f"{SST2}, Conclusions", arms.clean_frontier),
    "head_only_underfits": (
        "Training the head alone takes the fewest parameters and clearly underfits.",
        f"{SST2}, Results, Pareto frontier", arms.head_only_underfits),
    "full_is_best": ("Full fine-tuning reaches the highest accuracy.",
        f"{SST2}, Results, Pareto frontier; Training dynamics", arms.full_is_best),
    "near_full_at_8_to_16": (
        "Ranks 8 to 16 are near full fine-tuning with under 1 % of the parameters.",
        f"{SST2}, Results, Pareto frontier", near.near_full(8, 16, 0.01)),
    "comparable_with_5_percent": (
        "LoRA is comparable to full fine-tuning with 95 % fewer parameters to train.",
        (f"{ABLATION}, opening", f"{NOTES}, Overview", f"{CHAPTER}, Summary"),
        near.comparable_with_few),
    "rank_8_captures_most": ("Rank 8 captures most of what full fine-tuning gains.",
        f"{SST2}, Conclusions", arms.most_of_the_gain(8)),
    "quality_95_percent": ("LoRA keeps 95 % or more of full fine-tuning's quality.",
        f"{CHAPTER}, Comparison", arms.quality_kept(0.95)),
    "full_needed_for_shift": (
        "Under extreme shifts, for new knowledge or other formats, full fine-tuning may be "
        "needed.",
        (f"{NOTES}, Limitations", f"{CHAPTER}, When LoRA works best"), unmeasured(no.ONE_TASK)),
    "suits_instructions_and_style": ("LoRA suits instruction following and style.",
        f"{CHAPTER}, When LoRA works best", unmeasured(no.NO_GENERATION)),
}

LOW_INTRINSIC_RANK: Entries = {
    "update_has_low_rank": (
        "By energy, the change of the weights in fine-tuning has a low intrinsic rank: a tenth of "
        "the full rank holds nearly all of it.",
        (f"{COMPARISON}, Theory", f"{NOTES}, Motivation", f"{CHAPTER}, Why it works"),
        subspace.energy_is_low_rank),
    "task_lives_in_low_rank": (
        "By accuracy, most of the adaptation to a task lives in a low-rank subspace: rank 8 of the "
        "update keeps it.",
        (f"{SST2}, Results, Pareto frontier", f"{ABLATION}, Observation", f"{COMPARISON}, Theory"),
        cut.small_rank_does_the_task),
    "updates_are_structured": ("What fine-tuning changes is structured, not noise.",
        (f"{COMPARISON}, Theory", f"{CHAPTER}, Why it works"), subspace.updates_are_structured),
    "lora_is_approximation": (
        "LoRA is in essence a low-rank approximation of the full update: as good as that update "
        "cut to its rank.",
        (f"{LINEAR}, closing", f"{SST2}, Conclusions"), cut.lora_is_low_rank_approximation),
    "overparameterised": ("Pretrained models have much capacity that a single task does not use.",
        f"{COMPARISON}, Theory", unmeasured(no.NO_PRUNING)),
}

TRAINING: Entries = {
    "starts_as_the_base": ("With B = 0 training starts exactly at the pretrained model.",
        (f"{NOTES}, Implementation", f"{CHAPTER}, Initialization"), linear.starts_at_the_base),
    "start_is_critical": ("A random A and B = 0 are critical for stable training.",
        (f"{CHAPTER}, Initialization", f"{NOTES}, Implementation"), unmeasured(no.ONE_START)),
    "base_stays_frozen": (
        "Only A, B and the head are trained; the pretrained weights get no gradient.",
        (f"{NOTES}, Objective function; Checklist", f"{ABLATION}, Rank ablation, Setup"),
        saved.base_stays_frozen),
    "unfrozen_base_defeats_it": (
        "With the base left unfrozen by mistake everything is trained, as in full.",
        f"{CHAPTER}, Common mistakes", counting.unfrozen_trains_everything),
    "head_only_plateaus": (
        "Head-only converges quickly and plateaus early, far below full fine-tuning.",
        f"{SST2}, Training dynamics", epochs.head_only_plateaus),
    "full_learns_fastest": ("Full fine-tuning learns fastest.",
        f"{SST2}, Training dynamics", training.full_learns_fastest),
    "lora_is_stable": ("LoRA trains stably: no run diverges or falls back to guessing.",
        f"{SST2}, Training dynamics", training.lora_is_stable),
    "large_ranks_converge_faster": ("Higher ranks converge slightly faster.",
        f"{SST2}, Training dynamics", training.large_ranks_learn_faster),
    "large_ranks_less_stable": ("Large ranks are less stable: they vary more from seed to seed.",
        f"{NOTES}, Limitations", training.large_ranks_vary_more),
    "many_epochs_overfit": (
        "Many epochs overfit on small data, so that few and early stopping are best.",
        (f"{NOTES}, Heuristics; Common issues", f"{ABLATION}, SST-2 training"),
        epochs.many_epochs_overfit),
    "dropout_helps_small_data": (
        "A little dropout (0.05) helps on small data and against instability.",
        f"{NOTES}, Heuristics; Common issues", unmeasured(no.DROPOUT)),
    "augmentation_helps": ("Augmenting the data helps against overfitting.",
        f"{NOTES}, Common issues", unmeasured(no.NO_AUGMENTATION)),
    "warmup_cures_instability": ("Warm-up and a schedule cure instability.",
        f"{NOTES}, Common issues", unmeasured(no.WARMUP)),
    "sgd_can_do": ("For very large adapters SGD may serve as well as AdamW.",
        f"{NOTES}, Training configurations", unmeasured(no.ONE_OPTIMISER)),
    "drift_is_worth_watching": (
        "The KL divergence from the base's outputs is a drift worth watching.",
        f"{NOTES}, Checklist", no.drift),
}

LEARNING_RATES: Entries = {
    "one_rate_serves_all_ranks": (
        "With alpha in proportion to r, one learning rate compares ranks fairly.",
        f"{SST2}, Correct LoRA scaling", rates.one_rate_serves_all),
    "lora_takes_a_higher_rate": ("LoRA needs a higher learning rate than full fine-tuning.",
        f"{CHAPTER}, Common mistakes", rates.lora_takes_a_higher_rate),
    "best_rate_up_to_1e_3": ("LoRA's best learning rate lies between 1e-4 and 1e-3.",
        f"{CHAPTER}, Common mistakes", rates.best_rate_within(1e-4, 1e-3)),
    "best_rate_up_to_5e_4": ("LoRA's best learning rate lies between 1e-4 and 5e-4.",
        f"{NOTES}, Heuristics", rates.best_rate_within(1e-4, 5e-4)),
    "extreme_rates_hurt": ("Too high a learning rate drifts, too low a one adapts slowly.",
        f"{NOTES}, Heuristics; Common issues", rates.extremes_hurt),
    "optimum_depends_on_task": ("The best rank, alpha and learning rate depend on model and task.",
        f"{NOTES}, Limitations", unmeasured(no.ONE_TASK)),
}

COST: Entries = {
    "parameters_linear_in_rank": ("The number of adapter parameters grows linearly with the rank.",
        (f"{ABLATION}, Parameter efficiency", f"{COMPARISON}, Question 3"),
        counting.linear_in_rank),
    "parameters_by_formula": (
        "Adapter parameters are r times inputs plus outputs of every adapted matrix.",
        (f"{ABLATION}, Parameter efficiency", f"{COMPARISON}, Theory", f"{CHAPTER}, Why it works"),
        counting.formula),
    "share_below_3_permille": ("Up to rank 8 less than 0.3 % of the parameters are trained.",
        f"{ABLATION}, Parameter efficiency", counting.share_below(8, 0.003)),
    "share_about_1_permille": ("LoRA trains about 0.1 % of the parameters (at rank 8).",
        f"{CHAPTER}, Comparison", counting.share_about(8, 0.001)),
    "head_is_small": ("The classification head adds few parameters to the adapter's.",
        f"{ABLATION}, Parameter efficiency", counting.small_head),
    "full_costs_most": ("Full fine-tuning costs most, counted in parameters, operations and bytes.",
        (f"{SST2}, Results, Pareto frontier", f"{NOTES}, Motivation; Comparison"),
        compute.full_costs_most),
    "cheaper_than_full": (
        "Training with LoRA is faster than full fine-tuning, by counted operations.",
        (f"{CHAPTER}, Comparison", f"{NOTES}, Comparison"), compute.cheaper_than_full(1.0)),
    "drastically_cheaper": (
        "Training only A and B cuts the cost of training drastically, to less than half of "
        "full's operations.",
        f"{NOTES}, Objective function", compute.cheaper_than_full(0.5)),
    "time_hardly_depends_on_rank": (
        "Training time hardly depends on the rank: counted operations grow by 10 % at most.",
        (f"{COMPARISON}, Question 4", f"{CHAPTER}, Common mistakes (the opposite)"),
        compute.compute_hardly_grows),
    "high_rank_takes_memory": (
        "Large ranks take noticeably more memory (over 10 % of the model's).",
        (f"{NOTES}, Limitations; Common issues", f"{CHAPTER}, Common mistakes"),
        counting.memory_grows),
    "lora_saves_memory": (
        "LoRA needs far less memory for weights and optimiser than full fine-tuning (under "
        "half).",
        (f"{NOTES}, Objective function", f"{CHAPTER}, Comparison"), counting.less_memory_than_full),
    "memory_savers_work": (
        "Mixed precision, checkpointing, offloading and smaller batches lower memory.",
        f"{NOTES}, Memory optimizations; Common issues", unmeasured(no.MEMORY)),
}

SAVING_AND_MERGING: Entries = {
    "saved_and_reusable": (
        "Adapter and head are saved and can be used again: loaded anew, they predict the same.",
        (f"{ABLATION}, SST-2 training", f"{NOTES}, Checklist"), saved.reusable),
    "storage_10_mb": ("A task takes about 10 MB at most and not a whole model.",
        (f"{CHAPTER}, Comparison", f"{NOTES}, Motivation"), counting.small_storage),
    "merged_costs_nothing": (
        "Merged into the weights, LoRA costs nothing at inference; unmerged it does.",
        (f"{CHAPTER}, Weight merging; Common mistakes", f"{NOTES}, Comparison"), compute.merges),
    "adapters_swap": ("Adapters can be swapped in and out of one base.",
        (f"{CHAPTER}, Weight merging", f"{NOTES}, Motivation"), compute.swaps),
    "adapters_stack": (
        "Several adapters can be kept and merged selectively, if they do not overlap.",
        (f"{CHAPTER}, Weight merging", f"{NOTES}, Common issues"), unmeasured(no.STACKING)),
}

OTHER_PLACES_AND_METHODS: Entries = {
    "query_and_value_are_best": ("Query and value are the best matrices to adapt.",
        (f"{ABLATION}, Injecting", f"{CHAPTER}, Where to apply LoRA"), no.one_target),
    "others_add_little": ("What fine-tuning changes outside the adapted matrices adds little.",
        (f"{ABLATION}, Injecting", f"{CHAPTER}, Where to apply LoRA"), cut.rest_adds_little),
    "more_modules_more_capacity": (
        "Adapting more modules, such as the MLPs, adds capacity, and risk.",
        (f"{NOTES}, Common issues", f"{CHAPTER}, Where to apply LoRA; Hyperparameters"),
        no.one_target),
    "lora_beside_other_methods": (
        "Adapter and prefix tuning are efficient too, and LoRA alone can be merged.",
        f"{NOTES}, Comparison", unmeasured(no.OTHER_METHODS)),
    "four_bits_make_it_cheaper": (
        "On a base in 4 bits LoRA is cheaper still, and a single GPU trains very large models.",
        f"{NOTES}, Training configurations; Comparison", unmeasured(no.FOUR_BITS)),
    "four_bits_need_tuning": ("LoRA on a quantised base needs tuning of its own.",
        f"{NOTES}, Limitations; Common issues", unmeasured(no.FOUR_BITS)),
}

# fmt: on

SUBJECTS = (
    LINEAR_MODEL,
    SCALING_OF_ALPHA,
    HOW_MUCH_RANK,
    BESIDE_HEAD_ONLY_AND_FULL,
    LOW_INTRINSIC_RANK,
    TRAINING,
    LEARNING_RATES,
    COST,
    SAVING_AND_MERGING,
    OTHER_PLACES_AND_METHODS,
)

CLAIMS = tuple(
    Claim(name, claim, (sources,) if isinstance(sources, str) else sources, test)
    for subject in SUBJECTS
    for name, (claim, sources, test) in subject.items()
)
