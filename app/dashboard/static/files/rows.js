// What plots show, as the lines of a table.

/** One line for every trial of a study's curves of loss against learning rate. */
export function* sensitivityRows(curves) {
  for (const { optimizer, parametrization, width, purpose, points } of curves) {
    for (const { learning_rate, seeds } of points) {
      for (const { seed, number: trial, loss } of seeds) {
        yield { optimizer, parametrization, width, purpose, learning_rate, seed, trial, loss };
      }
    }
  }
}

export function checkRows({ optimizer, tensors }) {
  return tensors.map(({ update_interval: interval, ...tensor }) => ({
    optimizer,
    ...tensor,
    update_low: interval?.[0],
    update_high: interval?.[1],
  }));
}
