import { gradient } from '@mobinet/autograd';
import { add, log, scalar, square, type Tensor, tidy } from '@mobinet/tensor';
import { chart } from '../lib/figure.js';

/** ln(1 + x²) with its first and second derivative, as the tape computes them. */
export default function draw(): Promise<string> {
  const f = (x: Tensor): Tensor => log(add(square(x), 1));
  const first = gradient(f);
  const curves = Object.entries({ 'ln(1 + x²)': f, 'first derivative': first, 'second derivative': gradient(first) });
  const values = curves.flatMap(([curve, f]) =>
    Array.from({ length: 81 }, (_, i) => {
      const x = -4 + i / 10;
      return { curve, x, y: tidy(() => f(scalar(x)).values[0]) };
    }),
  );
  return chart({
    width: 480,
    height: 240,
    data: { values },
    mark: { type: 'line', strokeWidth: 2.5 },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: 'x' },
      y: { field: 'y', type: 'quantitative', title: null },
      color: { field: 'curve', type: 'nominal', title: null, sort: null },
    },
  });
}
