import { conv2d, type Tensor, tensor, tidy, zeros } from '@mobinet/tensor';

export function outputSize(
  size: number,
  taps: number,
  { stride, padding, dilation }: { stride: number; padding: number; dilation: number },
): number {
  const extent = (taps - 1) * dilation + 1;
  // The first window, and one for each stride that fits into the rest.
  return Math.floor((size + 2 * padding - extent) / stride) + 1;
}

export function moveRight(): Tensor {
  // The filter is not turned: its tap on the left reads the pixel on the left.
  return tensor([0, 0, 0, 1, 0, 0, 0, 0, 0], { shape: [1, 3, 3, 1] });
}

export function inputGradient(dy: Tensor, filter: Tensor): Tensor {
  // A pixel at i was read by tap k for output i − k, so the taps run backwards, and their channels change places.
  const [outChannels, height, width, channels] = filter.shape;
  const turned = zeros([channels, height, width, outChannels]);
  for (let o = 0; o < outChannels; o++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        for (let c = 0; c < channels; c++) {
          const to = ((c * height + (height - 1 - i)) * width + (width - 1 - j)) * outChannels + o;
          turned.values[to] = filter.values[((o * height + i) * width + j) * channels + c];
        }
      }
    }
  }
  return tidy(() => conv2d(dy, turned, { padding: [height - 1, width - 1] }));
}

export function compose(f: Tensor, g: Tensor): Tensor {
  const h = zeros([1, 5, 5, 1]);
  // Tap k of f below tap l of g reads the pixel at k + l.
  for (let gi = 0; gi < 3; gi++) {
    for (let gj = 0; gj < 3; gj++) {
      for (let fi = 0; fi < 3; fi++) {
        for (let fj = 0; fj < 3; fj++) {
          h.values[5 * (gi + fi) + gj + fj] += g.values[3 * gi + gj] * f.values[3 * fi + fj];
        }
      }
    }
  }
  return h;
}
