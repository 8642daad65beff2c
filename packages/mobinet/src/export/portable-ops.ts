import { type FoldedOutputTransformAttributes, foldedOutputTransform, scaleCounts } from '@mobinet/bnn/kernels';
import {
  add,
  affine,
  avgPool2d,
  type BitConv2dAttributes,
  type BitTensor,
  bitConv2d,
  type CountDType,
  checkChoice,
  checkNumber,
  concat,
  conv2d,
  type DType,
  div,
  matmul,
  maxPool2d,
  mean,
  minPool2d,
  mul,
  type Padding,
  type PoolOptions,
  packBits,
  prelu,
  relu,
  reshape,
  shown,
  sub,
  type Tensor,
  unpackBits,
  wholeNumbers,
} from '@mobinet/tensor/functions';
import { type OpCall, type Reduction, type Window, withHelp } from '@mobinet/tensor/kernels';

/** A tensor of floats, counts or bits. */
export type Value = Tensor<DType> | BitTensor;

/** Options of an op as its caller passes them, without sizes that follow from other sizes. */
export type Options = Readonly<Record<string, unknown>>;

/** How an op is written to a file and read back. */
export interface PortableOp {
  /**
   * The roles of its inputs, which name its constants. Inputs with `?` are optional, and a last input with `…` repeats.
   */
  readonly inputs: readonly string[];
  /** The dtypes of its inputs. Counts are u8 or i16. */
  readonly kinds: readonly ('f32' | 'bits' | 'i32' | 'counts')[];
  /** The options of a call, for a file. */
  write(call: OpCall): Options;
  /** Calls the op. @throws Error for invalid inputs or options. */
  read(inputs: readonly Value[], options: Options): Value;
}

/** The error for what a packed file cannot contain. @param layer Where it is. */
export function notPortable(what: string, layer?: string): RangeError {
  const problem = `packed files do not support ${what}`;
  return new RangeError(withHelp(layer === undefined ? problem : `${layer}: ${problem}`, 'packing-refused'));
}

/** The ranges of sizes in options: no window or stride of an image is larger. */
const sizes = wholeNumbers(1, 2 ** 14);
const offsets = wholeNumbers(0, 2 ** 14);
const dilations = wholeNumbers(1, 256);

const f32 = (inputs: readonly Value[]): Tensor[] => inputs as Tensor[];
const noOptions = (): Options => ({});

/** An op on floats without options. */
function plain(inputs: readonly string[], call: (...inputs: Tensor[]) => Tensor): PortableOp {
  return { inputs, kinds: inputs.map(() => 'f32'), write: noOptions, read: (given) => call(...f32(given)) };
}

/** The ops that packed files support, by name. */
export const portableOps: Readonly<Record<string, PortableOp>> = {
  conv2d: {
    inputs: ['x', 'weight'],
    kinds: ['f32', 'f32'],
    write({ attributes }) {
      const { window, groups } = attributes as { window: Window; groups: number };
      return { ...windowOptions(window), groups };
    },
    read: (inputs, options) => {
      const [x, weight] = f32(inputs);
      return conv2d(x, weight, { ...readWindow(options), groups: checkNumber('groups', options.groups, sizes) });
    },
  },
  packBits: { inputs: ['x'], kinds: ['f32'], write: noOptions, read: ([x]) => packBits(x as Tensor) },
  unpackBits: { inputs: ['x'], kinds: ['bits'], write: noOptions, read: ([x]) => unpackBits(x as BitTensor) },
  bitConv2d: {
    inputs: ['x', 'signs'],
    kinds: ['bits', 'bits'],
    write({ attributes }) {
      const { window, groups, paddingValue, dtype } = attributes as BitConv2dAttributes & { dtype: CountDType };
      return { ...windowOptions(window), groups, paddingValue, counts: dtype };
    },
    read([x, signs], options) {
      return bitConv2d(x as BitTensor, signs as BitTensor, {
        ...readWindow(options),
        groups: checkNumber('groups', options.groups, sizes),
        paddingValue: checkChoice('paddingValue', options.paddingValue, ['zero', 'one'] as const),
        dtype: checkChoice('counts', options.counts, ['u8', 'i16', 'i32'] as const),
      });
    },
  },
  scaleCounts: {
    inputs: ['counts', 'alpha'],
    kinds: ['i32', 'f32'],
    write: noOptions,
    read: ([counts, alpha]) => scaleCounts(counts as Tensor<'i32'>, alpha as Tensor),
  },
  foldedOutputTransform: {
    inputs: ['counts', 'folded', 'skip?'],
    kinds: ['counts', 'f32', 'f32'],
    write({ attributes }) {
      const { signs, skipRepeats, pool } = attributes as FoldedOutputTransformAttributes;
      return { signs, skipRepeats, pool };
    },
    read([counts, folded, skip], options) {
      const signs = checkNumber('signs', options.signs, wholeNumbers(1, 2 ** 24));
      const skipRepeats = checkNumber('skipRepeats', options.skipRepeats, offsets);
      const pool = checkChoice('pool', options.pool, [null, 'average', 'max', 'min'] as const);
      const attributes = { signs, skipRepeats, pool };
      return foldedOutputTransform(
        counts as Tensor<'u8'>,
        folded as Tensor,
        (skip ?? null) as Tensor | null,
        attributes,
      ).output;
    },
  },
  affine: plain(['x', 'scale', 'shift'], affine),
  prelu: plain(['x', 'slope'], prelu),
  relu: plain(['x'], relu),
  avgPool2d: pool(avgPool2d),
  maxPool2d: pool(maxPool2d),
  minPool2d: pool(minPool2d),
  mean: {
    inputs: ['x'],
    kinds: ['f32'],
    write({ attributes }) {
      const { axes, kept, shape } = attributes as Reduction;
      checkAxes(axes);
      return { axes, keepDims: kept.length === shape.length };
    },
    read([x], { axes, keepDims }) {
      return mean(x as Tensor, { axes: checkAxes(listOf('axes', axes)), keepDims: flag('keepDims', keepDims) });
    },
  },
  matmul: {
    inputs: ['x', 'weight'],
    kinds: ['f32', 'f32'],
    write: ({ attributes }) => ({ ...(attributes as { transposeA: boolean; transposeB: boolean }) }),
    read(inputs, { transposeA, transposeB }) {
      const [a, b] = f32(inputs);
      return matmul(a, b, {
        transposeA: flag('transposeA', transposeA),
        transposeB: flag('transposeB', transposeB),
      });
    },
  },
  add: plain(['x', 'bias'], add),
  sub: plain(['x', 'offset'], sub),
  mul: plain(['x', 'factor'], mul),
  div: plain(['x', 'divisor'], div),
  concat: {
    inputs: ['part…'],
    kinds: ['f32'],
    write({ attributes }) {
      const { axis } = attributes as { axis: number };
      checkAxes([axis]);
      return { axis };
    },
    read: (inputs, { axis }) => concat(f32(inputs), checkNumber('axis', axis, wholeNumbers(1, 8))),
  },
  /** The file holds the shape without the batch axis, which is inferred, so that batches may have any size. */
  reshape: {
    inputs: ['x'],
    kinds: ['f32'],
    write: noOptions,
    read: ([x], { shape }) => reshape(x as Tensor, [-1, ...listOf('shape', shape)]),
  },
};

