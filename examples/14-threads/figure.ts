import { Rng } from '@mobinet/tensor';
import { drawing, element, type Part, palette, text } from '../lib/figure.js';
import { createJob, sumOf } from './job.js';

const rng = Rng.fromSeed(14);
const grain = 1000;
const job = createJob(
  Float32Array.from({ length: 8 * grain }, () => rng.float()),
  grain,
);
/** How long each chunk takes: a thread is interrupted now and then. */
const durations = Array.from(job.sums, () => 76 + 40 * rng.float());
const colors = [palette.blue, palette.orange, palette.green];
const [left, laneHeight] = [100, 32];

/** Which thread takes which chunk, and when: whoever is free first takes the next one. */
function schedule(threads: number): { chunk: number; thread: number; start: number }[] {
  const free = new Array<number>(threads).fill(0);
  return durations.map((duration, chunk) => {
    const start = Math.min(...free);
    const thread = free.indexOf(start);
    free[thread] += duration;
    return { chunk, thread, start };
  });
}

const box = (x: number, y: number, width: number, color: string, content: string): Part => [
  element('rect', { x, y, width, height: 26, rx: 4, fill: color, 'fill-opacity': 0.3, stroke: color }),
  text(x + width / 2, y + 13, content),
];

/** The threads with their chunks over time, and below them the sums in the order of the chunks. */
function run(threads: number, y: number): Part {
  const taken = schedule(threads);
  const sums = new Float32Array(taken.length);
  // The chunks are computed in the order in which they start, and their sums are added in their own order.
  for (const { chunk } of taken.toSorted((a, b) => a.start - b.start)) {
    sums[chunk] = sumOf(job.numbers.subarray(chunk * grain, (chunk + 1) * grain));
  }
  const bottom = y + threads * laneHeight + 6;
  return [
    Array.from({ length: threads }, (_, thread) =>
      text(left - 12, y + thread * laneHeight + 13, `thread ${thread}`, { 'text-anchor': 'end' }),
    ),
    taken.map(({ chunk, thread, start }) =>
      box(left + start, y + thread * laneHeight, durations[chunk] - 3, colors[thread], `chunk ${chunk}`),
    ),
    text(left - 12, bottom + 13, 'in order', { 'text-anchor': 'end' }),
    taken.map(({ chunk, thread }) => box(left + chunk * 36, bottom, 30, colors[thread], String(chunk))),
    text(left + 8 * 36 + 8, bottom + 13, `sum ${sumOf(sums).toFixed(4)}`, { 'text-anchor': 'start' }),
  ];
}

/** The same eight chunks on one, two and three threads. */
export default function draw(): string {
  const width = left + durations.reduce((sum, duration) => sum + duration, 0) + 20;
  return drawing({ width, height: 372 }, run(1, 16), run(2, 108), run(3, 232));
}
