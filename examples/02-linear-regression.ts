/**
 * Fits a line to points by gradient descent.
 *
 *     node examples/02-linear-regression.js
 *
 * Every network in this repository is trained with this loop: predict, compute the loss, differentiate, move the
 * parameters against the gradient. The best line is also known in closed form, and the loop must converge to it.
 */
import { mse, SGD, valueAndGradient } from '@mobinet/autograd';
import { dispose, memory, Rng, scalar, type Tensor, tidy } from '@mobinet/tensor';

// 100 points around y = 3x − 1. The same seed gives the same points on every machine.
const rng = Rng.fromSeed(7);
const x = rng.uniform([100], -1, 1);
const y = tidy(() =>
  x
    .mul(3)
    .sub(1)
    .add(rng.normal([100], 0, 0.2)),
);

/** Parameters can be a tensor, a record or an array of tensors, or a module. */
interface Line {
  slope: Tensor;
  intercept: Tensor;
}
const line: Line = { slope: scalar(0), intercept: scalar(0) };

/** `valueAndGradient` differentiates with respect to the first argument; the others are constants. */
const lossAndGradient = valueAndGradient(({ slope, intercept }: Line, x: Tensor, y: Tensor) =>
  mse(x.mul(slope).add(intercept), y),
);

const optimizer = new SGD({ learningRate: 0.1 });
for (let step = 0; step <= 200; step++) {
  const { value, gradients } = lossAndGradient(line, x, y);
  if (step % 40 === 0) console.log(`step ${String(step).padStart(3)}: loss ${(await value.item()).toFixed(4)}`);
  // Gradients have the structure of the parameters: { slope, intercept }.
  optimizer.update(line, gradients);
  // Tensors live until they are freed. These two were made for this step only.
  dispose([value, gradients]);
}

// Least squares: the slope is cov(x, y) / var(x), and the line passes through the mean of the points.
const [meanX, meanY, meanXY, meanXX] = tidy(() => [x, y, x.mul(y), x.mul(x)].map((t) => t.mean().values[0]));
const slope = (meanXY - meanX * meanY) / (meanXX - meanX * meanX);
const intercept = meanY - slope * meanX;

const [fittedSlope, fittedIntercept] = [await line.slope.item(), await line.intercept.item()];
console.log(`\n         slope ${'intercept'.padStart(12)}`);
console.log(`descent  ${fittedSlope.toFixed(3)} ${fittedIntercept.toFixed(3).padStart(12)}`);
console.log(`formula  ${slope.toFixed(3)} ${intercept.toFixed(3).padStart(12)}`);
if (Math.abs(fittedSlope - slope) > 1e-3 || Math.abs(fittedIntercept - intercept) > 1e-3) {
  throw new Error('gradient descent did not converge to the least squares line');
}

optimizer.dispose();
dispose([x, y, line]);
console.log(`tensors left in memory: ${memory().tensors}`);
