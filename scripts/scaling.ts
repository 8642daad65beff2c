/**
 * Writes the table of docs/distributed.md that says how many machines pay: reckoned by a model of the time of a step,
 * whose constants were measured.
 *
 *     npm run scaling
 *     npm run scaling -- --check    fails if the document has another table
 */
import { join } from 'node:path';
import { createMoBiNet } from 'mobinet';
import { fillIn, resultsIn, table, wrap } from './lib/document.js';
import { parseFlags, root, stop } from './lib/flags.js';

/** What was measured, in seconds, bytes and elements. docs/distributed.md says how. */
const measured = {
  /** The share of the nominal bandwidth that arrives. */
  networkShare: 0.957,
  /** The time that the exact exchange takes on the processor, per element: copies, sums in order, and the calls of MPI. */
  exactPerElement: 5.3e-9,
  /** The same for signs, including that each rank updates all parameters. */
  signsPerElement: 4.4e-9,
  /** The share of a step's computation in which gradients of later layers travel. */
  overlap: 0.4,
  /** Training images per second of one machine, at 224×224. */
  machines: { 'two cores of an EPYC': 13.9, 'a GPU (H200)': 850 },
} as const;

/** What is assumed. */
const assumed = {
  /** Images of a batch, of all machines together. */
  batch: 256,
  /** The time of a small message, in seconds: that of a good Ethernet. */
  latency: 50e-6,
  /** Exchanges of a step that wait for a message in each of log₂ R rounds: counts, results, buckets. */
  exchanges: 20,
};

const speeds = { '1 Gbit/s': 1e9, '10 Gbit/s': 1e10, '100 Gbit/s': 1e11 };
const ranks = [2, 4, 8, 16, 32, 64];
type Exchange = 'exact' | 'signs';

/** The network that is trained, and how it is divided. */
interface Cluster {
  readonly elements: number;
  readonly imagesPerSecond: number;
  readonly bitsPerSecond: number;
  readonly exchange: Exchange;
}

/** The time of a step on R machines, in seconds. */
function stepTime(machines: number, { elements, imagesPerSecond, bitsPerSecond, exchange }: Cluster): number {
  const computing = assumed.batch / imagesPerSecond / machines;
  if (machines === 1) return computing;
  const others = (machines - 1) / machines;
  const bytesPerSecond = (measured.networkShare * bitsPerSecond) / 8;
  const waiting = assumed.exchanges * Math.log2(machines) * assumed.latency;
  if (exchange === 'signs') {
    const signs = (2 * others * elements) / 8 / bytesPerSecond;
    return computing + signs + measured.signsPerElement * elements + waiting;
  }
  // Gradients travel while others are computed, parameters do not.
  const half = (others * 4 * elements) / bytesPerSecond;
  const hidden = Math.min(half, measured.overlap * computing);
  return computing + 2 * half - hidden + measured.exactPerElement * elements + waiting;
}

/** The largest number of machines, each of which still gives at least 70 % of what it does alone. */
function payingRanks(cluster: Cluster): number {
  const efficiency = (machines: number): number => stepTime(1, cluster) / stepTime(machines, cluster) / machines;
  return ranks.filter((machines) => efficiency(machines) >= 0.7).at(-1) ?? 1;
}

const { check } = parseFlags({ check: { type: 'boolean' } });
const file = join(root, 'docs/distributed.md');

const model = createMoBiNet({});
const elements = [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
model.dispose();

const rows = Object.entries(measured.machines).flatMap(([machine, imagesPerSecond]) =>
  Object.entries(speeds).flatMap(([network, bitsPerSecond]) =>
    (['exact', 'signs'] as const).map((exchange) => {
      const cluster = { elements, imagesPerSecond, bitsPerSecond, exchange };
      const alone = stepTime(1, cluster);
      const speedups = ranks.map((machines) => (alone / stepTime(machines, cluster)).toFixed(1));
      return [machine, network, exchange, ...speedups, String(payingRanks(cluster))];
    }),
  ),
);
const head = ['machine', 'network', 'exchange', ...ranks.map((machines) => `${machines} machines`), 'pays up to'];
const text = [
  table(head, rows),
  wrap(
    `Reckoned, not measured, for MoBiNet Mid with K = 3 at full width (${(elements / 1e6).toFixed(1)} million parameters) ` +
      `and batches of ${assumed.batch} images of 224×224: how many times faster than one machine. The last column has ` +
      'the largest number of machines of which each still gives at least 70 % of what it gives alone.',
  ),
].join('\n\n');

if (!check) await fillIn(file, text);
else if ((await resultsIn(file)) !== text) stop('docs/distributed.md has another table. Run npm run scaling');
