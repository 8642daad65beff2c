import { currentBackend, type Tensor } from '@mobinet/tensor/functions';
import { kernelSetting, multiplyAddIsFused } from '@mobinet/tensor/kernels';
import { DataError } from '../data/errors.js';
import { hashOf } from '../data/fingerprint.js';
import type { Team } from '../distributed/team.js';
import { version } from '../export/version.js';
import { savedTensors } from './checkpoint.js';
import type { TrainingRun } from './run.js';

/**
 * Checks that the number of processes fits the micro-batches of a run: each must have a subtree of the tree in which
 * gradients are summed (`TreeSum`).
 *
 * @throws RangeError, one line, if it does not.
 */
export function checkRanks({ training: { microBatches } }: Pick<TrainingRun, 'training'>, { size }: Team): void {
  if (size === 1) return;
  if (!Number.isInteger(Math.log2(size))) {
    const below = 2 ** Math.floor(Math.log2(size));
    throw new RangeError(`the number of processes must be a power of two, not ${size}. Use mpirun -n ${below}`);
  }
  if (size > microBatches || !Number.isInteger(Math.log2(microBatches))) {
    throw new RangeError(
      `${size} processes cannot divide ${microBatches} micro-batches. Use --micro-batches ${size} or another power of ` +
        'two above, which changes the results, or fewer processes',
    );
  }
}

/** What must be the same on all processes, by what errors call it. */
type Facts = Readonly<Record<string, string>>;

/** What to do about a difference. */
const remedies: Readonly<Record<string, string>> = {
  'version of mobinet': 'Install the same one everywhere',
  'image decoder': 'Install the same one everywhere, or set MOBINET_DECODER=get-pixels',
  'rounding of multiply-adds': 'Set MOBINET_KERNELS=portable everywhere',
  'kernel setting': 'Set MOBINET_KERNELS to the same value everywhere',
  'compute device': 'Choose it with --device',
};

/**
 * Checks that all processes would compute the same bits: that they have the same software, kernels and images, and that
 * they start from the same run.
 *
 * @throws DataError on all of them, one line that names the first difference.
 */
export async function checkAgreement(run: TrainingRun, team: Team): Promise<void> {
  if (team.size === 1) return;
  const all = await team.all(() => factsOf(run));
  for (const [rank, facts] of all.entries()) {
    for (const name of Object.keys({ ...all[0], ...facts })) {
      const [expected, found] = [all[0][name] ?? 'none', facts[name] ?? 'none'];
      if (found === expected) continue;
      const difference = `rank ${rank} has another ${name} than rank 0: ${found}, not ${expected}`;
      const remedy = remedies[name] ?? 'Start all of them with the same options and files';
      throw team.common(new DataError(`${difference}. ${remedy}`));
    }
  }
}

async function factsOf(run: TrainingRun): Promise<Facts> {
  const { network, options, training, fingerprint, decoder, progress } = run;
  return {
    'version of mobinet': version,
    'compute device': currentBackend(),
    'kernel setting': kernelSetting().tier,
    'rounding of multiply-adds': multiplyAddIsFused() ? 'once' : 'twice',
    'image decoder': decoder ?? 'none',
    network: network.name,
    ...optionFacts('option of the network', options),
    ...optionFacts('training option', training),
    'set of images': hashOf([JSON.stringify(fingerprint ?? null)]),
    progress: `epoch ${progress.epoch}, batch ${progress.batch}`,
    'set of weights': await hashOfTensors(savedTensors(run)),
  };
}

/** Each option by itself, so that an error can name the one that differs. */
function optionFacts(kind: string, options: object): Facts {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [`${kind}, ${name},`, JSON.stringify(value) ?? 'none']),
  );
}

async function hashOfTensors(tensors: ReadonlyMap<string, Tensor>): Promise<string> {
  const parts: (string | Uint8Array)[] = [];
  for (const [name, tensor] of tensors) {
    const { buffer, byteOffset, byteLength } = await tensor.data();
    parts.push(name, new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hashOf(parts);
}
