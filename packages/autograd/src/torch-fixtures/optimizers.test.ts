import { slice, stack, type Tensor, tensor } from '@mobinet/tensor';
import { Adam, AdamW } from '../optimizers/adam.js';
import type { Optimizer, OptimizerOptions } from '../optimizers/optimizer.js';
import { RMSProp } from '../optimizers/rmsprop.js';
import { SGD } from '../optimizers/sgd.js';
import { ReduceOnPlateau, type ReduceOnPlateauOptions } from '../reduce-on-plateau.js';
import { constant, exponential, type Schedule, sequence } from '../schedules.js';
import { compareWithTorch } from './compare.test.helper.js';

type Options = { learningRate: number } & OptimizerOptions;

/** The weights after each step. They are two parameters, of which each may have a group. */
function stepsOf(make: (options: Options) => Optimizer) {
  return (start: Tensor, gradients: Tensor, options: Options): Tensor => {
    const groups = options.groups?.map((group, at) => ({ ...group, matches: (path: string) => path === `${at}` }));
    const optimizer = make(groups ? { ...options, groups } : options);
    const weights = [slice(start, [0], [4]), slice(start, [4], [7])];
    return stack(
      Array.from({ length: gradients.shape[0] }, (_, step) => {
        const parts = [0, 4].map((from) =>
          slice(gradients, [step, from], [step + 1, from === 0 ? 4 : 7]).reshape([-1]),
        );
        optimizer.update(weights, parts);
        return tensor(weights.flatMap(({ values }) => [...values]));
      }),
    );
  };
}

const ratesOf = (schedule: Schedule): Tensor => tensor([0, 1, 2, 3, 4, 5, 6, 7].map(schedule));

compareWithTorch('optimizers', {
  SGD: stepsOf((options) => new SGD(options)),
  Adam: stepsOf((options) => new Adam(options)),
  AdamW: stepsOf((options) => new AdamW(options)),
  RMSProp: stepsOf((options) => new RMSProp(options)),
  exponential: (options: { factor: number; every?: number }) => ratesOf(exponential({ rate: 1, ...options })),
  sequence: ({ first, factor, at }: Record<'first' | 'factor' | 'at', number>) =>
    ratesOf(sequence({ schedules: [constant(first), exponential({ rate: 1, factor })], at: [at] })),
  ReduceOnPlateau: (values: Tensor, options: Omit<ReduceOnPlateauOptions, 'rate'>) => {
    const plateau = new ReduceOnPlateau({ rate: 1, ...options });
    return tensor(Array.from(values.values, (value) => plateau.step(value)));
  },
});
