import { zeros } from '../../create.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp, type Spec } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { div, mul } from './binary.js';
import { greater, less } from './compare.js';
import { absKernel, expKernel, logKernel, negKernel, signKernel, sqrtKernel, squareKernel } from './unary.wasm.js';
import { where } from './where.js';

/** The shape rule of functions of one f32 tensor, element by element. */
export function sameShapeAsInput([x]: readonly [Tensor, ...unknown[]]): [Spec<'f32'>] {
  return [{ dtype: 'f32', shape: x.shape }];
}

/** −x. */
export function neg(x: Tensor): Tensor {
  return apply(negOp, [x], undefined)[0];
}

const negOp = defineOp<[Tensor], [Tensor]>({
  name: 'neg',
  outputs: sameShapeAsInput,
  reference([{ values: x }], [{ values: y }]) {
    for (let i = 0; i < x.length; i++) y[i] = -x[i];
  },
  fast: ([x], [y]) => negKernel.run([x], y),
  webgpu: ([x], [y]) => gpuKernels().unaryShaders.neg.run([x], y, {}),
  inPlace: true,
  gradient: (dy) => [() => neg(dy)],
});

/** |x|. At 0 the derivative is 0, as in PyTorch. */
export function abs(x: Tensor): Tensor {
  return apply(absOp, [x], undefined)[0];
}

const absOp = defineOp<[Tensor], [Tensor], undefined, [Tensor]>({
  name: 'abs',
  outputs: sameShapeAsInput,
  reference([{ values: x }], [{ values: y }]) {
    for (let i = 0; i < x.length; i++) y[i] = Math.abs(x[i]);
  },
  fast: ([x], [y]) => absKernel.run([x], y),
  webgpu: ([x], [y]) => gpuKernels().unaryShaders.abs.run([x], y, {}),
  inPlace: true,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [() => where(greater(x, 0), dy, where(less(x, 0), neg(dy), 0))],
});

/** eˣ. */
export function exp(x: Tensor): Tensor {
  return apply(expOp, [x], undefined)[0];
}

const expOp = defineOp<[Tensor], [Tensor], undefined, [Tensor]>({
  name: 'exp',
  outputs: sameShapeAsInput,
  reference([{ values: x }], [{ values: y }]) {
    for (let i = 0; i < x.length; i++) y[i] = Math.exp(x[i]);
  },
  fast: ([x], [y]) => expKernel.run([x], y),
  webgpu: ([x], [y]) => gpuKernels().unaryShaders.exp.run([x], y, {}),
  inPlace: true,
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => mul(dy, y)],
});

/** The natural logarithm. */
export function log(x: Tensor): Tensor {
  return apply(logOp, [x], undefined)[0];
}

const logOp = defineOp<[Tensor], [Tensor], undefined, [Tensor]>({
  name: 'log',
  outputs: sameShapeAsInput,
  reference([{ values: x }], [{ values: y }]) {
    for (let i = 0; i < x.length; i++) y[i] = Math.log(x[i]);
  },
  fast: ([x], [y]) => logKernel.run([x], y),
  webgpu: ([x], [y]) => gpuKernels().unaryShaders.log.run([x], y, {}),
  inPlace: true,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [() => div(dy, x)],
});

/** The square root. */
export function sqrt(x: Tensor): Tensor {
  return apply(sqrtOp, [x], undefined)[0];
}

const sqrtOp = defineOp<[Tensor], [Tensor], undefined, [Tensor]>({
  name: 'sqrt',
  outputs: sameShapeAsInput,
  reference([{ values: x }], [{ values: y }]) {
    for (let i = 0; i < x.length; i++) y[i] = Math.sqrt(x[i]);
  },
  fast: ([x], [y]) => sqrtKernel.run([x], y),
  webgpu: ([x], [y]) => gpuKernels().unaryShaders.sqrt.run([x], y, {}),
  inPlace: true,
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => div(dy, mul(y, 2))],
});

/** x². */
export function square(x: Tensor): Tensor {
  return apply(squareOp, [x], undefined)[0];
}

const squareOp = defineOp<[Tensor], [Tensor], undefined, [Tensor]>({
  name: 'square',
  outputs: sameShapeAsInput,
  reference([{ values: x }], [{ values: y }]) {
    for (let i = 0; i < x.length; i++) y[i] = x[i] * x[i];
  },
  fast: ([x], [y]) => squareKernel.run([x], y),
  webgpu: ([x], [y]) => gpuKernels().unaryShaders.square.run([x], y, {}),
  inPlace: true,
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

const signOp = defineOp<[Tensor], [Tensor]>({
  name: 'sign',
  outputs: sameShapeAsInput,
  reference([{ values: x }], [{ values: y }]) {
    for (let i = 0; i < x.length; i++) y[i] = 1 - 2 * Number(x[i] < 0);
  },
  fast: ([x], [y]) => signKernel.run([x], y),
  webgpu: ([x], [y]) => gpuKernels().unaryShaders.sign.run([x], y, {}),
  inPlace: true,
  gradient: (dy) => [() => zeros(dy.shape)],
});
