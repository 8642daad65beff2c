import { stopGradient } from '@mobinet/autograd';
import { add, clip, div, log, mul, type Rng, sign, sub, type Tensor, tanh, tidy } from '@mobinet/tensor';

export function signByDetour(x: Tensor): Tensor {
  return throughRamp(sign(x), x);
}

export function signWithTanhSlope(x: Tensor): Tensor {
  return throughRamp(sign(x), tanh(x));
}

/** The value of a step function with the gradient of a ramp: in the sum, the two ramps cancel, but not their gradients. */
function throughRamp(step: Tensor, ramp: Tensor): Tensor {
  return add(ramp, stopGradient(sub(step, ramp)));
}

/**
 * The average of sign(x + noise) is 1 − 2·P(noise < −x). It is tanh(x) if P(noise < t) = (1 + tanh(t))/2, and the
 * inverse of that is t = ln(p / (1 − p)) / 2. This is the logistic distribution.
 */
export function noiseOfTanh(rng: Rng, count: number): Tensor {
  return tidy(() => {
    const p = rng.uniform([count], 1e-6, 1 - 1e-6);
    return div(log(div(p, sub(1, p))), 2);
  });
}

export function roundToTwoBits(x: Tensor): Tensor {
  // Each of the signs is ±1, and two neighboring levels differ in one of them.
  const signs = add(add(sign(add(x, 2 / 3)), sign(x)), sign(sub(x, 2 / 3)));
  return throughRamp(mul(signs, 1 / 3), clip(x, -1, 1));
}
