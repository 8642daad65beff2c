/**
 * Writes docs/operations.md: where each operation runs, which operations are differentiable, and which ones a MoBiNet
 * uses. To find out, it trains a small network, with a teacher, and packs it in every variant.
 *
 *     npm run operations
 *     npm run operations -- --check    fails if the document is outdated, or if an op of MoBiNet has no GPU kernel
 */
import { join } from 'node:path';
import { crossEntropy, distillationLoss, valueAndGradient } from '@mobinet/autograd';
import {
  type AnyTensor,
  add,
  type DType,
  DTypeError,
  GradientError,
  Rng,
  setThreads,
  startProfile,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '@mobinet/tensor';
import { definedOps } from '@mobinet/tensor/testing';
import {
  createMoBiNet,
  imageFromRgba,
  loadPacked,
  type MoBiNet,
  makeOptimizer,
  mobinet,
  optimizerNames,
  packModel,
  paperTraining,
  type TrainingOptions,
} from 'mobinet';
import { fillIn, resultsIn, table } from './lib/document.js';
import { exportedOperations } from './lib/exported-operations.js';
import { parseFlags, root, stop } from './lib/flags.js';
import { operationNotes } from './lib/operation-notes.js';

const allDTypes = ['f32', 'i32', 'u32', 'i16', 'u8'] as const;

const { check } = parseFlags({ check: { type: 'boolean' } });
const file = join(root, 'docs/operations.md');

const small = { width: 0.125, k: 2, imageSize: 32, classes: 3 };

const image = imageFromRgba({ width: 32, height: 32, data: new Uint8ClampedArray(4 * 32 * 32).fill(128) });

/** Options of networks that together take every value of every option. */
const optionVariants: Record<string, unknown>[] = [
  ...Object.entries(mobinet.options).flatMap(([name, option]) =>
    'choices' in option ? option.choices.map((value) => ({ [name]: value })) : [],
  ),
  // Groups of 2^K channels need at least 2^K channels.
  ...[0, 1, 2, 3, 4].map((k) => ({ k, width: Math.max(0.125, 2 ** k / 32) })),
];

const variants = [
  ...optionVariants.map((options) => ({ options, optimizer: 'adam' as const })),
  ...optimizerNames.map((optimizer) => ({ options: {}, optimizer })),
];

await setThreads(1);
const usedInTraining = new Set<string>();
const usedWhenPacked = new Set<string>();
for (const { options, optimizer } of variants) {
  const model = createMoBiNet(mobinet.resolve({ ...small, ...options }));
  for (const name of await opsOf(() => trainOneStep(model, optimizer))) usedInTraining.add(name);
  if (model.options.precision !== 'binary') continue;
  const packed = await loadPacked(packModel(model));
  for (const name of await opsOf(() => packed.predict([image]))) usedWhenPacked.add(name);
}

const missing = definedOps().filter(
  ({ name, webgpu }) => (usedInTraining.has(name) || usedWhenPacked.has(name)) && !webgpu,
);
if (missing.length > 0) {
  stop(`MoBiNet uses operations that have no GPU kernel: ${missing.map(({ name }) => name).join(', ')}`);
}

const ops = new Map(definedOps().map((op) => [op.name, op]));
const functions = exportedOperations();

// One after the other, since all of them are profiled.
const rows: string[][] = [];
for (const name of functions) rows.push(await rowOfFunction(name));

const text = [
  table(['function', 'dtypes', 'CPU, fast', 'GPU', 'gradient', 'MoBiNet', 'differences from PyTorch and NumPy'], rows, {
    text: true,
  }),
  'The operations behind them, which are gradients, or parts of layers and optimizers:',
  table(
    ['operation', 'CPU, fast', 'GPU', 'gradient', 'MoBiNet'],
    [...ops.values()]
      .filter(({ name }) => !functions.includes(name))
      .map((op) => [`\`${op.name}\``, mark(op.fast), mark(op.webgpu), mark(op.gradient), useOf([op.name])]),
    { text: true },
  ),
].join('\n\n');
if (!check) await fillIn(file, text);
else if ((await resultsIn(file)) !== text) stop(`${file} is outdated. Run: npm run operations`);

async function rowOfFunction(name: string): Promise<string[]> {
  const { call, differs = '' } = operationNotes[name] ?? {};
  const op = ops.get(name);
  if (!call && !op) stop(`scripts/lib/operation-notes.ts: ${name} is not an operation, so it needs a call`);
  const { dtypes, parts, isDifferentiable } = call
    ? await tryCall(call)
    : { dtypes: (op!.accepts ?? [['f32']]).map(listed).join('; '), parts: [op!], isDifferentiable: op!.gradient };
  return [
    `\`${name}\``,
    dtypes,
    mark(parts.every(({ fast }) => fast)),
    mark(parts.every(({ webgpu }) => webgpu)),
    mark(isDifferentiable),
    call ? '' : useOf([name]),
    differs,
  ];
}

/** Finds out about a function that calls ops. */
async function tryCall(call: (x: Tensor) => AnyTensor) {
  const operand = (dtype: DType): Tensor => tensor([[1, 2], [3, 4]], { dtype }) as Tensor<DType> as Tensor; // biome-ignore format: a matrix
  const works = (attempt: () => unknown): boolean => {
    try {
      attempt();
      return true;
    } catch (error) {
      if (error instanceof DTypeError || error instanceof GradientError) return false;
      throw error;
    }
  };
  const names = await opsOf(() => call(operand('f32')));
  return {
    dtypes: listed(allDTypes.filter((dtype) => works(() => call(operand(dtype))))),
    parts: names.map((name) => ops.get(name)!),
    isDifferentiable:
      call(operand('f32')).dtype === 'f32' &&
      works(() => valueAndGradient((x: Tensor) => sum(call(x) as Tensor))(operand('f32'))),
  };
}

function listed(dtypes: readonly string[]): string {
  return dtypes.length === allDTypes.length ? 'all' : dtypes.join(', ');
}

function mark(has: unknown): string {
  return has ? '✓' : '';
}

/** What MoBiNet uses an op for. */
function useOf(names: readonly string[]): string {
  const uses = { training: usedInTraining, packed: usedWhenPacked };
  return Object.entries(uses)
    .flatMap(([use, used]) => (names.some((name) => used.has(name)) ? [use] : []))
    .join(', ');
}

/** The names of the operations that run in `body`, including those called by gradient rules. */
async function opsOf(body: () => unknown): Promise<string[]> {
  const stopProfile = startProfile();
  await body();
  return stopProfile().map(({ op }) => op);
}

/** One training step, then the forward pass of validation. */
function trainOneStep(model: MoBiNet, optimizer: TrainingOptions['optimizer']): void {
  const size = model.options.imageSize;
  const images = Rng.fromSeed(0).normal([2, size, size, 3]);
  const labels = tensor(Int32Array.of(0, 1), { dtype: 'i32' });
  const { gradients } = valueAndGradient((model: MoBiNet) => {
    const logits = model.forward(images);
    const ofTeacher = distillationLoss(logits, zeros(logits.shape));
    return add(crossEntropy(logits, labels, { labelSmoothing: 0.1 }), ofTeacher);
  })(model);
  makeOptimizer({ ...paperTraining, weightDecay: 1e-4, optimizer }).update(model, gradients);
  model.eval();
  crossEntropy(model.forward(images), labels);
}
