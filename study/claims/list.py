"""The claims: every conclusion, hypothesis and open question of the five seed documents.

Each is put in our own words, names where it stands, and is tied to the function that judges it; how
one is judged stands in that function's docstring. An open question is written as its answer yes.
"""

from __future__ import annotations

from dataclasses import dataclass

from study.claims import (
    alike,
    arms,
    compute,
    counting,
    linear,
    ranks,
    rates,
    scaling,
    subspace,
    training,
)
from study.claims import unmeasured as no
from study.claims.evidence import Test
from study.claims.unmeasured import unmeasured

LINEAR = "Seed 1 (LoRA experiments), Part I"
SST2 = "Seed 1 (LoRA experiments), Part II"
ABLATION = "Seed 2 (LoRA re-implementation)"
COMPARISON = "Seed 3 (LoRA rank comparison)"
NOTES = "Seed 4 (LoRA notes)"
CHAPTER = "Seed 5 (Section 9.2: LoRA)"


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


CLAIMS = (
    # --- The linear model ------------------------------------------------------------------------
    Claim(
        "linear_bound",
        "The least error of a rank-r update is the sum of the squared singular values it leaves "
        "out.",
        (f"{LINEAR}, best-possible error",),
        linear.left_out_singular_values,
    ),
    Claim(
        "linear_truncation_is_best",
        "Cutting the wanted change to rank r by SVD is the best that rank r can do, whatever the "
        "inputs.",
        (f"{LINEAR}, best-possible error",),
        linear.truncation_is_best,
    ),
    Claim(
        "linear_learned_tracks_bound",
        "What LoRA learns closely tracks the SVD bound.",
        (f"{LINEAR}, best-possible error", f"{SST2}, Conclusions"),
        linear.learned_tracks_bound,
    ),
    Claim(
        "linear_fit_improves_with_rank",
        "Every larger rank fits better.",
        (f"{LINEAR}, expressivity",),
        linear.fit_improves,
    ),
    Claim(
        "linear_weights_improve_with_rank",
        "Every larger rank comes nearer to the true change of the weights.",
        (f"{LINEAR}, expressivity",),
        linear.truth_comes_nearer,
    ),
    Claim(
        "linear_no_u_shape",
        "With alpha scaled by the rank there is no inherent U shape: large ranks are no worse on "
        "new data.",
        (f"{SST2}, Conclusions",),
        linear.no_u_shape,
    ),
    Claim(
        "starts_as_the_base",
        "With B = 0 training starts exactly at the pretrained model.",
        (f"{NOTES}, Implementation", f"{CHAPTER}, Initialization"),
        linear.starts_at_the_base,
    ),
    # --- Scaling of alpha ------------------------------------------------------------------------
    Claim(
        "fixed_alpha_shrinks_updates",
        "With alpha fixed a larger rank shrinks the update.",
        (f"{LINEAR}, Scaling matters", f"{CHAPTER}, Why scaling"),
        scaling.fixed_shrinks_updates,
    ),
    Claim(
        "fixed_alpha_hampers_large_ranks",
        "With alpha fixed, large ranks are optimised worse at the same learning rate.",
        (f"{LINEAR}, Scaling matters", f"{SST2}, Correct LoRA scaling"),
        scaling.fixed_starves_large_ranks,
    ),
    Claim(
        "alpha_over_r_same_size",
        "Dividing by r keeps updates the same size at every rank.",
        (f"{CHAPTER}, Why scaling",),
        scaling.same_size_at_all_ranks("fixed"),
    ),
    Claim(
        "proportional_alpha_same_size",
        "Alpha in proportion to r gives every rank updates of comparable size.",
        (f"{SST2}, Correct LoRA scaling",),
        scaling.same_size_at_all_ranks("proportional"),
    ),
    Claim(
        "proportional_alpha_trains_all",
        "With alpha in proportion to r, ranks differ in what they can express and not in how far "
        "training got.",
        (f"{SST2}, Correct LoRA scaling", f"{LINEAR}, Scaling matters"),
        scaling.scaling_trains_all_ranks,
    ),
    Claim(
        "rank_expresses_scaling_optimises",
        "Rank controls what can be expressed, scaling how well it is optimised.",
        (f"{SST2}, Conclusions", f"{CHAPTER}, Summary"),
        scaling.rank_expresses_scaling_optimises,
    ),
    # --- How much rank ---------------------------------------------------------------------------
    Claim(
        "gains_up_to_8",
        "Accuracy rises quickly from rank 1 to about 8.",
        (f"{SST2}, Results, accuracy by rank",),
        ranks.gains_up_to(8),
    ),
    Claim(
        "saturates_at_8",
        "Beyond rank 8 gains saturate.",
        (f"{SST2}, Results, accuracy by rank",),
        ranks.saturates_at(8),
    ),
    Claim(
        "saturates_at_4",
        "Beyond rank 2 to 4 more rank brings no consistent gain.",
        (f"{ABLATION}, Rank ablation, Observation",),
        ranks.saturates_at(4),
    ),
    Claim(
        "diminishing_returns",
        "There is a rank beyond which returns diminish.",
        (f"{COMPARISON}, Question 1",),
        ranks.returns_diminish,
    ),
    Claim(
        "no_u_shape_once_scaled",
        "High ranks do not degrade once alpha scales with r.",
        (f"{SST2}, Results, accuracy by rank",),
        ranks.no_fall_at_the_top,
    ),
    Claim(
        "capacity_not_overfitting",
        "Rank controls capacity and does not overfit.",
        (f"{SST2}, Results, accuracy by rank",),
        training.capacity_not_overfitting,
    ),
    Claim(
        "high_rank_overfits",
        "Too high a rank overfits.",
        (f"{CHAPTER}, Common mistakes",),
        ranks.overfits_at_the_top,
    ),
    Claim(
        "low_rank_underfits",
        "Too low a rank underfits.",
        (f"{NOTES}, Limitations; Common issues", f"{CHAPTER}, Common mistakes"),
        ranks.underfits(None),
    ),
    Claim(
        "rank_8_underfits",
        "Rank 8 has minimal capacity and may underfit.",
        (f"{COMPARISON}, Hypothesis",),
        ranks.underfits(8),
    ),
    Claim(
        "tiny_ranks_are_strong",
        "Even ranks 1 and 2 do strongly.",
        (f"{ABLATION}, Rank ablation, Observation",),
        alike.strong_when_tiny,
    ),
    Claim(
        "band_below_1_point",
        "All ranks lie within a band of 0.9 points.",
        (f"{ABLATION}, Rank ablation, Observation",),
        alike.band_of(0.9),
    ),
    Claim(
        "falls_are_noise",
        "Where accuracy falls from one rank to the next, it is noise and not capacity.",
        (f"{ABLATION}, Rank ablation, Observation",),
        alike.falls_are_noise,
    ),
    Claim(
        "no_dramatic_change",
        "The rank does not change final accuracy dramatically.",
        (f"{SST2}, Training dynamics",),
        alike.no_dramatic_change,
    ),
    Claim(
        "alike_from_16",
        "Ranks of 16 and more perform alike.",
        (f"{COMPARISON}, Hypothesis",),
        alike.alike_from(16),
    ),
    Claim(
        "instructions_alike_from_16",
        "Ranks of 16 and more perform alike in following instructions.",
        (f"{COMPARISON}, Hypothesis",),
        unmeasured(no.INSTRUCTIONS),
    ),
    Claim(
        "instructions_32_is_reliable",
        "Rank 16 does for simple adaptation, 32 is a reliable standard, 64 may plateau.",
        (f"{COMPARISON}, Hypothesis",),
        unmeasured(no.INSTRUCTIONS),
    ),
    Claim(
        "rank_8_equals_64",
        "Rank 8 works as well as rank 64.",
        (f"{COMPARISON}, Question 2",),
        ranks.as_good_as(8, 64),
    ),
    Claim(
        "start_with_4_to_16",
        "A rank of 4 to 16 is enough to start with.",
        (f"{NOTES}, Heuristics; Checklist",),
        ranks.enough(4, 16),
    ),
    Claim(
        "start_with_8",
        "Rank 8 is enough to start with.",
        (f"{CHAPTER}, Hyperparameters",),
        ranks.enough(8, 8),
    ),
    Claim(
        "complex_tasks_need_more",
        "Rank 4 does for simple tasks, 16 for complex and 64 for very complex ones.",
        (f"{CHAPTER}, Hyperparameters",),
        unmeasured(no.ONE_TASK),
    ),
    # --- Against head-only and full fine-tuning --------------------------------------------------
    Claim(
        "lora_between",
        "LoRA lies between training the head alone and full fine-tuning.",
        (f"{SST2}, Results, Pareto frontier",),
        arms.between_the_others,
    ),
    Claim(
        "smooth_frontier",
        "More trainable parameters always buy more accuracy: a clean Pareto frontier.",
        (f"{SST2}, Results, Pareto frontier; Conclusions",),
        arms.smooth_front,
    ),
    Claim(
        "head_only_underfits",
        "Training the head alone takes the fewest parameters and clearly underfits.",
        (f"{SST2}, Results, Pareto frontier",),
        arms.head_only_underfits,
    ),
    Claim(
        "full_is_best",
        "Full fine-tuning reaches the highest accuracy.",
        (f"{SST2}, Results, Pareto frontier; Training dynamics",),
        arms.full_is_best,
    ),
    Claim(
        "near_full_at_8_to_16",
        "Ranks 8 to 16 are near full fine-tuning with under 1 % of the parameters.",
        (f"{SST2}, Results, Pareto frontier",),
        arms.near_full(8, 16, 0.01),
    ),
    Claim(
        "comparable_with_5_percent",
        "LoRA is comparable to full fine-tuning with 95 % fewer parameters to train.",
        (f"{ABLATION}, opening", f"{NOTES}, Overview", f"{CHAPTER}, Summary"),
        arms.comparable_with_few,
    ),
    Claim(
        "rank_8_captures_most",
        "Rank 8 captures most of what full fine-tuning gains.",
        (f"{SST2}, Conclusions",),
        arms.most_of_the_gain(8),
    ),
    Claim(
        "quality_95_percent",
        "LoRA keeps 95 % or more of full fine-tuning's quality.",
        (f"{CHAPTER}, Comparison",),
        arms.quality_kept(0.95),
    ),
    Claim(
        "full_needed_for_shift",
        "Under extreme shifts, for new knowledge or other formats, full fine-tuning may be needed.",
        (f"{NOTES}, Limitations", f"{CHAPTER}, When LoRA works best"),
        unmeasured(no.ONE_TASK),
    ),
    Claim(
        "suits_instructions_and_style",
        "LoRA suits instruction following, style and domain adaptation.",
        (f"{CHAPTER}, When LoRA works best",),
        unmeasured(no.ONE_TASK),
    ),
    # --- Low intrinsic rank ----------------------------------------------------------------------
    Claim(
        "update_has_low_rank",
        "The change of the weights in fine-tuning has a low intrinsic rank.",
        (f"{COMPARISON}, Theory", f"{NOTES}, Motivation", f"{CHAPTER}, Why it works"),
        subspace.energy_is_low_rank,
    ),
    Claim(
        "task_lives_in_low_rank",
        "Most of the adaptation to a task lives in a low-rank subspace.",
        (f"{SST2}, Results, Pareto frontier", f"{ABLATION}, Observation", f"{COMPARISON}, Theory"),
        subspace.small_rank_does_the_task,
    ),
    Claim(
        "updates_are_structured",
        "What fine-tuning changes is structured, not noise.",
        (f"{COMPARISON}, Theory", f"{CHAPTER}, Why it works"),
        subspace.updates_are_structured,
    ),
    Claim(
        "lora_is_approximation",
        "LoRA is in essence a low-rank approximation of the full update.",
        (f"{LINEAR}, closing", f"{SST2}, Conclusions"),
        subspace.lora_is_low_rank_approximation,
    ),
    Claim(
        "overparameterised",
        "Pretrained models have much capacity that a single task does not use.",
        (f"{COMPARISON}, Theory",),
        unmeasured(no.NO_PRUNING),
    ),
    # --- Training --------------------------------------------------------------------------------
    Claim(
        "head_only_plateaus",
        "Head-only converges quickly and plateaus early.",
        (f"{SST2}, Training dynamics",),
        training.head_only_plateaus,
    ),
    Claim(
        "full_learns_fastest",
        "Full fine-tuning learns fastest.",
        (f"{SST2}, Training dynamics",),
        training.full_learns_fastest,
    ),
    Claim(
        "lora_is_stable",
        "LoRA trains stably.",
        (f"{SST2}, Training dynamics",),
        training.lora_is_stable,
    ),
    Claim(
        "large_ranks_converge_faster",
        "Higher ranks converge slightly faster.",
        (f"{SST2}, Training dynamics",),
        training.large_ranks_learn_faster,
    ),
    Claim(
        "large_ranks_less_stable",
        "Large ranks are less stable.",
        (f"{NOTES}, Limitations",),
        training.large_ranks_vary_more,
    ),
    # --- Parameters, storage, compute ------------------------------------------------------------
    Claim(
        "parameters_linear_in_rank",
        "The number of adapter parameters grows linearly with the rank.",
        (f"{ABLATION}, Parameter efficiency", f"{COMPARISON}, Question 3"),
        counting.linear_in_rank,
    ),
    Claim(
        "parameters_by_formula",
        "Adapter parameters are r times inputs plus outputs of every adapted matrix.",
        (f"{ABLATION}, Parameter efficiency", f"{COMPARISON}, Theory", f"{CHAPTER}, Why it works"),
        counting.formula,
    ),
    Claim(
        "share_below_3_permille",
        "Up to rank 8 less than 0.3 % of the parameters are trained.",
        (f"{ABLATION}, Parameter efficiency",),
        counting.share_below(8, 0.003),
    ),
    Claim(
        "share_about_1_permille",
        "LoRA trains about 0.1 % of the parameters (at rank 8).",
        (f"{CHAPTER}, Comparison",),
        counting.share_about(8, 0.001),
    ),
    Claim(
        "head_is_small",
        "The classification head adds few parameters to the adapter's.",
        (f"{ABLATION}, Parameter efficiency",),
        counting.small_head,
    ),
    Claim(
        "storage_10_mb",
        "A task takes about 10 MB and not a whole model.",
        (f"{CHAPTER}, Comparison", f"{NOTES}, Motivation"),
        counting.small_storage,
    ),
    Claim(
        "full_costs_most",
        "Full fine-tuning costs most.",
        (f"{SST2}, Results, Pareto frontier", f"{NOTES}, Motivation; Comparison"),
        compute.full_costs_most,
    ),
    Claim(
        "cheaper_than_full",
        "Training with LoRA is faster than full fine-tuning.",
        (f"{CHAPTER}, Comparison", f"{NOTES}, Comparison"),
        compute.cheaper_than_full(1.0),
    ),
    Claim(
        "drastically_cheaper",
        "Training only A and B cuts the cost of training drastically (to less than half).",
        (f"{NOTES}, Objective function",),
        compute.cheaper_than_full(0.5),
    ),
    Claim(
        "time_hardly_depends_on_rank",
        "Training time hardly depends on the rank.",
        (f"{COMPARISON}, Question 4",),
        compute.compute_hardly_grows,
    ),
    Claim(
        "high_rank_is_slower",
        "Too high a rank is slower.",
        (f"{CHAPTER}, Common mistakes",),
        compute.compute_grows,
    ),
    Claim(
        "high_rank_takes_memory",
        "Large ranks take noticeably more memory.",
        (f"{NOTES}, Limitations; Common issues", f"{CHAPTER}, Common mistakes"),
        counting.memory_grows,
    ),
    Claim(
        "lora_saves_memory",
        "LoRA needs far less memory than full fine-tuning (less than half).",
        (f"{NOTES}, Objective function", f"{CHAPTER}, Comparison"),
        counting.less_memory_than_full,
    ),
    Claim(
        "memory_savers_work",
        "Mixed precision, checkpointing, offloading and smaller batches lower memory.",
        (f"{NOTES}, Memory optimizations; Common issues",),
        unmeasured(no.MEMORY),
    ),
    Claim(
        "merged_costs_nothing",
        "Merged into the weights, LoRA costs nothing at inference.",
        (f"{CHAPTER}, Weight merging; Comparison", f"{NOTES}, Comparison"),
        compute.merges,
    ),
    # --- Learning rates and alpha ----------------------------------------------------------------
    Claim(
        "one_rate_serves_all_ranks",
        "With alpha in proportion to r, one learning rate compares ranks fairly.",
        (f"{SST2}, Correct LoRA scaling",),
        rates.one_rate_serves_all,
    ),
    Claim(
        "lora_takes_a_higher_rate",
        "LoRA needs a higher learning rate than full fine-tuning.",
        (f"{CHAPTER}, Common mistakes",),
        rates.lora_takes_a_higher_rate,
    ),
    Claim(
        "best_rate_up_to_1e_3",
        "LoRA's best learning rate lies between 1e-4 and 1e-3.",
        (f"{CHAPTER}, Common mistakes",),
        rates.best_rate_within(1e-4, 1e-3),
    ),
    Claim(
        "best_rate_up_to_5e_4",
        "LoRA's best learning rate lies between 1e-4 and 5e-4.",
        (f"{NOTES}, Heuristics",),
        rates.best_rate_within(1e-4, 5e-4),
    ),
    Claim(
        "extreme_rates_hurt",
        "Too high a learning rate drifts, too low a one adapts slowly.",
        (f"{NOTES}, Heuristics",),
        rates.extremes_hurt,
    ),
    Claim(
        "alpha_twice_the_rank",
        "Alpha is best set to twice the rank.",
        (f"{NOTES}, Heuristics; Checklist", f"{CHAPTER}, Why scaling; Hyperparameters"),
        unmeasured(no.ONE_ALPHA),
    ),
    Claim(
        "optimum_depends_on_task",
        "The best rank, alpha and learning rate depend on model and task.",
        (f"{NOTES}, Limitations",),
        unmeasured(no.ONE_TASK),
    ),
    # --- Recipes and other methods ---------------------------------------------------------------
    Claim(
        "query_and_value_are_best",
        "Query and value are the matrices to adapt.",
        (f"{ABLATION}, Injecting", f"{CHAPTER}, Where to apply LoRA"),
        unmeasured(no.ONE_TARGET),
    ),
    Claim(
        "others_add_little",
        "Key, output and the other matrices add little.",
        (f"{ABLATION}, Injecting", f"{CHAPTER}, Where to apply LoRA"),
        unmeasured(no.ONE_TARGET),
    ),
    Claim(
        "more_modules_cure_underfitting",
        "Adapting more modules, such as the MLPs, adds capacity where LoRA underfits.",
        (f"{NOTES}, Common issues", f"{CHAPTER}, Where to apply LoRA"),
        unmeasured(no.ONE_TARGET),
    ),
    Claim(
        "dropout_helps_small_data",
        "Dropout of 0.05 and fewer epochs help on small data.",
        (f"{NOTES}, Heuristics; Common issues",),
        unmeasured(no.ONE_RECIPE),
    ),
    Claim(
        "warmup_cures_instability",
        "Warm-up, a schedule, lower rates or a lower alpha cure instability.",
        (f"{NOTES}, Common issues",),
        unmeasured(no.ONE_RECIPE),
    ),
    Claim(
        "sgd_can_do",
        "For very large adapters SGD may serve as well as AdamW.",
        (f"{NOTES}, Training configurations",),
        unmeasured(no.ONE_RECIPE),
    ),
    Claim(
        "four_bits_make_it_cheaper",
        "On a base in 4 bits LoRA is cheaper still, and a single GPU trains very large models.",
        (f"{NOTES}, Training configurations; Comparison",),
        unmeasured(no.NO_QUANTISATION),
    ),
    Claim(
        "four_bits_need_tuning",
        "LoRA on a quantised base needs tuning of its own.",
        (f"{NOTES}, Limitations; Common issues",),
        unmeasured(no.NO_QUANTISATION),
    ),
    Claim(
        "lora_beside_other_methods",
        "Adapter and prefix tuning are efficient too, and LoRA alone can be merged.",
        (f"{NOTES}, Comparison",),
        unmeasured(no.OTHER_METHODS),
    ),
    Claim(
        "adapters_stack",
        "Several adapters can be kept and merged selectively, if they do not overlap.",
        (f"{CHAPTER}, Weight merging", f"{NOTES}, Common issues"),
        unmeasured(no.STACKING),
    ),
)
