import { groupsOf, linear, linearWorkgroup, Shader } from '../../backends/webgpu/shader.js';
import type { Tensor } from '../../tensor.js';
import { blockGroups, digitsOf, fewestDigits, groupSize, type MaskAttributes } from './mask.js';

/** `drawMask` on a GPU. */
export function drawMaskOnGpu(draws: Tensor, mask: Tensor<'i32'>, { rate, key }: MaskAttributes): void {
  const { word, count } = digitsOf(rate);
  const blocks = Math.ceil(mask.size / (4 * blockGroups));
  const numbers = { blocks, words: mask.size, key0: key[0], key1: key[1], digits: word, digitCount: count };
  drawMaskShader.run({ draws }, { mask }, numbers, groupsOf(blocks));
}

/** Each invocation draws a block, with the four lanes of a vector. */
const drawMaskShader = new Shader('dropout_mask', {
  reads: { draws: 'f32' },
  writes: { mask: 'i32' },
  parameters: { blocks: 'u32', words: 'u32', key0: 'u32', key1: 'u32', digits: 'u32', digitCount: 'u32' },
  workgroup: linearWorkgroup,
  declarations: `
fn rotated(x: vec4u, bits: u32) -> vec4u { return (x << vec4u(bits)) | (x >> vec4u(32u - bits)); }
struct Blocks { x: vec4u, y: vec4u }
fn threefry(low: vec4u, high: u32) -> Blocks {
  var keys = array<u32, 3>(p.key0, p.key1, p.key0 ^ p.key1 ^ 0x1bd11bdau);
  var odd = array<u32, 4>(13u, 15u, 26u, 6u);
  var even = array<u32, 4>(17u, 29u, 16u, 24u);
  var x = low + keys[0];
  var y = vec4u(high + keys[1]);
  for (var four = 1u; four <= 5u; four++) {
    for (var k = 0u; k < 4u; k++) {
      x += y;
      y = rotated(y, select(even[k], odd[k], four % 2u == 1u)) ^ x;
    }
    x += keys[four % 3u];
    y += keys[(four + 1u) % 3u] + four;
  }
  return Blocks(x, y);
}`,
  main: `
  ${linear('p.blocks')}
  let low = vec4u(8u * i) + vec4u(0u, 1u, 2u, 3u);
  let high = u32(draws[0]);
  let first = threefry(low, high);
  let second = threefry(low + 4u, high);
  var a = first.x;
  var b = first.y;
  var c = second.x;
  var d = second.y;
  let end = min(p.words, (i + 1u) * ${4 * blockGroups}u);
  for (var at = i * ${4 * blockGroups}u; at < end; at += 4u) {
    var dropped = vec4u(0u);
    var undecided = vec4u(0xffffffffu);
    for (var k = 0u; k < p.digitCount && (k < ${fewestDigits}u || any(undecided != vec4u(0u))); k++) {
      let digit = vec4u(0u - ((p.digits >> (31u - k)) & 1u));
      let random = rotated(a + d, 7u) + a;
      let shifted = b << vec4u(9u);
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = rotated(d, 11u);
      dropped |= undecided & digit & ~random;
      undecided &= ~(digit ^ random);
    }
    for (var lane = 0u; lane < 4u; lane++) { mask[at + lane] = i32(~dropped[lane]); }
  }`,
});

/** y = x·scale where the mask is 1, otherwise x·0. */
export function maskedOnGpu(x: Tensor, mask: Tensor<'i32'>, y: Tensor, scale: number): void {
  maskedShader.run({ x, mask }, { y }, { count: x.size, scale }, groupsOf(x.size));
}

const maskedShader = new Shader('dropout_masked', {
  reads: { x: 'f32', mask: 'i32' },
  writes: { y: 'f32' },
  parameters: { count: 'u32', scale: 'f32' },
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.count')}
  let place = i % ${groupSize}u;
  let word = u32(mask[(i / ${groupSize}u) * 4u + place % 4u]);
  y[i] = x[i] * select(0.0, p.scale, ((word >> (31u - place / 4u)) & 1u) == 1u);`,
});
