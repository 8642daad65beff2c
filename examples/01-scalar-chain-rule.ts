/**
 * The chain rule for a function of one number.
 *
 *     node examples/01-scalar-chain-rule.js
 *
 * Splits f(x) = ln(1 + x²) into steps with known derivatives and multiplies these: once by hand, once with the gradient
 * tape. Finite differences, which need no derivatives, check both results.
 */
import { gradient } from '@mobinet/autograd';
import { add, log, scalar, square, type Tensor, tidy, withRecorder } from '@mobinet/tensor';

/** f in three steps: u = x², v = u + 1, y = ln v. */
function f(x: Tensor): Tensor {
  const u = square(x);
  const v = add(u, 1);
  return log(v);
}

/** The product of the steps' derivatives: du/dx = 2x, dv/du = 1 and dy/dv = 1/v. */
function derivativeByHand(x: number): number {
  return (1 / (x * x + 1)) * 1 * (2 * x);
}

/** `gradient` returns a function that runs f, records its calls, and walks them back from the last to the first. */
const derivativeByTape = gradient(f);

/** The central difference (f(x + h) − f(x − h)) / 2h. In 32-bit floats, a tiny h would drown in rounding errors. */
function derivativeByDifference(x: number, h = 1e-2): number {
  const valueAt = (at: number): number => tidy(() => f(scalar(at)).values[0]);
  return (valueAt(x + h) - valueAt(x - h)) / (2 * h);
}

// A tape only needs to be notified of every call: its name, its inputs and its output.
console.log('the calls that the tape records:');
withRecorder(
  {
    record: ({ name, inputs, output }) =>
      console.log(`  ${name}(${inputs.map(({ id }) => `#${id}`).join(', ')}) → #${output.id}`),
  },
  () => tidy(() => f(scalar(2))),
);

console.log('\n    x   by hand   by tape   by difference');
for (const x of [-2, -0.5, 0, 1, 3]) {
  const [hand, difference] = [derivativeByHand(x), derivativeByDifference(x)];
  const tape = tidy(() => derivativeByTape(scalar(x)).values[0]);
  console.log([x.toFixed(1).padStart(5), ...[hand, tape, difference].map((d) => d.toFixed(4).padStart(9))].join(' '));
  if (Math.abs(tape - hand) > 1e-6 || Math.abs(tape - difference) > 1e-3) {
    throw new Error(`at x = ${x} the derivatives disagree: ${hand}, ${tape}, ${difference}`);
  }
}
console.log('\nAll three agree.');
