import { AbsentBlock, absentMemory } from './absent.js';
import { currentBackend } from './backend.js';
import type { BackendName } from './backend-name.js';
import { BitTensor, emptyBitTensor } from './bit-tensor.js';
import type { Block } from './block.js';
import { checkDType, checkFunction, checkTensor } from './check.js';
import type { DType } from './dtype.js';
import { BackendError, MissingKernelError } from './errors.js';
import { type KernelTier, kernelSetting } from './kernel-setting.js';
import type { AnyTensor, InputGradients, OpDefinition, Spec } from './op-definition.js';
import { type OpProfile, Profiler } from './profile.js';
import { Setting } from './setting.js';
import { emptyTensor, Tensor } from './tensor.js';
import { type AnyOp, tracer } from './tracer.js';

type Tensors = readonly AnyTensor[];

/** The optional parts of an op, for a table of which op has which kernel. */
export type OpParts = Pick<
  OpDefinition<Tensors, Tensors>,
  'name' | 'accepts' | 'fast' | 'webgpu' | 'gradient' | 'inPlace'
>;

const defined: OpParts[] = [];

/**
 * Defines an op, and lets TypeScript check its parts against each other. `I` and `O` are the tuples of its inputs and
 * outputs, `A` its other arguments, and `S` the tensors that its gradient rule reads.
 *
 * The op is also added to a list, for documentation. The annotation keeps that side effect from making bundlers retain
 * ops that are never called.
 *
 * @example
 * ```ts
 * import { apply, defineOp, mul, type Tensor, tensor } from '@mobinet/tensor';
 *
 * const half = defineOp<[Tensor], [Tensor]>({
 *   name: 'half',
 *   outputs: ([{ shape }]) => [{ dtype: 'f32', shape }],
 *   reference: ([x], [y]) => y.values.set(x.values.map((value) => value / 2)),
 *   gradient: (dy) => [() => mul(dy, 0.5)],
 * });
 * console.log(`${apply(half, [tensor([1, 3])], undefined)[0].values}`);
 * // → 0.5,1.5
 * ```
 */
/* @__NO_SIDE_EFFECTS__ */
export function defineOp<I extends Tensors, O extends Tensors, A = undefined, S extends Tensors = readonly []>(
  definition: OpDefinition<I, O, A, S>,
): OpDefinition<I, O, A, S> {
  defined.push(definition as unknown as OpParts);
  return definition;
}

/**
 * Returns the ops of all loaded modules, sorted by name. docs/operations.md is generated from them.
 *
 * @example
 * ```ts
 * import { definedOps } from '@mobinet/tensor/testing';
 *
 * const missing = definedOps().filter(({ fast }) => fast === undefined);
 * console.log(missing.map(({ name }) => name).includes('transpose')); // an op that only has a definition
 * // → true
 * ```
 */
export function definedOps(): OpParts[] {
  return defined.toSorted((a, b) => a.name.localeCompare(b.name));
}

/** One output of an op call, as recorders receive it. */
export interface RecordedCall {
  /** The name of the op. */
  readonly name: string;
  /** All inputs of the call. */
  readonly inputs: Tensors;
  /** The output that this record is about. */
  readonly output: AnyTensor;
  /** The tensors that `gradient` will read, and that must stay in memory until then. */
  readonly saved: Tensors;
  /** The gradient rule, or null if the output has none. */
  readonly gradient: ((outputGradient: Tensor, saved: Tensors) => InputGradients) | null;
}

/**
 * Observes op calls. It is the hook for gradient engines: this package contains none, and `@mobinet/autograd` installs
 * its tape as a recorder.
 */
export interface Recorder {
  /** Called after an op has run, once per output. */
  record(call: RecordedCall): void;
  /** Called before a tensor is overwritten. Throws if that would make a gradient wrong. */
  overwrite?(op: string, tensor: AnyTensor): void;
}

const recorders = new Setting<readonly Recorder[]>([]);

/** Runs `body` with other recorders. For `withRecorder`. */
export function replaceRecorders<T>(change: (outer: readonly Recorder[]) => readonly Recorder[], body: () => T): T {
  return recorders.during(change(recorders.current), body);
}

/**
 * Whether a recorder is installed, so that the current computation may be differentiated.
 *
 * @example
 * ```ts
 * import { isRecording, withRecorder } from '@mobinet/tensor';
 *
 * console.log(`${isRecording()}, ${withRecorder({ record: () => {} }, isRecording)}`);
 * // → false, true
 * ```
 */
export function isRecording(): boolean {
  return recorders.current.length > 0;
}

/**
 * Reports a call that did not go through `apply` (a view, a custom gradient) to the recorders.
 *
 * @example
 * ```ts
 * import { recordCall, tensor, withRecorder } from '@mobinet/tensor';
 *
 * const names: string[] = [];
 * const [x, output] = [tensor([1]), tensor([1])];
 * withRecorder({ record: ({ name }) => names.push(name) }, () => {
 *   recordCall({ name: 'identity', inputs: [x], output, saved: [], gradient: (dy) => [() => dy] });
 * });
 * console.log(`${names}`);
 * // → identity
 * ```
 */
