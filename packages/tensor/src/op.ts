import { AbsentBlock, absentMemory } from './absent.js';
import { currentBackend } from './backend.js';
import type { BackendName } from './backend-name.js';
import { BitTensor, emptyBitTensor } from './bit-tensor.js';
import type { Block } from './block.js';
import { checkTensor } from './check.js';
import type { DType } from './dtype.js';
import { environmentVariable } from './environment.js';
import { BackendError, MissingKernelError } from './errors.js';
import { type OpProfile, Profiler } from './profile.js';
import { Setting } from './setting.js';
import type { Shape } from './shape.js';
import { emptyTensor, Tensor } from './tensor.js';
import { type AnyOp, tracer } from './tracer.js';

export type AnyTensor = Tensor<DType> | BitTensor;
type Tensors = readonly AnyTensor[];

/** What an output will be, before its memory exists: a dtype, or `'bits'` for a BitTensor. */
export interface Spec<E extends DType | 'bits' = DType | 'bits'> {
  readonly dtype: E;
  readonly shape: Shape;
}

type SpecOf<T> = T extends BitTensor ? Spec<'bits'> : T extends Tensor<infer D> ? Spec<D> : never;
type SpecsOf<O extends Tensors> = { readonly [K in keyof O]: SpecOf<O[K]> };

/** What a gradient rule may look at. */
export interface GradientContext<A, S extends Tensors> {
  /** The tensors that the op's `saves` named, in its order. Nothing else is still in memory. */
  readonly saved: S;
  readonly attributes: A;
  readonly inputShapes: readonly Shape[];
}

/**
 * How to make the gradient of each input, in order: a function, called only if that gradient is wanted,
 * or null for an input that has none (indices, say). The gradient of a BitTensor is an f32 tensor of its
 * shape: the derivative by the signs it stands for.
 */
export type InputGradients = readonly ((() => Tensor) | null)[];

/**
 * The whole story of one operation. `I` and `O` are tuples of the tensors it reads and writes, `A` its other
 * arguments, `S` the tensors that its gradient rule needs again.
 */
export interface OpDefinition<I extends Tensors, O extends Tensors, A = undefined, S extends Tensors = readonly []> {
  readonly name: string;

  /** The shape rule: what the outputs will be. Throws `ShapeError` for inputs that do not fit. */
  outputs(inputs: I, attributes: A): SpecsOf<O>;

  /**
   * The definition: plain loops over the inputs' values that write every element of the outputs.
   * Fast kernels are held to it by tests.
   */
  reference(inputs: I, outputs: O, attributes: A): void;

  /** A faster way to the same numbers (exactly for bits, to rounding for floats). `MOBINET_KERNELS=reference` turns it off. */
  fast?(inputs: I, outputs: O, attributes: A): void;

  /** The same on a GPU: asks for kernels, and does not wait. Absent where no GPU has to do it. */
  webgpu?(inputs: I, outputs: O, attributes: A): void;

  /** Whether the first output may be written over the first input, where both have one shape and one dtype. Default: it may not. */
  readonly inPlace?: boolean;

  /** How many multiply-adds a call takes, for the profiler. Absent where that is no measure of its work. */
  multiplyAdds?(inputs: I, outputs: O, attributes: A): number;

  /** What the CPU takes for a call beside its inputs and outputs, in bytes, where that is as much as a tensor or more. */
  temporaryBytes?(inputs: I, outputs: O, attributes: A): number;

  /** Which inputs and outputs the gradient rule reads; only these stay in memory until then. Default: none. */
  saves?(inputs: I, outputs: O): S;

  /**
   * The chain rule: from ∂L/∂(first output) to ∂L/∂(each input), in terms of other ops. Whoever differentiates a gradient
   * records these ops, so a rule that calls a fused kernel takes plain ops instead where `isRecording()`.
   *
   * Through integers and bits nothing flows. An output of f32 without a rule is an error as soon as a loss depends on it.
   */
  gradient?(outputGradient: Tensor, context: GradientContext<A, S>): InputGradients;

