import { fc, test } from '@fast-check/vitest';
import { memory, Rng, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { alone } from '../communicator.js';
import type { Segment } from '../flat-layout.js';
import type { ErrorFeedback } from './error-feedback.js';
import { runsOf, type ScaledRun, wholeRuns } from './scaled-runs.js';
import { SignExchange } from './sign-exchange.js';
import { layOut, VirtualRanks } from './virtual-ranks.test.helper.js';

const lengthsOfSegments = fc.array(fc.constantFrom(1, 5, 31, 32, 33, 100, 700), { minLength: 1, maxLength: 8 });
const rankCounts = fc.constantFrom(1, 2, 3, 4, 8);

/** What error feedback has not sent yet: c − scale · sign(c). */
function leftovers({ sums, scales }: ErrorFeedback, runs: readonly ScaledRun[]): Float64Array {
  const result = new Float64Array(sums.size);
  for (const { first, length, scale } of runs) {
    for (let i = first; i < first + length; i++) {
      result[i] = sums.values[i] - (sums.values[i] < 0 ? -1 : 1) * scales.values[scale];
    }
  }
  return result;
}

const normals = (seed: number, size: number, rank: number, step: number): Tensor =>
  Rng.fromSeed(seed).split(rank, step).normal([size]);

/** The elements of all segments. */
const sent = ({ values }: Tensor, segments: readonly Segment[]): Float32Array[] =>
  segments.map(({ offset, size }) => values.subarray(offset, offset + size));

const addTo = (total: Float64Array, terms: ArrayLike<number>, factor = 1): void => {
  for (let i = 0; i < total.length; i++) total[i] += factor * terms[i];
};

describe('SignExchange', () => {
  test.prop([lengthsOfSegments, rankCounts, fc.nat()], { numRuns: 30 })(
    'sends everything in the end: what is missing in the results is what all ranks have kept',
    (lengths, ranks, seed) => {
      const layout = layOut(lengths, ranks);
      const { segments, length: size } = layout;
      const virtual = new VirtualRanks(layout);
      const missing = new Float64Array(size);
      for (let step = 0; step < 12; step++) {
        tidy(() => {
          const gradients = virtual.ranks.map((_, rank) => normals(seed, size, rank, step));
          for (const { values } of gradients) addTo(missing, values);
          virtual.exchange(gradients);
          addTo(missing, gradients[0].values, -1);
          const [first, ...others] = gradients.map((gradient) => sent(gradient, segments));
          for (const other of others) expect(other).toEqual(first);
        });
      }
      const kept = new Float64Array(size);
      for (const [rank, { worker, server }] of virtual.ranks.entries()) {
        addTo(kept, leftovers(worker, wholeRuns(layout)));
        const start = rank * layout.slice;
        addTo(kept.subarray(start, start + layout.slice), leftovers(server, runsOf(layout, rank)));
      }
      for (const { offset, size } of segments) {
        for (let i = offset; i < offset + size; i++) expect(missing[i]).toBeCloseTo(kept[i], 3);
      }
      virtual.dispose();
    },
  );

  test.prop([rankCounts, fc.nat()], { numRuns: 10 })('sums segments of one element exactly', (ranks, seed) => {
    const layout = layOut([1, 1, 1], ranks);
    const { segments, length: size } = layout;
    const virtual = new VirtualRanks(layout);
    tidy(() => {
      for (let step = 0; step < 3; step++) {
        const gradients = virtual.ranks.map((_, rank) => normals(seed, size, rank, step));
        const sums = segments.map(({ offset }) =>
          gradients.reduce((sum, { values }) => Math.fround(sum + values[offset]), 0),
        );
        virtual.exchange(gradients);
        expect(segments.map(({ offset }) => gradients[0].values[offset])).toEqual(sums);
      }
    });
    virtual.dispose();
  });

  test('the mean of many results approaches the sum of the gradients', () => {
    const layout = layOut([700, 36], 4);
    const { segments, length: size } = layout;
    const virtual = new VirtualRanks(layout);
    const missing = new Float64Array(size);
    tidy(() => {
      const constant = virtual.ranks.map((_, rank) => normals(1, size, rank, 0));
      const errorAfter: number[] = [];
      for (let step = 1; step <= 200; step++) {
        tidy(() => {
          const gradients = constant.map(({ values }) => tensor(values.slice()));
          for (const { values } of gradients) addTo(missing, values);
          virtual.exchange(gradients);
          addTo(missing, gradients[0].values, -1);
        });
        const squares = segments.flatMap(({ offset, size }) => [...missing.subarray(offset, offset + size)]);
        errorAfter[step] = Math.sqrt(squares.reduce((sum, x) => sum + x * x, 0) / squares.length) / step;
      }
      // The sums of four gradients have a standard deviation of 2.
      expect(errorAfter[1]).toBeGreaterThan(1);
      expect(errorAfter[200]).toBeLessThan(0.2);
    });
    virtual.dispose();
  });

  test.prop([lengthsOfSegments, rankCounts], { numRuns: 10 })('sends the bytes that it says', (lengths, ranks) => {
    const layout = layOut(lengths, ranks);
    const virtual = new VirtualRanks(layout);
    tidy(() => virtual.exchange(virtual.ranks.map((_, rank) => normals(0, layout.length, rank, 0))));
    expect(virtual.bytesSent).toBe(virtual.ranks[0].bytesPerStep);
    virtual.dispose();
  });

  test('a NaN in a gradient of one rank reaches all ranks', () => {
    const layout = layOut([40, 10], 2);
    const { length: size } = layout;
    const virtual = new VirtualRanks(layout);
    tidy(() => {
      const gradients = [0, 1].map((rank) => normals(3, size, rank, 0));
      gradients[1].values[7] = Number.NaN;
      virtual.exchange(gradients);
      for (const { values } of gradients) {
        expect([...values.subarray(0, 40)].every(Number.isNaN)).toBe(true);
        expect([...values.subarray(64, 74)].some(Number.isNaN)).toBe(false);
      }
    });
    virtual.dispose();
  });

  test('works alone, and frees its memory', () => {
    const before = memory().tensors;
    const gradients = tensor(new Float32Array(32).fill(-2));
    const exchange = new SignExchange(layOut([32], 1), 0);
    exchange.exchange(gradients, alone);
    expect([...gradients.values]).toEqual(new Array(32).fill(-2));
    expect(exchange.bytesPerStep).toBe(0);
    exchange.dispose();
    gradients.dispose();
    expect(memory().tensors).toBe(before);
  });
});