export function recordCall(call: RecordedCall): void {
  for (const recorder of recorders.current) recorder.record(call);
}

/** Announces that `op` is about to overwrite a tensor: recorders may object, and the version of its memory advances. */
export function recordOverwrite(op: string, tensor: AnyTensor): void {
  for (const recorder of recorders.current) recorder.overwrite?.(op, tensor);
  tensor.block.overwritten();
}

/** Reports each output of a call to the recorders. */
function recordOutputs(op: AnyOp, inputs: Tensors, outputs: Tensors, attributes: unknown): void {
  const { name } = op;
  const inputShapes = inputs.map(({ shape }) => shape);
  const saved = op.saves?.(inputs, outputs) ?? [];
  for (const [index, output] of outputs.entries()) {
    const rule = index === 0 ? op.gradient : op.furtherGradients?.[index - 1];
    if (!rule) recordCall({ name, inputs, output, saved: [], gradient: null });
    else {
      const gradient = (outputGradient: Tensor, saved: Tensors) =>
        rule(outputGradient, { saved, attributes, inputShapes });
      recordCall({ name, inputs, output, saved, gradient });
    }
  }
}

/** Null follows `MOBINET_KERNELS`. */
const tier = new Setting<KernelTier | null>(null);

/** The kernels that run now. */
export const kernelTier = (): KernelTier => tier.current ?? kernelSetting().tier;

/**
 * Runs `body` on one kernel tier: `'fast'`, or `'reference'`, the definitions. Tests compare the two tiers with it.
 *
 * @example
 * ```ts
 * import { abs, sub, tanh, tensor } from '@mobinet/tensor';
 * import { withKernels } from '@mobinet/tensor/testing';
 *
 * const x = tensor([0.1, 0.2, 0.3]);
 * const [fast, reference] = (['fast', 'reference'] as const).map((tier) => withKernels(tier, () => tanh(x)));
 * console.log(Math.max(...abs(sub(fast, reference)).values) < 1e-6);
 * // → true
 * ```
 */
export function withKernels<T>(chosen: KernelTier, body: () => T): T {
  return tier.during(chosen, body);
}

/**
 * Calls an op: applies its shape rule, allocates its outputs, runs its kernel and informs the recorders. Every op call
 * goes through here.
 *
 * @throws DTypeError if the op does not accept the dtype of an input.
 * @throws ShapeError if the inputs do not fit the op.
 * @throws BackendError if the inputs are on different backends, or on a GPU for which the op has no kernel.
 *
 * @example
 * ```ts
 * import { apply, defineOp, type Tensor, tensor } from '@mobinet/tensor';
 *
 * const total = defineOp<[Tensor], [Tensor]>({
 *   name: 'total',
 *   outputs: () => [{ dtype: 'f32', shape: [] }],
 *   reference: ([x], [y]) => y.values.set([x.values.reduce((a, b) => a + b, 0)]),
 * });
 * const [y] = apply(total, [tensor([1, 2, 3])], undefined);
 * console.log(`${y.values}`);
 * // → 6
 * ```
 */
export function apply<I extends Tensors, O extends Tensors, A, S extends Tensors>(
  definition: OpDefinition<I, O, A, S>,
  inputs: I,
  attributes: A,
): O {
  // The signature has already checked that the types fit, as far as callers have not circumvented it.
  const op = definition as unknown as AnyOp;
  // A plain loop, because every call of every op comes through here.
  for (let at = 0; at < inputs.length; at++) checkTensor(op.name, inputs[at], `input ${at}`);
  const specs: readonly Spec[] = op.outputs(inputs, attributes);
  for (let at = 0; at < inputs.length; at++) checkInputDType(op, inputs[at].dtype, at);
  const backend = backendOf(op.name, inputs);
  const listener = tracer();
  if (listener && inputs.some(({ block }) => block instanceof AbsentBlock)) {
    return listener.call(op, inputs, specs, attributes) as Tensors as O;
  }
  const outputs = specs.map((spec) => emptyFrom(spec, op.name, backend)) as Tensors as O;
  run(op, inputs, outputs, attributes);
  listener?.computed(op, inputs, outputs);
  if (isRecording()) recordOutputs(op, inputs, outputs, attributes);
  return outputs;
}

/**
 * Runs an op's kernel into existing tensors. For element-wise ops these may be its own inputs, which is how optimizers
 * and running statistics update in place. The call is not differentiable.
 *
 * @throws DTypeError if the op does not accept the dtype of an input.
 * @throws GradientError if a gradient in progress depends on the values that would be overwritten.
 * @throws BackendError if the tensors are on different backends, or on a GPU for which the op has no kernel.
 *
 * @example
 * ```ts
 * import { applyInto, defineOp, type Tensor, tensor } from '@mobinet/tensor';
 *
 * const twice = defineOp<[Tensor], [Tensor]>({
 *   name: 'twice',
 *   outputs: ([{ shape }]) => [{ dtype: 'f32', shape }],
 *   reference: ([x], [y]) => y.values.set(x.values.map((value) => 2 * value)),
 * });
 * const x = tensor([1, 2, 3]);
 * applyInto(twice, [x], [x], undefined); // in place
 * console.log(`${x.values}`);
 * // → 2,4,6
 * ```
 */
