import { gradient } from '@mobinet/autograd';
import {
  add,
  div,
  ones,
  type RecordedCall,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tidy,
  withRecorder,
} from '@mobinet/tensor';

export function gradientOfLength(x: Tensor): Tensor {
  return gradient((x: Tensor) => sqrt(sum(square(x))))(x);
}

export function newton(f: (x: Tensor) => Tensor, start: Tensor, steps: number): Tensor {
  const first = gradient(f);
  const second = gradient(first);
  return tidy(() => {
    let x = start;
    for (let step = 0; step < steps; step++) x = sub(x, div(first(x), second(x)));
    return x;
  });
}

export function ownGradient(f: (x: Tensor) => Tensor, x: Tensor): Tensor {
  return tidy(() => {
    const calls: RecordedCall[] = [];
    const y = withRecorder({ record: (call) => calls.push(call) }, () => f(x));
    // The gradient of each tensor, by the tensor's id. That of the result is 1.
    const gradients = new Map([[y.id, ones(y.shape)]]);
    // Calls are recorded in the order in which they run, which is a topological order.
    for (const { inputs, output, saved, gradient } of calls.reverse()) {
      const outputGradient = gradients.get(output.id);
      // The result may not depend on this call, or the call may have no derivative.
      if (!outputGradient || !gradient) continue;
      gradient(outputGradient, saved).forEach((inputGradient, i) => {
        if (!inputGradient) return;
        const earlier = gradients.get(inputs[i].id);
        gradients.set(inputs[i].id, earlier ? add(earlier, inputGradient()) : inputGradient());
      });
    }
    return gradients.get(x.id)!;
  });
}