function pool(op: (x: Tensor, options: PoolOptions) => Tensor): PortableOp {
  return {
    inputs: ['x'],
    kinds: ['f32'],
    write({ attributes }) {
      const { window } = attributes as { window: Window };
      const { stride, padding } = windowOptions(window);
      return { window: [window.height.taps, window.width.taps], stride, padding };
    },
    read([x], options) {
      const { stride, padding } = readWindow({ ...options, dilation: 1 });
      return op(x as Tensor, { window: pairOf('window', options.window, sizes), stride, padding });
    },
  };
}

interface WindowOptions {
  readonly stride: readonly [number, number];
  readonly padding: Padding;
  readonly dilation: readonly [number, number];
}

/** @throws RangeError for a window whose padding cannot be expressed as options. */
function windowOptions({ height, width }: Window): WindowOptions {
  const axes = [height, width];
  const extent = ({ taps, dilation }: Window['height']): number => (taps - 1) * dilation + 1;
  const isSymmetric = axes.every(
    (axis) => axis.output === Math.floor((axis.input + 2 * axis.before - extent(axis)) / axis.stride) + 1,
  );
  const isSame = axes.every((axis) => {
    const total = Math.max(0, (axis.output - 1) * axis.stride + extent(axis) - axis.input);
    return axis.output === Math.ceil(axis.input / axis.stride) && axis.before === Math.floor(total / 2);
  });
  if (!isSymmetric && !isSame) throw notPortable('this padding of a window, or ceilMode');
  return {
    stride: [height.stride, width.stride],
    padding: isSymmetric ? [height.before, width.before] : 'same',
    dilation: [height.dilation, width.dilation],
  };
}

function readWindow({ stride, padding, dilation }: Options): WindowOptions {
  return {
    stride: pairOf('stride', stride, sizes),
    padding: padding === 'same' ? 'same' : pairOf('padding', padding, offsets),
    dilation: dilation === 1 ? [1, 1] : pairOf('dilation', dilation, dilations),
  };
}

function pairOf(name: string, value: unknown, range: typeof sizes): readonly [number, number] {
  const [height, width, ...rest] = listOf(name, value, range);
  if (width === undefined || rest.length > 0) throw new RangeError(`${name} must be two numbers, not ${shown(value)}`);
  return [height, width];
}

function listOf(name: string, value: unknown, range = wholeNumbers(0, 2 ** 31)): number[] {
  if (!Array.isArray(value)) throw new RangeError(`${name} must be a list, not ${shown(value)}`);
  return value.map((number) => checkNumber(name, number, range));
}

/** @throws RangeError for the batch axis: the result for an image must not depend on the other images. */
function checkAxes(axes: readonly number[]): readonly number[] {
  if (axes.includes(0)) throw notPortable('ops that mix the images of a batch');
  return axes;
}

const flag = (name: string, value: unknown): boolean => checkChoice(name, value, [true, false]);
