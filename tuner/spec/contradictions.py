"""Find fields of a study's specification that contradict each other, and say what to change."""

from collections.abc import Iterator

from parametrization.optimizers.registry import OPTIMIZERS, declared
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policy_numbers import EmbeddingRateRule
from parametrization.scaling.companions import assignment_of
from parametrization.shapes.roles import Role
from tuner.spec.datasets.registry import datasets_of
from tuner.spec.optimizers.magnitudes import beyond_floats, unscalable
from tuner.spec.phases.unfit_search import CLIPPING, Around, unfit_search
from tuner.spec.study_fields import HALF, StudyFields
from tuner.spec.target import MOST_TOKENS, WIDEST, narrower_than_proxy


def contradictions(spec: StudyFields) -> Iterator[tuple[str, str]]:
    """(JSON pointer, what to change) for every pair of fields that disagree."""
    yield from _illegal_widths(spec)
    yield from _unfit_data(spec)
    yield from spec.family.unfit_for(spec.base_width)
    yield from _unfit_memory(spec)
    yield from _unfit_end(spec)
    yield from _unfit_schedule(spec)
    yield from _unfit_clipping(spec)
    yield from _unfit_pruner(spec)
    yield from _unfit_search(spec)
    yield from _unfit_optimizers(spec)
    yield from _unknown_seeds(spec)
    yield from _unfit_dynamics(spec)
    yield from _unfit_target(spec)
    yield from _unfit_axes(spec)
    yield from _unfit_policies(spec)
    yield from _unfit_control(spec)
    yield from beyond_floats(spec.optimizers)
    yield from unscalable(
        "/training", {f"/{way}": getattr(spec.training, way) or 0 for way in CLIPPING}
    )


def _unfit_data(spec: StudyFields) -> Iterator[tuple[str, str]]:
    if not isinstance(spec.dataset, spec.family.trains_on):
        yield (
            "/dataset/name",
            f"family {spec.family.name} cannot train on {spec.dataset.name}:"
            f" use one of {', '.join(datasets_of(spec.family.trains_on))}",
        )
    elif problem := spec.family.data_problem(spec.dataset):
        yield ("/dataset/side", problem)


def _unfit_memory(spec: StudyFields) -> Iterator[tuple[str, str]]:
    batch_size, parts = spec.training.batch_size, spec.training.accumulation
    if batch_size % parts:
        nearest = max(
            size for size in range(1, min(parts, batch_size) + 1) if not batch_size % size
        )
        yield (
            "/training/accumulation",
            f"{parts} microbatches do not divide batch_size {batch_size} evenly: use {nearest},"
            f" or a batch_size that is a multiple of {parts}",
        )
    if spec.training.activation_checkpointing and spec.family.refuses_recomputation:
        yield (
            "/training/activation_checkpointing",
            f"activation checkpointing cannot train a {spec.family.name}:"
            f" {spec.family.refuses_recomputation}; leave it out",
        )


def _unfit_optimizers(spec: StudyFields) -> Iterator[tuple[str, str]]:
    names = [optimizer.name for optimizer in spec.optimizers]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield (f"/optimizers/{i}/name", f"{name} is already listed: name each optimizer once")
        if name in spec.family.refused_optimizers:
            yield (
                f"/optimizers/{i}/name",
                f"{name} cannot train a {spec.family.name}:"
                f" {spec.family.refused_optimizers[name]}; use another optimizer",
            )


