/**
 * The chain rule on one number.
 *
 *     node examples/01-scalar-chain-rule.js
 *
 * Takes f(x) = ln(1 + x²) apart into steps whose derivatives are known, and multiplies those: by hand, and by the tape.
 * Finite differences, which know nothing of derivatives, say whether both are right.
 */
import { gradient } from '@mobinet/autograd';
import { add, log, scalar, square, type Tensor, tidy, withRecorder } from '@mobinet/tensor';

/** Three steps: u = x², v = u + 1, y = ln v. */
function f(x: Tensor): Tensor {
  const u = square(x);
  const v = add(u, 1);
  return log(v);
}

/** The derivatives of the steps, du/dx = 2x, dv/du = 1 and dy/dv = 1/v, multiplied. */
function derivativeByHand(x: number): number {
  return (1 / (x * x + 1)) * 1 * (2 * x);
}

/** `gradient` turns f into a function that runs f, remembers the calls, and walks them back from the last to the first. */
const derivativeByTape = gradient(f);

/** (f(x + h) − f(x − h)) / 2h: the slope of a chord. Tensors hold 32-bit floats, so a tiny h would drown in rounding. */
function derivativeByDifference(x: number, h = 1e-2): number {
  const valueAt = (at: number): number => tidy(() => f(scalar(at)).values[0]);
  return (valueAt(x + h) - valueAt(x - h)) / (2 * h);
}

// All that a tape needs is to hear of every call: its name, what went in, and what came out.
console.log('what the tape hears of f:');
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
