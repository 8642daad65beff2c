import { memoize } from '../../backends/memoize.js';
import { bitsInWord, elementsPerWord, wordsOfElements } from '../../backends/webgpu/elements.js';
import { groupsOf, linear, linearWorkgroup, Shader, storeElements } from '../../backends/webgpu/shader.js';
import { type BitTensor, countWords, wordsPerRow } from '../../bit-tensor.js';
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

/**
 * Packs the mask of the elements of x for which the predicate holds, in the layout of `packBits`.
 *
 * @param predicate Which elements get a 1.
 * @param x f32 of rank 1 or more, on the GPU.
 * @param bits The result, of the same shape.
 * @throws BackendError if a tensor is not on the GPU.
 */
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

/** WGSL of what is stored for `differences` of `signs` pairs of signs: see `bitConv2d`. */
const countOf = (type: CountDType, signs: string, differences: string): string =>
  type === 'u8' ? `i32(${differences})` : `(i32(${signs}) - 2 * i32(${differences}))`;

/** Dot products of rows of `signs` signs, or for u8 the numbers of signs that differ. */
const bitGemm = memoize(
  (type: CountDType) =>
    new GemmShader({
      name: `bits_gemm_${type}`,
      reads: { x: 'u32', y: 'u32' },
      result: type,
      parameters: { signs: 'u32' },
      element: 'u32',
      a: 'x[row * p.k + step]',
      b: 'y[column * p.k + step]',
      aAlongSteps: true,
      bAlongSteps: true,
      stored: countOf(type, 'p.signs', 'value'),
    }),
);

/** `bitMatmul`. */
export function bitMatmulOnGpu(a: BitTensor, b: BitTensor, c: Tensor<'i32'>): void {
  const [m, n] = c.shape;
  bitGemm('i32').run({ m, n, k: wordsPerRow(a.rowLength) }, { x: a, y: b }, c, { signs: a.rowLength });
}

/**
 * `bitConv2d`. 1×1 filters form a matrix. For others, an invocation computes a word of the output, or the outputs of as
 * many groups as fill words.
 */
export function bitConv2dOnGpu(
  x: BitTensor,
  weights: BitTensor,
  y: Tensor<CountDType>,
  { window, groups, paddingValue }: BitConv2dAttributes,
): void {
  const [outChannels, ...perFilter] = weights.shape;
  const perWord = elementsPerWord(y.dtype);
  const rowsFillWords = perWord === 1 || outChannels % 4 === 0;
  if (groups === 1 && isPointwise(window) && perFilter[2] > 0 && rowsFillWords) {
    const size = { m: y.size / outChannels, n: outChannels, k: wordsPerRow(x.rowLength) };
    bitGemm(y.dtype).run(size, { x, y: weights }, y, { signs: perFilter[2] });
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
    countsBorder: Number(paddingValue === 'one'),
  };
  const tapWords = wordsPerRow(groupChannels);
  const words = kernelHeight * kernelWidth * tapWords;
  const together = groupsThatFillWords(outChannels / groups, perWord);
  // A few words stay in registers for all filters of the group. If there are more, each filter reads them again.
  if (words <= maxWords && groups % together === 0) {
    const blocks = groups / together;
    const count = pixels * blocks;
    const shader = bitConvolveGroups(y.dtype, together, kernelHeight * kernelWidth, tapWords);
    shader.run({ x, weights }, { y }, { ...values, blocks, count }, groupsOf(count));
  } else {
    const count = y.size;
    bitConvolve(y.dtype).run({ x, weights }, { y }, { ...values, count }, groupsOf(wordsOfElements(y.dtype, count)));
  }
}

/** The least number of groups whose outputs are a multiple of `perWord`, which is 1, 2 or 4. */
function groupsThatFillWords(groupFilters: number, perWord: number): number {
  let together = 1;
  while ((together * groupFilters) % perWord !== 0) together *= 2;
  return together;
}

const bitConvolveParameters = {
  ...windowParametersOnGpu,
  channels: 'u32',
  outChannels: 'u32',
  groupChannels: 'u32',
  groupFilters: 'u32',
  countsBorder: 'u32',
  count: 'u32',
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

/**
 * An invocation reads the signs that a group sees of a window, compares them with all filters of the group, and goes on
 * with the next group, until it has `together` of them. Their outputs are whole words.
 */
const bitConvolveGroups = memoize((type: CountDType, together: number, taps: number, tapWords: number) => {
  const words = Array.from({ length: taps * tapWords }, (_, at) => at);
  const perWord = elementsPerWord(type);
  return new Shader(`bits_conv_groups_${type}_${together}x${taps}x${tapWords}`, {
    reads: { x: 'u32', weights: 'u32' },
    writes: { y: type },
    parameters: { ...bitConvolveParameters, blocks: 'u32' },
    workgroup: linearWorkgroup,
    declarations: `${pixelUnderTap}
${bitsAt}`,
    main: `
  ${linear('p.count')}
  let pixel = i / p.blocks;
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
  var packed = 0u;
  let firstFilter = (i % p.blocks) * ${together}u * p.groupFilters;
  for (var k = 0u; k < ${together}u; k++) {
    let firstChannel = ((i % p.blocks) * ${together}u + k) * p.groupChannels;
    ${words
      .map((at) => {
        const [tap, word] = [Math.floor(at / tapWords), at % tapWords];
        return `
    var bits${at} = 0u;
    if (at${tap} >= 0) { bits${at} = bitsAt(u32(at${tap}) * pixelWords, firstChannel + ${32 * word}u, min(32u, p.groupChannels - ${32 * word}u)); }`;
      })
      .join('')}
    for (var filterIndex = 0u; filterIndex < p.groupFilters; filterIndex++) {
      let at = k * p.groupFilters + filterIndex;
      let o = firstFilter + at;
      var differences = 0u;
      ${words
        .map(
          (at) =>
            `differences += countOneBits((bits${at} ^ weights[o * ${words.length}u + ${at}u]) & counts${Math.floor(at / tapWords)});`,
        )
        .join('\n      ')}
      let count = ${countOf(type, 'signs', 'differences')};
      ${
        perWord === 1
          ? 'y[pixel * p.outChannels + o] = count;'
          : `packed |= ${bitsInWord(type, 'count', 'at')};
      if (at % ${perWord}u == ${perWord - 1}u) {
        y[(pixel * p.outChannels + o) / ${perWord}u] = packed;
        packed = 0u;
      }`
      }
    }
  }`,
  });
});

/** Each invocation computes a word of the output. */
const bitConvolve = memoize(
  (type: CountDType) =>
    new Shader(`bits_conv_${type}`, {
      reads: { x: 'u32', weights: 'u32' },
      writes: { y: type },
      parameters: bitConvolveParameters,
      workgroup: linearWorkgroup,
      declarations: `${pixelUnderTap}
${bitsAt}
fn elementOf(i: u32) -> i32 {
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
  return ${countOf(type, 'signs', 'differences')};
}`,
      main: storeElements('y', type),
    }),
);
