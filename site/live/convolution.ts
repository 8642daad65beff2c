import { conv2d, tensor, tidy } from '@mobinet/tensor';

/** A picture of 10×10 pixels from 0 to 1: a house with a bright window, in front of a gray sky. */
export const picture: readonly number[][] = [
  '2222222222',
  '2222992222',
  '2229999222',
  '2299999922',
  '2999999992',
  '2270000722',
  '2270990722',
  '2270990722',
  '2270000722',
  '1111111111',
].map((row) => Array.from(row, (digit) => Number(digit) / 10));

/** A filter of 3×3 numbers. */
export interface Filter {
  readonly name: string;
  readonly weights: readonly (readonly number[])[];
}

export const filters: readonly Filter[] = [
  {
    name: 'vertical edges',
    weights: [
      [-1, 0, 1],
      [-2, 0, 2],
      [-1, 0, 1],
    ],
  },
  {
    name: 'horizontal edges',
    weights: [
      [-1, -2, -1],
      [0, 0, 0],
      [1, 2, 1],
    ],
  },
  {
    name: 'all edges',
    weights: [
      [-1, -1, -1],
      [-1, 8, -1],
      [-1, -1, -1],
    ],
  },
  {
    name: 'sharpen',
    weights: [
      [0, -1, 0],
      [-1, 5, -1],
      [0, -1, 0],
    ],
  },
  {
    name: 'blur',
    weights: [
      [1, 2, 1],
      [2, 4, 2],
      [1, 2, 1],
    ].map((row) => row.map((weight) => weight / 16)),
  },
];

/** The picture, convolved with a filter by the library. Rows of pixels. */
export function convolve({ weights }: Filter, stride: number): number[][] {
  return tidy(() => {
    const x = tensor([picture.map((row) => row.map((pixel) => [pixel]))]);
    const filter = tensor([weights.map((row) => row.map((weight) => [weight]))]);
    const y = conv2d(x, filter, { stride });
    const [, height, width] = y.shape;
    return Array.from({ length: height }, (_, row) => [...y.values.slice(row * width, (row + 1) * width)]);
  });
}