def _unfit_end(spec: StudyFields) -> Iterator[tuple[str, str]]:
    scaled = spec.check.parametrization
    if scaled is not Parametrization.MUP and (not spec.only_checks or spec.family.is_external):
        whose = "its trainer checks" if spec.family.is_external else "a study searches"
        yield (
            "/check/parametrization",
            f"{scaled} cannot be checked, because {whose} under mup: use mup"
            + ("" if spec.family.is_external else ", or stop_after: check"),
        )
    if not spec.only_checks:
        return
    if spec.family.skips_check:
        yield ("/family/check", "skipped leaves nothing that would run: use posted")
    after = {
        "budget": spec.budget is not None,
        "prior": spec.prior is not None,
        "control": spec.control != "none",
        "at_target": spec.at_target,
        "dynamics": spec.dynamics is not False,
    }
    for field in (field for field, is_asked in after.items() if is_asked):
        words = f"stop_after: check ends the study before {field} matters: leave one of them out"
        yield (f"/{field}", words)


def _unfit_schedule(spec: StudyFields) -> Iterator[tuple[str, str]]:
    if spec.family.is_external and spec.training.compared_over != HALF:
        yield (
            "/training/compared_over",
            "train losses of your own trainer are compared over the second half of training:"
            " leave it out",
        )
    if not spec.training.schedule.grows_batch:
        return
    if spec.family.is_external or spec.family.trains_in_one_piece:
        yield (
            "/training/schedule",
            f"{spec.training.schedule.shape} with a growing batch cannot train {spec.family.name},"
            " whose batches are its own: set batch_warmup_fraction to 0, and use a shape whose"
            " batch stays",
        )


def _unfit_clipping(spec: StudyFields) -> Iterator[tuple[str, str]]:
    training = spec.training
    ways = [way for way in CLIPPING if getattr(training, way) is not None]
    for way in ways[1:]:
        yield (f"/training/{way}", f"{ways[0]} clips already: leave one of them out")
    own = (*CLIPPING[1:], "average_fraction")
    for field in own if spec.family.is_external else ():
        if getattr(training, field) is not None:
            yield (
                f"/training/{field}",
                "your own trainer clips by gradient_clip_norm alone, and averages its weights"
                " itself: leave it out",
            )
    for i, optimizer in enumerate(spec.optimizers):
        if training.average_fraction and declared(optimizer.name).evaluation_point:
            yield (
                f"/optimizers/{i}/name",
                f"{optimizer.name} averages the weights by itself: leave average_fraction out, or"
                " use another optimizer",
            )


def _unfit_pruner(spec: StudyFields) -> Iterator[tuple[str, str]]:
    if spec.family.trains_in_one_piece and spec.search.pruner != "none":
        yield (
            "/search/pruner",
            f"{spec.search.pruner} stops trials on the way, and those of {spec.family.name} train"
            " in one piece, because its batches come from a loader: use none",
        )


def _unfit_search(spec: StudyFields) -> Iterator[tuple[str, str]]:
    if spec.search.training is None:
        return
    training = spec.training
    around = Around(
        spec.family,
        training.schedule,
        tuple(way for way in CLIPPING if getattr(training, way) is not None),
        spec.comparison,
        tuple(optimizer.name for optimizer in spec.optimizers),
    )
    yield from unfit_search(spec.search.training, around)


def _unknown_seeds(spec: StudyFields) -> Iterator[tuple[str, str]]:
    seeds, names = spec.check.seeds, {config.name for config in spec.optimizers}
    for name in seeds.keys() - names if isinstance(seeds, dict) else ():
        yield (
            f"/check/seeds/{name}",
            f"{name} is not one of the study's optimizers: leave it out, or list it there",
        )


def _unfit_target(spec: StudyFields) -> Iterator[tuple[str, str]]:
    whole, steps = spec.whole_target, spec.target.steps
    if problem := spec.family.depth_problem(whole.depth):
        yield ("/target/depth", problem)
    if whole.tokens > MOST_TOKENS:
        yield (
            "/target/steps",
            f"{steps} steps of {whole.batch_size} examples are {whole.tokens} tokens: lower steps"
            f" until they are {MOST_TOKENS} or fewer",
        )
    if steps is not None and steps != whole.steps:
        yield (
            "/target/steps",
            f"{steps} steps disagree with {whole.tokens} tokens, which are {whole.steps} steps of"
            f" {whole.batch_size} examples: leave steps or tokens out",
        )


