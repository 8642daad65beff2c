import { assign, dispose, type Tensor, toHost, withBackend } from '@mobinet/tensor';
import { modelTensors } from '../networks/tensors.js';
import { makeOptimizer } from './options.js';
import type { TrainingRun } from './run.js';

/**
 * The run on the CPU, ready to be written to files. Returns the run itself if it is on the CPU already, else a copy
 * whose network and optimizer the caller must dispose.
 *
 * @param options.salvage As in `toHost`.
 */
export async function runOnHost(run: TrainingRun, { salvage = false } = {}): Promise<TrainingRun> {
  const { network, options, model, optimizer, training } = run;
  const tensors = modelTensors(model);
  if ([...tensors.values()].every(({ backend }) => backend === 'cpu')) return run;
  const [saved, moments] = await Promise.all([tensors, optimizer.state.tensors].map((all) => onHost(all, salvage)));
  return withBackend('cpu', () => {
    const copy = network.make(options);
    for (const [name, target] of modelTensors(copy)) assign(target, saved.get(name)!);
    const other = makeOptimizer(training);
    other.load({ step: optimizer.step, tensors: moments });
    dispose([saved, moments]);
    return { ...run, model: copy, optimizer: other };
  });
}

async function onHost(tensors: ReadonlyMap<string, Tensor>, salvage: boolean): Promise<Map<string, Tensor>> {
  return new Map(
    await Promise.all(
      Array.from(tensors, async ([name, tensor]) => [name, await toHost(tensor, { salvage })] as const),
    ),
  );
}
