/**
 * Fits a line to points by gradient descent.
 *
 *     npm run chapter 3
 *
 * Every network in this repository is trained with this loop: predict, compute the loss, differentiate, move the
 * parameters against the gradient. The best line is also known in closed form, and the loop must converge to it.
 */
import { mse, SGD, valueAndGradient } from '@mobinet/autograd';
import { dispose, memory, scalar, type Tensor, tidy } from '@mobinet/tensor';
import { plot } from '../lib/chart.js';
import { makePoints } from './data.js';

const { x, y } = makePoints();

/** Parameters can be a tensor, a record or an array of tensors, or a module. */
interface Line {
  slope: Tensor;
  intercept: Tensor;
}

/** `valueAndGradient` differentiates with respect to the first argument; the others are constants. */
const lossAndGradient = valueAndGradient(({ slope, intercept }: Line, x: Tensor, y: Tensor) =>
  mse(x.mul(slope).add(intercept), y),
);

/** Starts with the line y = 0, and takes `steps` steps. Returns the line, and the loss before each step. */
function train(learningRate: number, steps: number): { line: Line; losses: number[] } {
  const line: Line = { slope: scalar(0), intercept: scalar(0) };
  const optimizer = new SGD({ learningRate });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { value, gradients } = lossAndGradient(line, x, y);
    losses.push(value.values[0]);
    // Gradients have the structure of the parameters: { slope, intercept }.
    optimizer.update(line, gradients);
    // Tensors live until they are freed. These were made for this step only.
    dispose([value, gradients]);
  }
  optimizer.dispose();
  return { line, losses };
}

const { line, losses } = train(0.1, 201);
for (let step = 0; step <= 200; step += 40)
  console.log(`step ${String(step).padStart(3)}: loss ${fixed(losses[step])}`);

// Least squares: the slope is cov(x, y) / var(x), and the line passes through the mean of the points.
const [meanX, meanY, meanXY, meanXX] = tidy(() => [x, y, x.mul(y), x.mul(x)].map((t) => t.mean().values[0]));
const slope = (meanXY - meanX * meanY) / (meanXX - meanX * meanX);
const intercept = meanY - slope * meanX;

const fitted = [line.slope, line.intercept].map(({ values }) => values[0]);
console.log(`\n              slope   intercept`);
console.log(`descent  ${fitted.map((number) => fixed(number).padStart(10)).join('  ')}`);
console.log(`formula  ${[slope, intercept].map((number) => fixed(number).padStart(10)).join('  ')}\n`);
if (Math.abs(fitted[0] - slope) > 1e-3 || Math.abs(fitted[1] - intercept) > 1e-3) {
  throw new Error('gradient descent did not converge to the least squares line');
}

const points = Array.from(x.values, (x, i) => [x, y.values[i]] as const);
const onLine = Array.from({ length: 201 }, (_, i) => i / 100 - 1).map((x) => [x, fitted[0] * x + fitted[1]] as const);
console.log(
  plot(
    [
      { mark: '·', points: onLine },
      { mark: 'o', points },
    ],
    { x: [-1, 1], y: [-4.5, 2.5] },
  ),
);

// The learning rate is the length of the steps, relative to the gradient. Both too little and too much are bad.
const start = losses[0];
console.log(`\nlearning rate   loss after 20 steps, from ${fixed(start)}`);
const rates = [0.01, 0.1, 0.5, 0.95, 1.05];
const reached = rates.map((rate) => {
  const { line, losses } = train(rate, 21);
  dispose(line);
  return losses[20];
});
for (const [i, rate] of rates.entries())
  console.log(`${rate.toFixed(2).padStart(13)}   ${fixed(reached[i]).padStart(10)}`);
if (!(reached[4] > start && reached[2] < reached[0]))
  throw new Error('the learning rates have other effects than expected');

dispose([x, y, line]);
console.log(`\ntensors left in memory: ${memory().tensors}`);

function fixed(value: number): string {
  return value.toFixed(4).replace('-', '−');
}
