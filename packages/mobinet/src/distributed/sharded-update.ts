import { type Optimizer, Parameter } from '@mobinet/autograd';
import { dispose, keep, type Tensor, zeros } from '@mobinet/tensor/functions';
import { partOf } from '@mobinet/tensor/kernels';
import { FlatLayout, type Piece, type Segment } from './flat-layout.js';
import type { ParameterUpdate, Step, Updated, WholeState } from './parameter-update.js';
import { SlicedVector } from './sliced-vector.js';
import type { Team } from './team.js';

/** A range of a parameter that this rank updates. */
interface OwnPiece extends Piece {
  /** The elements of the parameter, in place. */
  readonly parameter: Parameter;
  /** Where the sum of their gradients arrives. */
  readonly gradient: Tensor;
}

/**
 * The update of several ranks on the CPU. Each is responsible for its slices of the vector of all parameters
 * (`FlatLayout`):
 *
 * 1. Every rank sends to each other one the gradients for its slices (`allToAll`), and adds up what it receives in the
 *    order of the tree (`orderedSum`).
 * 2. It updates its slices of the parameters. So the moments of the optimizer are divided among the ranks, too, as in
 *    ZeRO-1 (Rajbhandari et al., 2020), and no gradient is updated twice.
 * 3. It hands its parameters to all (`allGather`).
 *
 * A rank sends 2·(R − 1)/R times the bytes of the parameters, the least that a sum of R vectors takes. Optimizers work
 * element by element, so the parameters have the bits of `LocalUpdate`.
 */
export class ShardedUpdate implements ParameterUpdate {
  readonly #team: Team;
  readonly #optimizer: Optimizer;
  readonly #parameters: ReadonlyMap<string, Tensor>;
  readonly #layout: FlatLayout;
  /** Gradients on their way to their sums, then parameters, and where the state is put together, moments. */
  readonly #vector: SlicedVector;
  readonly #pieces: readonly OwnPiece[];
  readonly #segments: ReadonlyMap<string, Segment>;
  /** The parameters whose gradients lie in the vector already. */
  readonly #arrived = new Set<string>();
  /** How many parameters, from the start of the vector, have arrived without a gap. */
  #end = 0;

  readonly #overlap: boolean;
  /** To be restored at the end. */
  readonly #wholeBefore: Optimizer['wholeOf'];