  /** The rules of the outputs after the first (statistics, probabilities), in order. */
  furtherGradients?: readonly ((outputGradient: Tensor, context: GradientContext<A, S>) => InputGradients)[];
}

/** What there is of an op beside its definition. */
export type OpParts = Pick<OpDefinition<Tensors, Tensors>, 'name' | 'fast' | 'webgpu' | 'gradient' | 'inPlace'>;

const defined: OpParts[] = [];

/**
 * Checks the parts of an op against each other, once its types are named. That it also keeps a list of them, for documents, is no reason for a
 * bundler to keep an op that nobody calls.
 */
/* @__NO_SIDE_EFFECTS__ */
export function defineOp<I extends Tensors, O extends Tensors, A = undefined, S extends Tensors = readonly []>(
  definition: OpDefinition<I, O, A, S>,
): OpDefinition<I, O, A, S> {
  defined.push(definition as unknown as OpParts);
  return definition;
}

/** All ops of the modules that are loaded, by name: what docs/operations.md is made from. */
export function definedOps(): OpParts[] {
  return defined.toSorted((a, b) => a.name.localeCompare(b.name));
}

/** One output of a call, as a recorder gets it. */
export interface RecordedCall {
  readonly name: string;
  readonly inputs: Tensors;
  readonly output: AnyTensor;
  /** What must stay in memory for `gradient`. */
  readonly saved: Tensors;
  /** Null where there is no rule. */
  readonly gradient: ((outputGradient: Tensor, saved: Tensors) => InputGradients) | null;
}

/** Listens to calls. This package knows no gradient engine; `@mobinet/autograd` installs one of these. */
export interface Recorder {
  record(call: RecordedCall): void;
  /** A tensor is about to be written into. Throws if that would make a gradient wrong. */
  overwrite?(op: string, tensor: AnyTensor): void;
}

const recorders = new Setting<readonly Recorder[]>([]);

/** Runs `body` with other listeners. For `withRecorder`. */
export function replaceRecorders<T>(change: (outer: readonly Recorder[]) => readonly Recorder[], body: () => T): T {
  return recorders.during(change(recorders.current), body);
}

/** Whether somebody listens: whether what is calculated now may be differentiated. */
export function isRecording(): boolean {
  return recorders.current.length > 0;
}

/** Tells those that listen of a call that did not go through `apply` (a view, a custom gradient). */
export function recordCall(call: RecordedCall): void {
  for (const recorder of recorders.current) recorder.record(call);
}

/** Tells those that listen, and those that will read what was saved, that `op` writes into a tensor. */
export function recordOverwrite(op: string, tensor: AnyTensor): void {
  for (const recorder of recorders.current) recorder.overwrite?.(op, tensor);
  tensor.block.overwritten();
}

/** Tells those that listen of each output. */
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

/** Which kernels run: the fast ones where they exist, or the definitions alone. */
export type KernelTier = 'fast' | 'reference';

const isReference = environmentVariable('MOBINET_KERNELS') === 'reference';
const tier = new Setting<KernelTier>(isReference ? 'reference' : 'fast');

/** Runs `body` on one kernel tier: how tests compare the two. */
export function withKernels<T>(chosen: KernelTier, body: () => T): T {
  return tier.during(chosen, body);
}

