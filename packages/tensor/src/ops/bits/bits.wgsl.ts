import { memoize } from '../../backends/memoize.js';
import { groupsOf, linear, linearWorkgroup, Shader } from '../../backends/webgpu/shader.js';
import { type BitTensor, countWords, wordsPerRow } from '../../bit-tensor.js';
import { sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { GemmShader } from '../matmul/gemm.wgsl.js';
import { isPointwise } from '../window.js';
import { pixelUnderTap, windowArgumentsOnGpu, windowParametersOnGpu } from '../window.wgsl.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';
import type { CountDType } from './bit-gemm.wasm.js';
import type { MaskPredicate } from './pack-bits.wasm.js';
import { bitOfLane, packGroups, packLanes, packWorkgroup, storeWord } from './pack-lanes.wgsl.js';

// Signs on a GPU are packed 32 to a word, as on the CPU. WGSL counts bits with its built-in function countOneBits.

/** WGSL of the predicates of `packMask`, in terms of `x`. */
const predicates: Record<MaskPredicate, string> = { negative: 'x < 0.0', beyondOne: 'abs(x) > 1.0' };

/** Packs the mask of the elements of x for which the predicate holds, in the layout of `packBits`. */
export function packMaskOnGpu(predicate: MaskPredicate, x: Tensor, bits: BitTensor): void {
  const words = countWords(bits.shape);
  const parameters = { words, channels: bits.rowLength };
  if (bits.rowLength <= shortRow)
    packShortRows(predicate).run({ values: x }, { words: bits }, parameters, groupsOf(words));
  else packShader(predicate).run({ values: x }, { words: bits }, parameters, packGroups(words));
}

/** Maximum length of a row that a single invocation packs. With one invocation per bit, most of them would be idle. */
const shortRow = 8;

/** Each invocation packs a row, which is a single word. */
const packShortRows = memoize(
  (predicate: MaskPredicate) =>
    new Shader(`pack_${predicate}_short`, {
      reads: { values: 'f32' },
      writes: { words: 'u32' },
      parameters: { words: 'u32', channels: 'u32' },
      workgroup: linearWorkgroup,
      main: `
  ${linear('p.words')}
  var packed = 0u;
  for (var c = 0u; c < p.channels; c++) {
    let x = values[i * p.channels + c];
    packed |= select(0u, 1u << c, ${predicates[predicate]});
  }
  words[i] = packed;`,
    }),
);

/** Each invocation computes one bit. */
const packShader = memoize(
  (predicate: MaskPredicate) =>
    new Shader(`pack_${predicate}`, {
      reads: { values: 'f32' },
      writes: { words: 'u32' },
      parameters: { words: 'u32', channels: 'u32' },
      workgroup: packWorkgroup,
      declarations: packLanes,
      main: `
  ${bitOfLane}
  var isSet = false;
  if (isInside) {
    let x = values[row * p.channels + c];
    isSet = ${predicates[predicate]};
  }
  ${storeWord('isSet')}`,
    }),
);

/** `unpackBits`. */
export function unpackOnGpu(bits: BitTensor, signs: Tensor): void {
  const { rowLength } = bits;
  unpackShader.run(
    { words: bits },
    { signs },
    { count: signs.size, rowLength, rowWords: wordsPerRow(rowLength) },
    groupsOf(signs.size),
  );
}

const unpackShader = new Shader('unpack', {
  reads: { words: 'u32' },
  writes: { signs: 'f32' },
  parameters: { count: 'u32', rowLength: 'u32', rowWords: 'u32' },
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.count')}
  let column = i % p.rowLength;
  let word = words[(i / p.rowLength) * p.rowWords + column / 32u];
  signs[i] = 1.0 - 2.0 * f32((word >> (column % 32u)) & 1u);`,
});

/** Dot products of rows of `signs` signs, or for `signs` = 0 the numbers of signs that differ. */
const bitGemm = new GemmShader({
  name: 'bits_gemm',
  reads: { x: 'u32', y: 'u32' },
  result: 'i32',
  parameters: { signs: 'i32' },
  element: 'u32',
  a: 'x[row * p.k + step]',
  b: 'y[column * p.k + step]',
  aAlongSteps: true,
  bAlongSteps: true,
  store: 'c[row * p.n + column] = select(p.signs - 2 * i32(value), i32(value), p.signs == 0);',
});

/** `bitMatmul`. */
export function bitMatmulOnGpu(a: BitTensor, b: BitTensor, c: Tensor<'i32'>): void {
  const [m, n] = c.shape;
  bitGemm.run({ m, n, k: wordsPerRow(a.rowLength) }, { x: a, y: b }, c, { signs: a.rowLength });
}

/** `bitConv2d`. 1×1 filters form a matrix. For others, an invocation computes one output, or those of one group. */
export function bitConv2dOnGpu(
  x: BitTensor,
  weights: BitTensor,
  y: Tensor<CountDType>,
  { window, groups, paddingValue }: BitConv2dAttributes,
): void {
  const [outChannels, ...perFilter] = weights.shape;
  const signs = y.dtype === 'u8' ? 0 : sizeOf(perFilter);
  if (groups === 1 && isPointwise(window) && perFilter[2] > 0) {
    const size = { m: y.size / outChannels, n: outChannels, k: wordsPerRow(x.rowLength) };
    bitGemm.run(size, { x, y: weights }, y, { signs });
    return;
  }
  const [kernelHeight, kernelWidth, groupChannels] = perFilter;
  const pixels = y.size / outChannels;
  const values = {
    ...windowArgumentsOnGpu(window),
    channels: x.rowLength,
    outChannels,
    groupChannels,
    groupFilters: outChannels / groups,
    groups,
    pixels,
    countsBorder: Number(paddingValue === 'one'),
    isDifference: Number(y.dtype === 'u8'),
  };
  const tapWords = wordsPerRow(groupChannels);
  const words = kernelHeight * kernelWidth * tapWords;
  // A few words stay in registers for all filters of the group. If there are more, each filter reads them again.
  if (words <= maxWords) {
    bitConvolveGroups(kernelHeight * kernelWidth, tapWords).run(
      { x, weights },
      { y },
      values,
      groupsOf(pixels * groups),
    );
  } else bitConvolve.run({ x, weights }, { y }, { ...values, count: y.size }, groupsOf(y.size));
}

const bitConvolveParameters = {
  ...windowParametersOnGpu,
  channels: 'u32',
  outChannels: 'u32',
  groupChannels: 'u32',
  groupFilters: 'u32',
  groups: 'u32',
  pixels: 'u32',
  countsBorder: 'u32',
  isDifference: 'u32',
} as const;

/** WGSL of `bitsAt`: up to 32 bits of a row of `x` from bit `first` on, shifted down. They may straddle two words. */
const bitsAt = `
fn bitsAt(row: u32, first: u32, length: u32) -> u32 {
  let at = row + first / 32u;
  let shift = first % 32u;
  var bits = x[at] >> shift;
  if (shift + length > 32u) { bits |= x[at + 1u] << (32u - shift); }
  return bits & (0xffffffffu >> (32u - length));
}`;

/** Maximum number of words of signs that an invocation of the shader below keeps in registers. */
const maxWords = 25;

/** Each invocation reads the signs that one group sees of a window, and compares them with all filters of the group. */
const bitConvolveGroups = memoize((taps: number, tapWords: number) => {
  const words = Array.from({ length: taps * tapWords }, (_, at) => at);
  return new Shader(`bits_conv_groups_${taps}x${tapWords}`, {
    reads: { x: 'u32', weights: 'u32' },
    writes: { y: 'i32' },
    parameters: bitConvolveParameters,
    workgroup: linearWorkgroup,
    declarations: `${pixelUnderTap}
${bitsAt}`,
    main: `
  ${linear('p.pixels * p.groups')}
  let pixel = i / p.groups;
  let firstChannel = (i % p.groups) * p.groupChannels;
  let pixelWords = (p.channels + 31u) / 32u;
  var signs = 0u;
  ${Array.from(
    { length: taps },
    (_, tap) => `
  let at${tap} = pixelUnder(pixel, ${tap}u);
  // Taps in the border are masked out, unless the border counts.
  let counts${tap} = select(0u, 0xffffffffu, at${tap} >= 0 || p.countsBorder == 1u);
  signs += p.groupChannels & counts${tap};`,
  ).join('')}
  ${words
    .map((at) => {
      const [tap, word] = [Math.floor(at / tapWords), at % tapWords];
      return `
  var bits${at} = 0u;
  if (at${tap} >= 0) { bits${at} = bitsAt(u32(at${tap}) * pixelWords, firstChannel + ${32 * word}u, min(32u, p.groupChannels - ${32 * word}u)); }`;
    })
    .join('')}
  for (var k = 0u; k < p.groupFilters; k++) {
    let o = (i % p.groups) * p.groupFilters + k;
    var differences = 0u;
    ${words
      .map(
        (at) =>
          `differences += countOneBits((bits${at} ^ weights[o * ${words.length}u + ${at}u]) & counts${Math.floor(at / tapWords)});`,
      )
      .join('\n    ')}
    y[pixel * p.outChannels + o] = select(i32(signs) - 2 * i32(differences), i32(differences), p.isDifference == 1u);
  }`,
  });
});

/** Each invocation computes one output. */
const bitConvolve = new Shader('bits_conv', {
  reads: { x: 'u32', weights: 'u32' },
  writes: { y: 'i32' },
  parameters: { ...bitConvolveParameters, count: 'u32' },
  workgroup: linearWorkgroup,
  declarations: `${pixelUnderTap}
${bitsAt}`,
  main: `
  ${linear('p.count')}
  let o = i % p.outChannels;
  let pixel = i / p.outChannels;
  let taps = p.kernelHeight * p.kernelWidth;
  let pixelWords = (p.channels + 31u) / 32u;
  let tapWords = (p.groupChannels + 31u) / 32u;
  let firstChannel = (o / p.groupFilters) * p.groupChannels;
  var differences = 0u;
  var signs = 0u;
  for (var tap = 0u; tap < taps; tap++) {
    let at = pixelUnder(pixel, tap);
    if (at < 0 && p.countsBorder == 0u) { continue; }
    signs += p.groupChannels;
    for (var word = 0u; word < tapWords; word++) {
      let first = word * 32u;
      var bits = 0u;
      if (at >= 0) { bits = bitsAt(u32(at) * pixelWords, firstChannel + first, min(32u, p.groupChannels - first)); }
      differences += countOneBits(bits ^ weights[(o * taps + tap) * tapWords + word]);
    }
  }
  y[i] = select(i32(signs) - 2 * i32(differences), i32(differences), p.isDifference == 1u);`,
});
