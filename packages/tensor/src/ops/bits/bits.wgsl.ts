import { groupsOf, linear, linearWorkgroup, Shader, shaderFamily } from '../../backends/webgpu/shader.js';
import { type BitTensor, countWords, wordsPerRow } from '../../bit-tensor.js';
import { sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { GemmShader } from '../matmul/gemm.wgsl.js';
import { isPointwise } from '../window.js';
import { pixelUnderTap, windowArgumentsOnGpu, windowParametersOnGpu } from '../window.wgsl.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';
import type { CountDType } from './bit-gemm.wasm.js';
import { bitOfLane, packGroups, packLanes, packWorkgroup, storeWord } from './pack-lanes.wgsl.js';

// Signs on a GPU: 32 in a word, as on the CPU. WGSL has an instruction that counts bits.

/** What becomes a bit 1: WGSL conditions of `x`. */
const questions = { negative: 'x < 0.0', beyondOne: 'abs(x) > 1.0' } as const;

/** Packs what is true of the elements of x. */
export function packAnswersOnGpu(question: keyof typeof questions, x: Tensor, bits: BitTensor): void {
  const words = countWords(bits.shape);
  const parameters = { words, channels: bits.rowLength };
  if (bits.rowLength <= shortRow)
    packShortRows(question).run({ values: x }, { words: bits }, parameters, groupsOf(words));
  else packShader(question).run({ values: x }, { words: bits }, parameters, packGroups(words));
}

/** Channels of a row that one invocation packs by itself. Filters of groups have such: of 32 invocations, all but so few would idle. */
const shortRow = 8;

/** An invocation packs a row, which is one word. */
const packShortRows = shaderFamily(
  (question: keyof typeof questions) =>
    new Shader(`pack_${question}_short`, {
      reads: { values: 'f32' },
      writes: { words: 'u32' },
      parameters: { words: 'u32', channels: 'u32' },
      workgroup: linearWorkgroup,
      main: `
  ${linear('p.words')}
  var packed = 0u;
  for (var c = 0u; c < p.channels; c++) {
    let x = values[i * p.channels + c];
    packed |= select(0u, 1u << c, ${questions[question]});
  }
  words[i] = packed;`,
    }),
);

/** An invocation asks for one bit. */
const packShader = shaderFamily(
  (question: keyof typeof questions) =>
    new Shader(`pack_${question}`, {
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
    isSet = ${questions[question]};
  }
  ${storeWord('isSet')}`,
    }),
);

/** Signs as numbers ±1. */
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

/** Rows of a times rows of b: how many of their signs differ, or (`signs` above 0) what that makes of so many products. */
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

/** `bitConv2d`: 1×1 filters are rows of a matrix; of others, an invocation counts one output. */
export function bitConv2dOnGpu(
  x: BitTensor,
  weights: BitTensor,
  y: Tensor<CountDType>,
  { window, groups, paddingValue }: BitConv2dAttributes,
): void {
  const [outChannels, ...perFilter] = weights.shape;
  const signs = y.dtype === 'u8' ? 0 : sizeOf(perFilter);
  if (groups === 1 && isPointwise(window) && perFilter[2] > 0) {
    bitGemm.run({ m: y.size / outChannels, n: outChannels, k: wordsPerRow(x.rowLength) }, { x, y: weights }, y, {
      signs,
    });
    return;
  }
  const [kernelHeight, kernelWidth, groupChannels] = perFilter;
  const pixels = y.size / outChannels;
  const values = {
    ...windowArgumentsOnGpu(window),
    ...{ channels: x.rowLength, outChannels, groupChannels, groupFilters: outChannels / groups, groups, pixels },
    ...{ countsBorder: Number(paddingValue === 'one'), isDifference: Number(y.dtype === 'u8') },
  };
  const tapWords = wordsPerRow(groupChannels);
  const words = kernelHeight * kernelWidth * tapWords;
  // A few words are kept in registers for all filters of the group; of many, each filter reads its own.
  if (words <= mostWords) {
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

/** So many bits of a row of \`x\` from bit \`first\` on, shifted down. They may lie in two words. */
const bitsAt = `
fn bitsAt(row: u32, first: u32, length: u32) -> u32 {
  let at = row + first / 32u;
  let shift = first % 32u;
  var bits = x[at] >> shift;
  if (shift + length > 32u) { bits |= x[at + 1u] << (32u - shift); }
  return bits & (0xffffffffu >> (32u - length));
}`;

/** Words of signs that an invocation of the kernel below keeps. */
const mostWords = 25;

/** An invocation reads what a group sees around a pixel, and counts it against all filters of the group. */
const bitConvolveGroups = shaderFamily((taps: number, tapWords: number) => {
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
  // What the border has no part in is masked out.
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

/** An invocation counts one output. */
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
