import { type Optimizer, Parameter } from '@mobinet/autograd';
import { dispose, keep, type Tensor, zeros } from '@mobinet/tensor';
import { partOf } from '@mobinet/tensor/kernels';
import { FlatLayout, type Piece } from './flat-layout.js';
import { orderedSum } from './ordered-sum.js';
import type { ParameterUpdate, Step, Updated, WholeState } from './parameter-update.js';
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
  /** The gradients that are sent, and the parameters that are received, [length]. */
  readonly #vector: Tensor;
  /** For each bucket, the gradients of all ranks for the own slice, [ranks, slice]. */
  readonly #received: readonly Tensor[];
  /** The own slices of all buckets: the sums of gradients, and then the parameters that are sent, [ownLength]. */
  readonly #own: Tensor;
  readonly #ownSlices: readonly Tensor[];
  readonly #pieces: readonly OwnPiece[];

  /** The state of the optimizer is divided until `close`. */
  constructor({ model, optimizer }: Updated, team: Team) {
    this.#team = team;
    this.#optimizer = optimizer;
    this.#parameters = model.parameters();
    const sizes = Array.from(this.#parameters, ([name, { size }]) => [name, size] as const);
    const layout = new FlatLayout(sizes, { ranks: team.size });
    const { buckets, slice, ranks, length, ownLength } = layout;
    this.#layout = layout;
    this.#vector = keep(zeros([length]));
    this.#own = keep(zeros([ownLength]));
    this.#received = Array.from({ length: buckets }, () => keep(zeros([ranks, slice])));
    this.#ownSlices = Array.from({ length: buckets }, (_, bucket) => keep(partOf(this.#own, bucket * slice, slice)));
    this.#pieces = layout.piecesOf(team.rank).map((piece) => {
      const parameter = this.#parameters.get(piece.name) as Parameter;
      const { binary } = parameter;
      return {
        ...piece,
        parameter: keep(new Parameter(partOf(parameter, piece.from, piece.size), { binary })),
        gradient: keep(partOf(this.#own, piece.place, piece.size)),
      };
    });
    this.#divideState();
  }

  async step({ gradients, present, learningRate }: Step): Promise<void> {
    this.#sumGradients(gradients, present);
    this.#optimizer.learningRate = learningRate;
    this.#optimizer.update(this.#recordOf('parameter'), this.#recordOf('gradient'));
    this.#shareParameters();
  }

  /** Buckets are added up while later ones are still on their way. */
  #sumGradients(gradients: Step['gradients'], present: Step['present']): void {
    const { communicator } = this.#team;
    const arriving = this.#received.map((received, bucket) => {
      if (gradients) this.#pack(gradients, bucket);
      return communicator.startAllToAll(this.#valuesOf(bucket), received.values);
    });
    for (const [bucket, pending] of arriving.entries()) {
      pending.wait();
      orderedSum(this.#received[bucket], this.#ownSlices[bucket], present);
    }
  }

  #shareParameters(): void {
    const { communicator } = this.#team;
    for (const { parameter, place } of this.#pieces) this.#own.values.set(parameter.values, place);
    const arriving = this.#ownSlices.map((own, bucket) =>
      communicator.startAllGather(own.values, this.#valuesOf(bucket)),
    );
    for (const [bucket, pending] of arriving.entries()) {
      pending.wait();
      this.#unpack(bucket);
    }
  }

  /** Copies the gradients of a bucket into the vector. */
  #pack(gradients: ReadonlyMap<string, Tensor>, bucket: number): void {
    this.#forEachPart(bucket, (name, from, to, vector) => {
      vector.set(gradients.get(name)!.values.subarray(from, to));
    });
  }

  /** Copies the parameters of a bucket out of the vector. */
  #unpack(bucket: number): void {
    this.#forEachPart(bucket, (name, from, _, vector) => {
      this.#parameters.get(name)!.values.set(vector, from);
    });
  }

  /** Calls `visit` with each range of a parameter that lies in a bucket, and its elements in the vector. */
  #forEachPart(bucket: number, visit: (name: string, from: number, to: number, vector: Float32Array) => void): void {
    const begin = bucket * this.#layout.bucket;
    const end = begin + this.#layout.bucket;
    for (const { name, offset, size } of this.#layout.segmentsIn(begin, end)) {
      const [from, to] = [Math.max(begin, offset), Math.min(end, offset + size)];
      visit(name, from - offset, to - offset, this.#vector.values.subarray(from, to));
    }
  }

  #valuesOf(bucket: number): Float32Array {
    const { bucket: length } = this.#layout;
    return this.#vector.values.subarray(bucket * length, (bucket + 1) * length);
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
    const names = [...this.#parameters.keys()].flatMap((name) => slots.map((slot) => `${slot}.${name}`));
    const tensors = new Map(names.filter((name) => all.has(name)).map((name) => [name, found.get(name)!]));
    return { step: state.step, tensors, release: () => dispose([...found.values()]) };
  }

  async close(): Promise<void> {
    const { release, ...whole } = (await this.wholeState(true))!;
    this.#optimizer.dispose();
    this.#optimizer.load(whole);
    release();
    dispose([this.#vector, this.#own, this.#received, this.#ownSlices]);
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
    const { tensors } = this.#optimizer.state;
    for (const piece of this.#pieces) {
      const tensor = tensors.get(`${slot}.${nameOf(piece)}`);
      if (tensor) this.#own.values.set(tensor.values, piece.place);
    }
    const { communicator } = this.#team;
    if (everywhere) communicator.allGather(this.#own.values, this.#vector.values);
    else communicator.gather(this.#own.values, this.#vector.values);
  }

  /** The collected pieces as tensors of whole parameters, by their names. */
  #gathered(): Map<string, Tensor> {
    const whole = new Map(Array.from(this.#parameters, ([name, { shape }]) => [name, keep(zeros(shape))]));
    const { ranks, ownLength } = this.#layout;
    for (let rank = 0; rank < ranks; rank++) {
      for (const { name, from, size, place } of this.#layout.piecesOf(rank)) {
        const at = rank * ownLength + place;
        whole.get(name)!.values.set(this.#vector.values.subarray(at, at + size), from);
      }
    }
    return whole;
  }
}

/** The name of a piece in the state of the optimizer, after its slot. */
const nameOf = ({ name, from }: Piece): string => `${name}@${from}`;

/** The slot of a tensor in the state of an optimizer: the first part of its name. */
const slotOf = (name: string): string => name.slice(0, name.indexOf('.'));
