import { zeros } from '../../create.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { AnyTensor, OpDefinition, Spec } from '../../op-definition.js';
import type { Tensor } from '../../tensor.js';
import { div, mul } from './binary.js';
import { greater, less } from './compare.js';
import type { ElementwiseKernel } from './elementwise.wasm.js';
import { absKernel, expKernel, logKernel, negKernel, signKernel, sqrtKernel, squareKernel } from './unary.wasm.js';
import { where } from './where.js';

/** The shape rule of functions of one f32 tensor, element by element. */
export function sameShapeAsInput([x]: readonly [Tensor, ...unknown[]]): [Spec<'f32'>] {
  return [{ dtype: 'f32', shape: x.shape }];
}

type UnaryOp<S extends readonly AnyTensor[]> = OpDefinition<[Tensor], [Tensor], undefined, S>;

interface Unary<S extends readonly AnyTensor[]> extends Pick<UnaryOp<S>, 'saves' | 'gradient'> {
  readonly name: Exclude<
    keyof ReturnType<typeof gpuKernels>['unaryShaders'],
    'leakyRelu' | 'leakyReluGradient' | 'clip'
  >;
  /** The definition of an element. */
  readonly formula: (x: number) => number;
  readonly kernel: ElementwiseKernel;
}

/** An op that calculates each element of y from the one of x. */
/* @__NO_SIDE_EFFECTS__ */
export function unaryOp<S extends readonly [] | readonly [Tensor] = readonly []>(parts: Unary<S>): UnaryOp<S> {
  const { name, formula, kernel, ...rules } = parts;
  return defineOp<[Tensor], [Tensor], undefined, S>({
    name,
    outputs: sameShapeAsInput,
    reference([{ values: x }], [{ values: y }]) {
      for (let i = 0; i < x.length; i++) y[i] = formula(x[i]);
    },
    fast: (inputs, [y]) => kernel.run(inputs, y),
    webgpu: (inputs, [y]) => gpuKernels().unaryShaders[name].run(inputs, y, {}),
    inPlace: true,
    ...rules,
  });
}

/** −x. */
export function neg(x: Tensor): Tensor {
  return apply(negOp, [x], undefined)[0];
}

const negOp = unaryOp({
  name: 'neg',
  formula: (x) => -x,
  kernel: negKernel,
  gradient: (dy) => [() => neg(dy)],
});

/** |x|. At 0 the derivative is 0, as in PyTorch. */
export function abs(x: Tensor): Tensor {
  return apply(absOp, [x], undefined)[0];
}

const absOp = unaryOp<[Tensor]>({
  name: 'abs',
  formula: Math.abs,
  kernel: absKernel,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [() => where(greater(x, 0), dy, where(less(x, 0), neg(dy), 0))],
});

/** eˣ. */
export function exp(x: Tensor): Tensor {
  return apply(expOp, [x], undefined)[0];
}

const expOp = unaryOp<[Tensor]>({
  name: 'exp',
  formula: Math.exp,
  kernel: expKernel,
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => mul(dy, y)],
});

/** The natural logarithm. */
export function log(x: Tensor): Tensor {
  return apply(logOp, [x], undefined)[0];
}

const logOp = unaryOp<[Tensor]>({
  name: 'log',
  formula: Math.log,
  kernel: logKernel,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [() => div(dy, x)],
});

/** The square root. */
export function sqrt(x: Tensor): Tensor {
  return apply(sqrtOp, [x], undefined)[0];
}

const sqrtOp = unaryOp<[Tensor]>({
  name: 'sqrt',
  formula: Math.sqrt,
  kernel: sqrtKernel,
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => div(dy, mul(y, 2))],
});

/** x². */
export function square(x: Tensor): Tensor {
  return apply(squareOp, [x], undefined)[0];
}

const squareOp = unaryOp<[Tensor]>({
  name: 'square',
  formula: (x) => x * x,
  kernel: squareKernel,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [() => mul(dy, mul(x, 2))],
});

/**
 * −1 where x < 0, else +1: the sign of binary networks, which knows no 0 (eq. 1 of the MoBiNet paper). NaN counts as +1, as in
 * `packBits`.
 * Its derivative is 0 wherever it has one, so nothing learns through it: `@mobinet/bnn` has signs with
 * straight-through estimators.
 */
export function sign(x: Tensor): Tensor {
  return apply(signOp, [x], undefined)[0];
}

const signOp = unaryOp({
  name: 'sign',
  formula: (x) => (x < 0 ? -1 : 1),
  kernel: signKernel,
  gradient: (dy) => [() => zeros(dy.shape)],
});