export function applyInto<I extends Tensors, O extends Tensors, A, S extends Tensors>(
  op: OpDefinition<I, O, A, S>,
  inputs: I,
  outputs: O,
  attributes: A,
): void {
  backendOf(op.name, [...inputs, ...outputs]);
  for (let at = 0; at < inputs.length; at++) checkInputDType(op as unknown as AnyOp, inputs[at].dtype, at);
  for (const output of outputs) recordOverwrite(op.name, output);
  run(op as unknown as AnyOp, inputs, outputs, attributes);
}

const onlyF32: readonly (DType | 'bits')[] = ['f32'];

function checkInputDType({ name, accepts }: AnyOp, dtype: DType | 'bits', at: number): void {
  const accepted = accepts ? (accepts[at] ?? accepts[accepts.length - 1]) : onlyF32;
  checkDType(name, dtype, accepted, `input ${at}`);
}

function run(op: AnyOp, inputs: Tensors, outputs: Tensors, attributes: unknown): void {
  const absent = absentMemory();
  if (absent) {
    absent.addTemporary(op.temporaryBytes?.(inputs, outputs, attributes) ?? 0);
    return;
  }
  if (profiler === null) {
    runKernel(op, inputs, outputs, attributes);
    return;
  }
  const multiplyAdds = op.multiplyAdds?.(inputs, outputs, attributes) ?? 0;
  profiler.time({ name: op.name, inputs, outputs, multiplyAdds }, () => runKernel(op, inputs, outputs, attributes));
}

function runKernel(op: AnyOp, inputs: Tensors, outputs: Tensors, attributes: unknown): void {
  // There may be nothing to compute, for example for an empty batch.
  if (outputs.every(({ size }) => size === 0)) return;
  if (outputs[0].backend === 'webgpu') {
    if (!op.webgpu) throw new MissingKernelError(op.name);
    op.webgpu(inputs, outputs, attributes);
    return;
  }
  if (op.fast && kernelTier() === 'fast') op.fast(inputs, outputs, attributes);
  else op.reference(inputs, outputs, attributes);
}

let profiler: Profiler | null = null;

/**
 * Starts timing every op. Returns a function that stops and returns the cost of each op, the most expensive first.
 *
 * @example
 * ```ts
 * import { ones, relu, startProfile } from '@mobinet/tensor';
 *
 * const stop = startProfile();
 * const x = relu(relu(ones([100])));
 * const [{ op, calls, bytes }] = stop();
 * console.log(`${op}: ${calls} calls on [${x.shape}] read and wrote ${bytes} bytes`);
 * // → relu: 2 calls on [100] read and wrote 1600 bytes
 * ```
 */
export function startProfile(): () => OpProfile[] {
  const inner = new Profiler();
  const outer = profiler;
  profiler = inner;
  return () => {
    if (profiler === inner) profiler = outer;
    return inner.report();
  };
}

/**
 * Runs `body`, and measures its ops: calls, milliseconds, bytes and multiply-adds.
 *
 * @returns What `body` returned, and the cost of each op, the most expensive first.
 *
 * @example
 * ```ts
 * import { matmul, ones, profile } from '@mobinet/tensor';
 *
 * const { ops } = profile(() => matmul(ones([8, 16]), ones([16, 4])));
 * for (const { op, calls, multiplyAdds } of ops) console.log(`${op}: ${calls} call, ${multiplyAdds} multiply-adds`);
 * // → matmul: 1 call, 512 multiply-adds
 * ```
 */
export function profile<T>(body: () => T): { result: T; ops: OpProfile[] } {
  checkFunction('profile', body);
  const stop = startProfile();
  try {
    const result = body();
    return { result, ops: stop() };
  } finally {
    stop();
  }
}

/** Returns a tensor with uninitialized elements, or a BitTensor with uninitialized words. */
export function emptyFrom({ dtype, shape }: Spec, purpose?: string, backend?: BackendName): AnyTensor {
  return dtype === 'bits' ? emptyBitTensor(shape, purpose, backend) : emptyTensor(dtype, shape, purpose, backend);
}

/** Returns a tensor on existing memory. It takes over one reference to the block. */
export function tensorOn(block: Block, { dtype, shape }: Spec): AnyTensor {
  return dtype === 'bits' ? new BitTensor(shape, block) : new Tensor(dtype, shape, block);
}

/** The backend of all the tensors. @throws BackendError if they are on different ones. */
function backendOf(op: string, tensors: Tensors): BackendName {
  if (tensors.length === 0) return currentBackend();
  const { backend } = tensors[0];
  const elsewhere = tensors.findIndex((tensor) => tensor.backend !== backend);
  if (elsewhere >= 0) {
    const [first, other] = [0, elsewhere].map((at) => {
      const { label, backend } = tensors[at];
      return `${label ?? `tensor ${at}`} on ${backend}`;
    });
    throw new BackendError(`${op}: the tensors are on different backends: ${first}, ${other}. Use toBackend(x).`);
  }
  return backend;
}