  /**
   * The state of the optimizer is divided until `close`.
   *
   * @param options.overlap Whether to send gradients as they arrive. Default true.
   */
  constructor({ model, optimizer }: Updated, team: Team, { overlap = true }: { overlap?: boolean | undefined } = {}) {
    this.#overlap = overlap;
    this.#team = team;
    this.#optimizer = optimizer;
    this.#parameters = model.parameters();
    // Backpropagation comes to the last layers first.
    this.#layout = FlatLayout.of(new Map([...this.#parameters].reverse()), { ranks: team.size });
    this.#segments = new Map(this.#layout.segments.map((segment) => [segment.name, segment]));
    this.#vector = new SlicedVector(this.#layout, team.communicator);
    this.#pieces = this.#layout.piecesOf(team.rank).map((piece) => {
      const parameter = this.#parameters.get(piece.name) as Parameter;
      const { binary } = parameter;
      return {
        ...piece,
        parameter: keep(new Parameter(partOf(parameter, piece.from, piece.size), { binary })),
        gradient: keep(partOf(this.#vector.own, piece.place, piece.size)),
      };
    });
    // What a group of the optimizer matches are the names and the shapes of parameters, not of their pieces.
    this.#wholeBefore = optimizer.wholeOf;
    optimizer.wholeOf = (name) => {
      const path = name.slice(0, name.lastIndexOf('@'));
      return { path, parameter: this.#parameters.get(path)! };
    };
    this.#divideState();
  }

  arrive(name: string, gradient: Tensor): void {
    if (!this.#overlap) return;
    const { offset } = this.#segments.get(name)!;
    this.#vector.whole.values.set(gradient.values, offset);
    this.#arrived.add(name);
    // Gradients arrive about in the order of the vector. Buckets are sent in this order on all ranks.
    while (this.#end < this.#layout.segments.length && this.#arrived.has(this.#layout.segments[this.#end].name)) {
      this.#end++;
    }
    const next = this.#layout.segments[this.#end]?.offset ?? this.#layout.length;
    while (this.#vector.sent + this.#layout.bucket <= next) this.#vector.send();
    this.#vector.poll();
  }

  send(gradients: Step['gradients']): void {
    const { whole } = this.#vector;
    for (const { name, offset } of gradients ? this.#layout.segments : []) {
      if (!this.#arrived.has(name)) whole.values.set(gradients!.get(name)!.values, offset);
    }
    while (this.#vector.sent < this.#layout.length) this.#vector.send();
    this.#arrived.clear();
    this.#end = 0;
  }

  abandon(): void {
    this.#vector.abandon();
  }

  async step({ present, learningRate }: Step): Promise<void> {
    const { whole, own } = this.#vector;
    this.#vector.reduceScatter(present);
    this.#optimizer.learningRate = learningRate;
    this.#optimizer.update(this.#recordOf('parameter'), this.#recordOf('gradient'));
    for (const { parameter, place } of this.#pieces) own.values.set(parameter.values, place);
    this.#vector.allGather((begin, end) => {
      for (const { name, from, to, at } of this.#partsIn(begin, end)) {
        this.#parameters.get(name)!.values.set(whole.values.subarray(at, at + to - from), from);
      }
    });
  }

  /** The ranges [from, to) of parameters that lie in a range of the vector, and where they are there. */
  #partsIn(begin: number, end: number) {
    return this.#layout.segmentsIn(begin, end).map(({ name, offset, size }) => {
      const at = Math.max(begin, offset);
      return { name, from: at - offset, to: Math.min(end, offset + size) - offset, at };
    });
  }

  #recordOf<K extends 'parameter' | 'gradient'>(kind: K): Record<string, OwnPiece[K]> {
    return Object.fromEntries(this.#pieces.map((piece) => [nameOf(piece), piece[kind]]));
  }

  async wholeState(everywhere = false): Promise<WholeState | null> {
    const { state } = this.#optimizer;
    const own = [...state.tensors.keys()].map((name) => name.slice(0, name.lastIndexOf('@')));
    const all = new Set((await this.#team.all(() => own)).flat());
    const slots = [...new Set(Array.from(all, slotOf))];
    const found = new Map<string, Tensor>();
    for (const slot of slots) {
      this.#gatherSlot(slot, everywhere);
      if (!everywhere && !this.#team.leads) continue;
      for (const [name, tensor] of this.#gathered()) found.set(`${slot}.${name}`, tensor);
    }
    if (!everywhere && !this.#team.leads) return null;
    // An optimizer need not have every slot for every parameter.
    const tensors = new Map([...found].filter(([name]) => all.has(name)));
    return { step: state.step, tensors, release: () => dispose([...found.values()]) };
  }

  async close(): Promise<void> {
    const { release, ...whole } = (await this.wholeState(true))!;
    this.#optimizer.dispose();
    this.#optimizer.load(whole);
    this.#optimizer.wholeOf = this.#wholeBefore;
    release();
    this.#vector.dispose();
    for (const { parameter, gradient } of this.#pieces) dispose([parameter, gradient]);
  }

  /** Replaces the state of the optimizer by that of the own pieces. */
  #divideState(): void {
    const { step, tensors } = this.#optimizer.state;
    const divided = new Map<string, Tensor>();
    for (const [name, whole] of tensors) {
      for (const piece of this.#pieces) {
        if (name !== `${slotOf(name)}.${piece.name}`) continue;
        divided.set(`${slotOf(name)}.${nameOf(piece)}`, partOf(whole, piece.from, piece.size));
      }
    }
    // The parts keep the memory of the whole tensors until they are copied.
    this.#optimizer.dispose();
    this.#optimizer.load({ step, tensors: divided });
    dispose([...divided.values()]);
  }

  /** Collects the pieces of a slot of all ranks in the vector, one rank after the other. */
  #gatherSlot(slot: string, everywhere: boolean): void {
    const { communicator } = this.#team;
    const { whole, own } = this.#vector;
    const { tensors } = this.#optimizer.state;
    for (const piece of this.#pieces) {
      const tensor = tensors.get(`${slot}.${nameOf(piece)}`);
      if (tensor) own.values.set(tensor.values, piece.place);
    }
    if (everywhere) communicator.allGather(own.values, whole.values);
    else communicator.gather(own.values, whole.values);
  }

  /** The collected pieces as tensors of whole parameters, by their names. */
  #gathered(): Map<string, Tensor> {
    const whole = new Map(Array.from(this.#parameters, ([name, { shape }]) => [name, keep(zeros(shape))]));
    const { ranks, ownLength } = this.#layout;
    for (let rank = 0; rank < ranks; rank++) {
      for (const { name, from, size, place } of this.#layout.piecesOf(rank)) {
        const at = rank * ownLength + place;
        whole.get(name)!.values.set(this.#vector.whole.values.subarray(at, at + size), from);
      }
    }
    return whole;
  }
}

/** The name of a piece in the state of the optimizer, after its slot. */
const nameOf = ({ name, from }: Piece): string => `${name}@${from}`;

/** The slot of a tensor in the state of an optimizer: the first part of its name. */
const slotOf = (name: string): string => name.slice(0, name.indexOf('.'));
