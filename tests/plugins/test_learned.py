"""The learned optimizer: Adam where nothing was learned, faster on proxies it has not seen."""

import torch

from more_optimizers import learned
from more_optimizers.declarations import LEARNED
from more_optimizers.learned import Weights, learned_weights
from more_optimizers.meta_training import as_json, meta_train, new_proxy, starting_weights
from tests.plugins.test_example_optimizers import drawn, trajectory

UNSEEN = range(1000, 1004)


def test_without_its_readout_it_is_torchs_adam() -> None:
    gradients, start = [drawn(4, 3, seed=s) for s in range(24)], drawn(4, 3, seed=99)
    parameter = torch.nn.Parameter(start.clone())
    adam = torch.optim.Adam([parameter], lr=0.01, betas=(0.9, 0.95), eps=1e-8)
    stepped, state = start, learned.init(start)
    hyper = {**LEARNED.defaults, "learning_rate": 0.01}
    for gradient in gradients:
        parameter.grad = gradient.clone()
        adam.step()
        stepped, state = learned.update_with(starting_weights(), stepped, gradient, state, hyper)
        torch.testing.assert_close(stepped, parameter.detach(), rtol=1e-12, atol=1e-14)


def test_gradients_of_the_other_sign_make_steps_of_the_other_sign() -> None:
    gradients, start = [drawn(4, 3, seed=s) for s in range(6)], torch.zeros(4, 3).double()
    hyper = {**LEARNED.defaults, "learning_rate": 0.01}
    there = trajectory("learned", gradients, hyper, start)
    back = trajectory("learned", [-gradient for gradient in gradients], hyper, start)
    torch.testing.assert_close(back, [-parameter for parameter in there], rtol=0, atol=0)


def final_log_loss(weights: Weights, rate: float) -> float:
    """Mean over proxies that meta-training did not see, after as many updates as it had."""
    losses = []
    for seed in UNSEEN:
        proxy = new_proxy(seed)
        losses.append(proxy.train(weights, rate, 64).detach()[-16:].log().mean())
    return float(torch.stack(losses).mean())


def test_at_a_small_rate_it_ends_lower_than_adam_on_unseen_proxies() -> None:
    rate = 2.0**-7
    assert final_log_loss(learned_weights(), rate) < final_log_loss(starting_weights(), rate) - 0.1


def test_meta_training_gives_the_same_weights_again_and_moves_all_of_them() -> None:
    once = meta_train(proxies=1)
    assert as_json(once) == as_json(meta_train(proxies=1))
    moved = zip(once, starting_weights(), strict=True)
    assert all(not torch.equal(now, before) for now, before in moved)
