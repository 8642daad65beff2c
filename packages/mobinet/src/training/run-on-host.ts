import { ExponentialMovingAverage, type OptimizerState } from '@mobinet/autograd';
import { dispose, type Tensor, toHost, withBackend } from '@mobinet/tensor/functions';
import { copyTensors, modelTensors } from '../networks/tensors.js';
import { makeOptimizer } from './options.js';
import type { TrainingRun } from './run.js';

/**
 * The run on the CPU, ready to be written to files. Returns the run itself if it is on the CPU already, else a copy,
 * which the caller must free with `disposeRun`.
 *
 * @param options.salvage As in `toHost`.
 * @param options.state The state of the optimizer, if it is divided among processes. Default: that of the run.
 */
export async function runOnHost(
  run: TrainingRun,
  { salvage = false, state = run.optimizer.state }: { salvage?: boolean; state?: OptimizerState } = {},
): Promise<TrainingRun> {
  const { network, options, model, average, training } = run;
  const tensors = modelTensors(model);
  const isWhole = state.tensors === run.optimizer.state.tensors;
  if (isWhole && [...tensors.values()].every(({ backend }) => backend === 'cpu')) return run;
  const averages = average ? modelTensors(average.module) : new Map<string, Tensor>();
  const [saved, averaged, moments] = await Promise.all(
    [tensors, averages, state.tensors].map((all) => onHost(all, salvage)),
  );
  return withBackend('cpu', () => {
    const copyOf = (tensors: ReadonlyMap<string, Tensor>) => {
      const copy = network.make(options);
      copyTensors(tensors, copy);
      return copy;
    };
    const other = makeOptimizer(training);
    other.load({ step: state.step, tensors: moments });
    const copy: TrainingRun = {
      ...run,
      model: copyOf(saved),
      optimizer: other,
      average:
        average && new ExponentialMovingAverage(copyOf(averaged), { decay: training.ema, updates: average.updates }),
    };
    dispose([saved, averaged, moments]);
    return copy;
  });
}

async function onHost(tensors: ReadonlyMap<string, Tensor>, salvage: boolean): Promise<Map<string, Tensor>> {
  return new Map(
    await Promise.all(
      Array.from(tensors, async ([name, tensor]) => [name, await toHost(tensor, { salvage })] as const),
    ),
  );
}
