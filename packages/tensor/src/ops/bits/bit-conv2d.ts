import type { BitTensor } from '../../bit-tensor.js';
import { checkChoice, checkOptions } from '../../check.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { forEachTap } from '../conv2d/conv2d.js';
import { conv2dOutputShape, convolutionMultiplyAdds } from '../conv2d/conv2d-attributes.js';
import { bitConv2dByKernels } from './bit-conv2d.wasm.js';
import {
  type BitConv2dAttributes,
  type BitConv2dOptions,
  bitConv2dAttributes,
  bitConv2dOptions,
} from './bit-conv2d-attributes.js';
import type { CountDType } from './bit-gemm.wasm.js';
import { checkBits } from './check-bits.js';
import { signsOf } from './each-bit.js';

/**
 * 2-D convolution of signs: `conv2d` over numbers ±1. Kernels compute it from the bits, as n − 2·popcount(a xor b)
 * (derived in bit-matmul.ts).
 *
 * @param x Images [batch, height, width, channels].
 * @param filter [outChannels, kernelHeight, kernelWidth, channels / groups], with groups of any size.
 * @param options.dtype The dtype of the result. Default i32. i16 takes half the memory. u8 takes a quarter, and holds
 * the number d of differing signs instead of y = signs − 2·d.
 * @returns [batch, outHeight, outWidth, outChannels].
 * @throws ShapeError if the channels or groups do not match, or the window does not fit.
 * @throws RangeError for an unknown option or choice, if a filter has more signs than the dtype can count (32,767 for
 * i16, 255 for u8), and for u8 with `paddingValue: 'zero'`.
 *
 * @example
 * ```ts
 * import { bitConv2d, packBits, tensor } from '@mobinet/tensor';
 *
 * const image = packBits(tensor([1, 1, -1, -1, 1], { shape: [1, 1, 5, 1] }));
 * const filter = packBits(tensor([1, -1], { shape: [1, 1, 2, 1] }));
 * console.log(`${bitConv2d(image, filter).values}`);
 * // → 0,2,0,-2
 * console.log(`${bitConv2d(image, filter, { dtype: 'u8' }).values} of 2 signs differ`);
 * // → 1,0,1,2 of 2 signs differ
 * ```
 */
export function bitConv2d<D extends CountDType = 'i32'>(
  x: BitTensor,
  filter: BitTensor,
  options: BitConv2dOptions & { dtype?: D } = {},
): Tensor<D> {
  checkBits('bitConv2d', 'x', x);
  checkBits('bitConv2d', 'filter', filter);
  checkOptions('bitConv2d', options, [...bitConv2dOptions, 'dtype']);
  const attributes = bitConv2dAttributes('bitConv2d', x.shape, filter.shape, options, filter.label);
  const signs = sizeOf(filter.shape.slice(1));
  const countType: CountDType = checkChoice('bitConv2d: dtype', options.dtype ?? 'i32', countTypes);
  const limit = maxSigns[countType];
  if (signs > limit) {
    throw new RangeError(
      `bitConv2d: ${countType} can count at most ${limit} signs, and a filter has ${signs}. Omit dtype to count in i32.`,
    );
  }
  if (countType === 'u8' && attributes.paddingValue === 'zero') {
    throw new RangeError(
      "bitConv2d: u8 counts differing signs, and a padding of zero has no sign. Use dtype 'i16' or paddingValue 'one'.",
    );
  }
  return apply(bitConv2dOp, [x, filter], { ...attributes, dtype: countType })[0] as Tensor<D>;
}

/** The largest filters, in signs, whose results cannot overflow. */
const maxSigns: Record<CountDType, number> = { i32: 2 ** 31 - 1, i16: 2 ** 15 - 1, u8: 255 };
const countTypes = Object.keys(maxSigns) as readonly CountDType[];

/**
 * The op behind `bitConv2d`, which fusion rules look for. Its gradient rule is in deferred-gradient-rules.ts.
 *
 * @example
 * ```ts
 * import { type BitTensor, bitConv2d, ones, packBits } from '@mobinet/tensor';
 * import { bitConv2dOp, disposeProgram, isCallOf, trace } from '@mobinet/tensor/kernels';
 *
 * const filter = packBits(ones([1, 1, 1, 8]));
 * const program = trace((x) => bitConv2d(x as BitTensor, filter), [{ dtype: 'bits', shape: [1, 2, 2, 8] }]);
 * console.log(program.calls.some((call) => call.kind === 'op' && isCallOf(call, bitConv2dOp)));
 * // → true
 * disposeProgram(program);
 * ```
 */
export const bitConv2dOp = defineOp<
  [BitTensor, BitTensor],
  [Tensor<CountDType>],
  BitConv2dAttributes & { readonly dtype: CountDType },
  [BitTensor, BitTensor]
>({
  name: 'bitConv2d',
  accepts: [['bits']],
  outputs: ([x, filter], attributes) => [
    { dtype: attributes.dtype, shape: conv2dOutputShape(x.shape, filter.shape, attributes) },
  ],
  reference([x, filter], [{ values: y }], attributes) {
    const [xSigns, filterSigns] = [signsOf(x), signsOf(filter)];
    /** The sum of a run of products is channels − 2·d if d signs differ. A u8 output holds d. */
    const add = (yAt: number, channels: number, sum: number): void => {
      y[yAt] += attributes.dtype === 'u8' ? (channels - sum) / 2 : sum;
    };
    y.fill(0);
    forEachTap(
      x.shape,
      filter.shape,
      attributes,
      (xAt, filterAt, yAt, channels) => {
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += xSigns[xAt + c] * filterSigns[filterAt + c];
        add(yAt, channels, sum);
      },
      (filterAt, yAt, channels) => {
        // Padding with 'one' adds the sum of the filter's signs.
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += filterSigns[filterAt + c];
        if (attributes.paddingValue === 'one') add(yAt, channels, sum);
      },
    );
  },
  fast: ([x, filter], [y], attributes) => bitConv2dByKernels(x, filter, y, attributes),
  webgpu: ([x, filter], [y], attributes) => gpuKernels().bitConv2dOnGpu(x, filter, y, attributes),
  multiplyAdds: ([, filter], [y]) => convolutionMultiplyAdds(y, filter.shape),
});
