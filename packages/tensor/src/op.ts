import { AbsentBlock, absentMemory } from './absent.js';
import { currentBackend } from './backend.js';
import type { BackendName } from './backend-name.js';
import { BitTensor, emptyBitTensor } from './bit-tensor.js';
import type { Block } from './block.js';
import { checkTensor } from './check.js';
import { environmentVariable } from './environment.js';
import { BackendError, MissingKernelError } from './errors.js';
import type { AnyTensor, InputGradients, OpDefinition, Spec } from './op-definition.js';
import { type OpProfile, Profiler } from './profile.js';
import { Setting } from './setting.js';
import { emptyTensor, Tensor } from './tensor.js';
import { type AnyOp, tracer } from './tracer.js';

type Tensors = readonly AnyTensor[];

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
