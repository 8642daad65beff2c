import { describe, expect, test } from 'vitest';
import { Rng } from '../../random.js';
import { emptyTensor } from '../../tensor.js';
import { f32x4 } from '../../wasm/assembler.js';
import { type BitConv2dOptions, bitConv2dAttributes } from './bit-conv2d-attributes.js';
import { inputGradientWithEpilogue } from './bit-conv2d-gradients.js';
import { type Epilogue, noEpilogue } from './epilogue.wasm.js';
import { packBits } from './pack-bits.js';

/** Multiplies gradients by a factor. All of these epilogues have the same name. */
const times = (factor: number): Epilogue<Record<never, never>> => ({
  name: 'times',
  parameters: {},
  row: () => (value) => value.mul(f32x4.const(factor)),
});

const convolutions: { name: string; x: number[]; filter: number[]; options: BitConv2dOptions }[] = [
  { name: '1×1 filters', x: [1, 5, 7, 8], filter: [6, 1, 1, 8], options: {} },
  { name: '1×1 filters, long rows', x: [2, 5, 7, 136], filter: [6, 1, 1, 136], options: {} },
  { name: 'small groups', x: [2, 5, 7, 8], filter: [8, 3, 3, 4], options: { groups: 2, padding: 'same' } },
];

describe('epilogues of the input gradient', () => {
  test.each(convolutions)('of the same name do not share kernels ($name)', ({ x, filter, options }) => {
    const rng = Rng.fromSeed(1);
    const attributes = bitConv2dAttributes('test', x, filter, options);
    const dy = rng.normal([...x.slice(0, 3), filter[0]]);
    const signs = packBits(rng.normal(filter));
    const gradientThrough = (epilogue: Epilogue<Record<never, never>>): Float32Array => {
      const dx = emptyTensor('f32', x);
      inputGradientWithEpilogue({ dy, filter: signs, scale: null, dx }, attributes, epilogue, {});
      return dx.values;
    };
    const plain = gradientThrough(noEpilogue);
    for (const factor of [2, -0.5]) {
      expect(gradientThrough(times(factor))).toEqual(plain.map((value) => factor * value));
    }
  });
});