/** The one door that every op call goes through: shapes, memory, the kernel, and the recorders. */
export function apply<I extends Tensors, O extends Tensors, A, S extends Tensors>(
  definition: OpDefinition<I, O, A, S>,
  inputs: I,
  attributes: A,
): O {
  // That its types fit has been checked when it was called.
  const op = definition as unknown as AnyOp;
  // Index by index, as every call of every op comes here.
  for (let at = 0; at < inputs.length; at++) checkTensor(op.name, inputs[at], `input ${at}`);
  const specs: readonly Spec[] = op.outputs(inputs, attributes);
  const backend = backendOf(op.name, inputs);
  const listener = tracer();
  if (listener && inputs.some(({ block }) => block instanceof AbsentBlock)) {
    return listener.call(op, inputs, specs, attributes) as Tensors as O;
  }
  const outputs = specs.map((spec) => emptyFrom(spec, op.name, backend)) as Tensors as O;
  run(op, inputs, outputs, attributes);
  listener?.calculated(op, inputs, outputs);
  if (isRecording()) recordOutputs(op, inputs, outputs, attributes);
  return outputs;
}

/**
 * Runs an op's kernel into existing tensors. For element-wise ops they may be its own inputs: that is how
 * optimizers and running statistics change in place. It is not differentiated.
 *
 * @throws GradientError if a gradient that is being taken depends on what would be overwritten.
 */
export function applyInto<I extends Tensors, O extends Tensors, A, S extends Tensors>(
  op: OpDefinition<I, O, A, S>,
  inputs: I,
  outputs: O,
  attributes: A,
): void {
  backendOf(op.name, [...inputs, ...outputs]);
  for (const output of outputs) recordOverwrite(op.name, output);
  run(op as unknown as AnyOp, inputs, outputs, attributes);
}

function run(op: AnyOp, inputs: Tensors, outputs: Tensors, attributes: unknown): void {
  const absent = absentMemory();
  if (absent) {
    absent.pass(op.temporaryBytes?.(inputs, outputs, attributes) ?? 0);
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
  // With nothing to calculate, an empty batch for example, no kernel is called.
  if (outputs.every(({ size }) => size === 0)) return;
  if (outputs[0].backend === 'webgpu') {
    if (!op.webgpu) throw new MissingKernelError(op.name);
    op.webgpu(inputs, outputs, attributes);
    return;
  }
  if (op.fast && tier.current === 'fast') op.fast(inputs, outputs, attributes);
  else op.reference(inputs, outputs, attributes);
}

let profiler: Profiler | null = null;

/** Times every op from now on. Returns a function that ends it, and tells what each op has cost, the most expensive first. */
export function startProfile(): () => OpProfile[] {
  const own = new Profiler();
  const outer = profiler;
  profiler = own;
  return () => {
    if (profiler === own) profiler = outer;
    return own.report();
  };
}

/** Runs `body` and tells what each op in it has cost: calls, milliseconds, bytes, and multiply-adds a second. */
export function profile<T>(body: () => T): { result: T; ops: OpProfile[] } {
  const stop = startProfile();
  try {
    const result = body();
    return { result, ops: stop() };
  } finally {
    stop();
  }
}

/** A tensor that is not written yet. */
export function emptyFrom({ dtype, shape }: Spec, purpose?: string, backend?: BackendName): AnyTensor {
  return dtype === 'bits' ? emptyBitTensor(shape, purpose, backend) : emptyTensor(dtype, shape, purpose, backend);
}

/** A tensor on memory that there is already, of which it takes over a reference. */
export function tensorOn(block: Block, { dtype, shape }: Spec): AnyTensor {
  return dtype === 'bits' ? new BitTensor(shape, block) : new Tensor(dtype, shape, block);
}

/** Where all tensors are. @throws BackendError if they are not at one place. */
function backendOf(op: string, tensors: Tensors): BackendName {
  if (tensors.length === 0) return currentBackend();
  const { backend } = tensors[0];
  const elsewhere = tensors.findIndex((tensor) => tensor.backend !== backend);
  if (elsewhere >= 0) {
    const [first, other] = [0, elsewhere].map((at) => {
      const { label, backend } = tensors[at];
      return `${label ?? `tensor ${at}`} on ${backend}`;
    });
    throw new BackendError(`${op}: its tensors are not on one backend: ${first}, ${other}. Use toBackend(x).`);
  }
  return backend;
}
