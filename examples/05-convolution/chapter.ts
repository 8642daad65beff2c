/**
 * A convolution slides a small filter over a picture, and takes a dot product at each place.
 *
 *     npm run chapter 5
 *
 * Six nested loops find the edges of a digit. With stride, padding and groups, they give what `conv2d` gives. The same
 * loops also compute the two gradients, and with one of them, a filter is learned from a picture and its edges alone.
 */
import { gradient, mse, SGD, valueAndGradient } from '@mobinet/autograd';
import { conv2d, dispose, mul, Rng, type Shape, sum, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { digitSize, drawDigit } from '../lib/digits.js';
import { picture, rowsOf, sideBySide } from '../lib/pictures.js';

/** How a filter moves over an image. */
interface Options {
  stride: number;
  /** How many zeros are put around the image, on each side. */
  padding: number;
  /** The channels are split into this many groups. A filter sees only the channels of its own group. */
  groups: number;
}

const plain: Options = { stride: 1, padding: 0, groups: 1 };

/** How many places a window of `taps` elements has along an axis of `size` elements. */
function places(size: number, taps: number, { stride, padding }: Options): number {
  return Math.floor((size + 2 * padding - taps) / stride) + 1;
}

/**
 * The six loops over all products of a convolution: x is [1, height, width, channels], the filter is [outChannels,
 * kernelHeight, kernelWidth, channels / groups]. `visit` receives the positions of three elements in memory: the
 * product of x[xAt] and filter[filterAt] is a term of y[yAt].
 */
function forEachProduct(
  [, height, width, channels]: Shape,
  [outChannels, kernelHeight, kernelWidth, groupChannels]: Shape,
  options: Options,
  visit: (xAt: number, filterAt: number, yAt: number) => void,
): void {
  const { stride, padding, groups } = options;
  const [outHeight, outWidth] = [places(height, kernelHeight, options), places(width, kernelWidth, options)];
  for (let i = 0; i < outHeight; i++) {
    for (let j = 0; j < outWidth; j++) {
      for (let o = 0; o < outChannels; o++) {
        for (let ki = 0; ki < kernelHeight; ki++) {
          for (let kj = 0; kj < kernelWidth; kj++) {
            for (let c = 0; c < groupChannels; c++) {
              const [row, column] = [i * stride + ki - padding, j * stride + kj - padding];
              if (row < 0 || row >= height || column < 0 || column >= width) continue; // padding, which is 0
              const group = Math.floor(o / (outChannels / groups));
              const xAt = (row * width + column) * channels + group * groupChannels + c;
              const filterAt = ((o * kernelHeight + ki) * kernelWidth + kj) * groupChannels + c;
              visit(xAt, filterAt, (i * outWidth + j) * outChannels + o);
            }
          }
        }
      }
    }
  }
}

/** The convolution: each product is added to its output. */
function convolve(x: Tensor, filter: Tensor, options = plain): Tensor {
  const [height, width] = [places(x.shape[1], filter.shape[1], options), places(x.shape[2], filter.shape[2], options)];
  const y = zeros([1, height, width, filter.shape[0]]);
  forEachProduct(x.shape, filter.shape, options, (xAt, filterAt, yAt) => {
    y.values[yAt] += x.values[xAt] * filter.values[filterAt];
  });
  return y;
}

/** Throws unless two tensors agree. */
function compare(name: string, actual: Tensor, expected: Tensor, tolerance = 1e-5): void {
  const isClose = actual.values.every((value, at) => Math.abs(value - expected.values[at]) < tolerance);
  if (actual.shape.join() !== expected.shape.join() || !isClose) throw new Error(`${name} is not as expected`);
}

// 1. Edges. Each filter compares the pixels on one side of its center with those on the other side (Sobel's filters).
const digit = tensor(drawDigit(2), { shape: [1, digitSize, digitSize, 1] }).slice([0, 2, 2, 0], [1, 18, 18, 1]);
const sobel = tensor([-1, 0, 1, -2, 0, 2, -1, 0, 1, -1, -2, -1, 0, 0, 0, 1, 2, 1], { shape: [2, 3, 3, 1] });
const edges = convolve(digit, sobel);
const strength = (o: number): Tensor => edges.slice([0, 0, 0, o], [1, 14, 14, o + 1]).abs();
console.log(
  sideBySide({
    'a digit': picture(digit),
    'left and right edges': picture(strength(0), [0, 4]),
    'upper and lower edges': picture(strength(1), [0, 4]),
  }),
);

// 2. Stride, padding and groups: `conv2d` takes the same options, and must give the same outputs.
const rng = Rng.fromSeed(5);
const x = rng.split('x').normal([1, 9, 9, 4]);
console.log('\nx [1, 9, 9, 4]  stride  padding  groups        filter        output  products');
for (const [stride, padding, groups] of [
  [1, 0, 1],
  [1, 1, 1],
  [2, 1, 1],
  [1, 1, 2],
  [1, 1, 4],
]) {
  const options = { stride, padding, groups };
  const filter = rng.split('filter', groups).normal([8, 3, 3, 4 / groups]);
  const y = convolve(x, filter, options);
  compare('conv2d', conv2d(x, filter, options), y);
  let products = 0;
  forEachProduct(x.shape, filter.shape, options, () => products++);
  const cells = [stride, padding, groups, `[${filter.shape.join(', ')}]`, `[${y.shape.join(', ')}]`, products];
  console.log(cells.map((cell, at) => String(cell).padStart([22, 9, 8, 14, 14, 10][at])).join(''));
}

// 3. The gradients of a loss L. Each product x·filter is a term of some y, so it sends ∂L/∂y·x to its filter element, and
// ∂L/∂y·filter to its pixel. For a test, ∂L/∂y is random: it is that of L = Σ dy·y.
const options = { stride: 2, padding: 1, groups: 2 };
const filter = rng.split('filter', 2).normal([8, 3, 3, 2]);
const dy = rng.split('dy').normal([1, 5, 5, 8]);
const [dx, dfilter] = [zeros(x.shape), zeros(filter.shape)];
forEachProduct(x.shape, filter.shape, options, (xAt, filterAt, yAt) => {
  dfilter.values[filterAt] += dy.values[yAt] * x.values[xAt];
  dx.values[xAt] += dy.values[yAt] * filter.values[filterAt];
});
const byTape = gradient((inputs: Tensor[]) => sum(mul(dy, conv2d(inputs[0], inputs[1], options))))([x, filter]);
compare('∂L/∂x', dx, byTape[0]);
compare('∂L/∂filter', dfilter, byTape[1]);
console.log('\nBoth gradients by hand are those of the tape.');

// 4. Learning: which filters turn the digit into its edges? Gradient descent finds out, from filters of zeros.
const learned = zeros([2, 3, 3, 1]);
const lossAndGradient = valueAndGradient((filter: Tensor) => mse(conv2d(digit, filter), edges));
const optimizer = new SGD({ learningRate: 0.5, momentum: 0.9 });
console.log();
for (let step = 0; step <= 150; step++) {
  const { value, gradients } = lossAndGradient(learned);
  if (step % 50 === 0) console.log(`step ${String(step).padStart(3)}: loss ${value.values[0].toFixed(6)}`);
  optimizer.update(learned, gradients);
  dispose([value, gradients]);
}
compare('the learned filter', learned, sobel, 0.01);
const weights = (filters: Tensor): string =>
  rowsOf(filters.slice([0], [1]))
    .map((row) => row.map((weight) => weight.toFixed(3).padStart(7)).join(''))
    .join('\n');
console.log(`\n${sideBySide({ 'the first filter, as learned': weights(learned), "as Sobel's": weights(sobel) })}`);
