/**
 * From a trained network to a packed file, and how the engine runs it.
 *
 *     npm run chapter 15
 *
 * Trains a small binary network, keeps one bit of each latent weight, turns what follows a binary convolution into a
 * range of counts, packs the network and looks into the file. Then runs one binary layer on integers alone and compares
 * every bit with the engine's, and the logits of both networks to the last bit.
 */
import { noGradient } from '@mobinet/autograd';
import { binarizeWeights } from '@mobinet/bnn';
import { type BitTensor, packBits, Rng, type Tensor, tidy } from '@mobinet/tensor';
import { formatProgram } from '@mobinet/tensor/kernels';
import { packModel, unpackModel } from 'mobinet';
import { classes, drawStripes, Stripes, trainStripes } from './stripes.js';

// `label` gives each tensor the name of its field, by which the file and the program below call it.
const network = new Stripes(Rng.fromSeed(15)).label();
const losses = await trainStripes(network, 60, Rng.fromSeed(16));
console.log(`training loss: ${losses[0].toFixed(2)} → ${losses.at(-1)!.toFixed(2)}`);
network.eval();

// 1. A filter of the binary convolution has 3×3 taps and 16 channels: 144 latent weights, whose signs alone remain.
const { signs, alpha } = binarizeWeights(network.conv.weight);
const weights = network.conv.weight.values.subarray(0, 8);
console.log('\nthe first tap of filter 0, channels 0 to 7');
console.log(`latent weights ${Array.from(weights, (w) => w.toFixed(2).padStart(6)).join('')}`);
console.log(`signs          ${Array.from(weights, (w) => (w < 0 ? '−1' : '+1').padStart(6)).join('')}`);
console.log(`bits           ${Array.from(weights, (_, i) => String((signs.words[0] >>> i) & 1).padStart(6)).join('')}`);

// 2. What follows the count: times α, then BatchNorm as a scale and a shift. The next layer reads only the sign.
const { scale, shift } = network.norm.fold();
const { fround } = Math;
const taps = 3 * 3;
const weightsPerFilter = taps * 16;

/** Whether the next layer sees −1 in a channel if `differing` of the signs under the filter differ from its weights. */
function isNegative(channel: number, differing: number): boolean {
  const scaled = fround((weightsPerFilter - 2 * differing) * alpha.values[channel]);
  return fround(fround(scaled * scale.values[channel]) + shift.values[channel]) < 0;
}

/** The counts for which the output is negative. A line crosses 0 at most once, so they are all on one side. */
const channels = alpha.size;
const ranges = Array.from({ length: channels }, (_, channel) => {
  const counts = Array.from({ length: weightsPerFilter + 1 }, (_, d) => d).filter((d) => isNegative(channel, d));
  return { from: counts[0] ?? 0, to: (counts.at(-1) ?? -1) + 1 };
});
console.log('\nchannel       α     scale     shift   negative if this many signs differ');
for (const [channel, { from, to }] of ranges.slice(0, 4).entries()) {
  const numbers = [alpha, scale, shift].map(({ values }) => values[channel].toFixed(4).padStart(10)).join('');
  console.log(`${String(channel).padStart(5)} ${numbers}   ${from} to ${to - 1}`);
}

// 3. The file: eight bytes with the length of the header, the header in JSON, the tensors.
const file = packModel(network, { classes });
const headerLength = Number(new DataView(file.buffer).getBigUint64(0, true));
const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + headerLength)));
const { __metadata__: metadata, ...tensors } = header;
console.log(`\n${8 + headerLength} bytes of header, ${file.length - 8 - headerLength} bytes of tensors`);
for (const [name, { dtype, shape, data_offsets }] of Object.entries<Entry>(tensors)) {
  const bytes = data_offsets[1] - data_offsets[0];
  console.log(`  ${name.padEnd(28)} ${dtype} ${`[${shape.join(', ')}]`.padEnd(14)} ${String(bytes).padStart(5)} bytes`);
}
const parameters = [...network.parameters().values()];
const [floats, binary] = [parameters, parameters.filter((parameter) => parameter.binary)].map((some) =>
  some.reduce((sum, { size }) => sum + size, 0),
);
console.log(
  `${floats} parameters take ${4 * floats} bytes as floats; ${binary} of them are binary: ${binary / 8} bytes`,
);
console.log(`the program has ${JSON.parse(metadata.program).nodes.length} calls`);

/** How a header describes a tensor. */
interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [begin: number, end: number];
}

// 4. The same calls, as the engine runs them. From the first `bitConv2d` to the second, there are no floats.
const packed = unpackModel(file);
const { images } = drawStripes(12, Rng.fromSeed(17));
console.log(`\n${formatProgram(packed.programFor(images).program)}`);

// 5. That layer by hand. Signs are words, one for each pixel, since 16 channels fit into one.
const layers: Uint32Array[] = [];
const logits = packed.watch(images, ({ signs }) =>
  layers.push((signs as BitTensor | null)?.words.slice() ?? new Uint32Array()),
);
const filters = signs.words;
const outputs = tidy(() => noGradient(() => runByHand(packBits(network.stem.forward(images)))));

/** Counts differing bits under each filter, and compares the count with the range of its channel. */
function runByHand({ words, shape: [batch, height, width] }: BitTensor): Uint32Array {
  const output = new Uint32Array(batch * height * width);
  for (let at = 0; at < output.length; at++) {
    const [row, column] = [Math.floor(at / width) % height, at % width];
    for (let channel = 0; channel < channels; channel++) {
      let differing = 0;
      for (let tap = 0; tap < taps; tap++) {
        const [down, right] = [Math.floor(tap / 3) - 1, (tap % 3) - 1];
        const isInside = row + down >= 0 && row + down < height && column + right >= 0 && column + right < width;
        // Outside, the image is padded with +1, whose bits are 0.
        const word = isInside ? words[at + down * width + right] : 0;
        differing += countOnes(word ^ filters[channel * taps + tap]);
      }
      const { from, to } = ranges[channel];
      if (differing >= from && differing < to) output[at] |= 1 << channel;
    }
  }
  return output;
}

function countOnes(word: number): number {
  let ones = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) ones++;
  return ones;
}

if (!outputs.every((word, at) => word === layers[1][at])) throw new Error('the layer by hand has other signs');
console.log(`\nby hand: ${outputs.length * channels} signs, all as the engine computes them`);

// 6. The logits of the trained network and of the packed one.
const trained: Tensor = noGradient(() => network.forward(images));
if (!trained.values.every((logit, i) => Object.is(logit, logits.values[i]))) throw new Error('the logits differ');
console.log(`${logits.size} logits, equal to the last bit`);