def _unfit_axes(spec: StudyFields) -> Iterator[tuple[str, str]]:
    axes, parts = spec.measure.axes, spec.training.accumulation
    for field, words in axes.problems(spec.proxies):
        yield (f"/measure/axes/{field}", words)
    for i, depth in enumerate(axes.depth):
        if problem := spec.family.depth_problem(depth):
            yield (f"/measure/axes/depth/{i}", problem)
    for i, batch_size in enumerate(axes.batch):
        if batch_size % parts:
            yield (
                f"/measure/axes/batch/{i}",
                f"{parts} microbatches do not divide batch {batch_size} evenly: use a multiple of"
                f" {parts}",
            )
    if axes.batch and spec.family.trains_in_one_piece:
        yield (
            "/measure/axes/batch",
            f"the batches of {spec.family.name} come from a loader of its own: leave batch out",
        )


def _unfit_policies(spec: StudyFields) -> Iterator[tuple[str, str]]:
    rule = spec.policies.embedding_lr_rule
    if rule is EmbeddingRateRule.CONSTANT:
        return
    for optimizer in spec.optimizers:
        of_tables = assignment_of(optimizer.name).by_role[Role.INPUT]
        if not declared(of_tables).sqrt_embedding_rate:
            known = ", ".join(sorted(n for n, one in OPTIMIZERS.items() if one.sqrt_embedding_rate))
            yield (
                "/policies/embedding_lr_rule",
                f"{rule} has no rule for {of_tables}, which trains the lookup tables under"
                f" {optimizer.name}: it is known for {known}; use {EmbeddingRateRule.CONSTANT}, or"
                " one of those",
            )


def _unfit_control(spec: StudyFields) -> Iterator[tuple[str, str]]:
    if spec.control != "sp+embedding":
        return
    for optimizer in spec.optimizers:
        beside = assignment_of(optimizer.name).optimizers - {optimizer.name}
        if beside:
            yield (
                "/control",
                f"sp+embedding compares two rates of one optimizer, and beside {optimizer.name}"
                f" {' and '.join(sorted(beside))} trains the embedding: use sp, or an optimizer"
                " that trains every tensor",
            )


def _illegal_widths(spec: StudyFields) -> Iterator[tuple[str, str]]:
    named = [
        ("/target/width", spec.target.width),
        ("/proxy_width", spec.proxy_width),
        ("/base_width", spec.base_width),
        *((f"/measure/widths/{i}", width) for i, width in enumerate(spec.measure.widths)),
        *((f"/check/widths/{i}", width) for i, width in enumerate(spec.check.widths)),
    ]
    for pointer, width in named:
        if problem := spec.family.width_problem(width):
            yield (pointer, f"{problem}, or change {spec.family.divisor_field} of the family")
    if problem := narrower_than_proxy(spec.target.width, spec.proxy_width):
        yield ("/target/width", f"{problem}, or lower proxy_width")
    if (widest := max(spec.measure_widths)) > WIDEST:
        yield (
            "/proxy_width",
            f"proxy_width {spec.proxy_width} is measured at up to {widest}, and widths end at"
            f" {WIDEST}: lower proxy_width, or name measure.widths",
        )
    for field, widths in (("measure", spec.measure.widths), ("check", spec.check.widths)):
        if widths and len(set(widths)) < 3:
            yield (f"/{field}/widths", f"give at least three different widths, got {list(widths)}")


def _unfit_dynamics(spec: StudyFields) -> Iterator[tuple[str, str]]:
    if spec.dynamics is False:
        return
    if spec.family.is_external:
        words = "only the service's own workers measure dynamics"
    elif spec.family.trains_in_one_piece:
        words = "batches of a loader cannot be asked for again: give the task a `batch`"
    else:
        return
    yield ("/dynamics", f"{words}; leave dynamics out")
