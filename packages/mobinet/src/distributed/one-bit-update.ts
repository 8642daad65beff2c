import { MomentumSigns } from './momentum-signs.js';
import type { ParameterUpdate, Step, Updated, WholeState } from './parameter-update.js';
import { ReplicatedUpdate } from './replicated-update.js';
import type { Team } from './team.js';

/** Options of `OneBitUpdate`. */
export interface OneBitOptions {
  /** The number of steps with exact sums at the start of a run, in which the optimizer learns how large gradients are. */
  readonly warmUp: number;
  /** Makes the update of the steps until then. */
  readonly exact: () => ParameterUpdate;
}

/**
 * The update of several ranks that exchange signs: first some steps with exact sums, then signs of the momentum
 * (`MomentumSigns`). What the signs have lost so far is not part of a checkpoint, so a resumed run goes on without it.
 */
export class OneBitUpdate implements ParameterUpdate {
  readonly #updated: Updated;
  readonly #team: Team;
  readonly #options: OneBitOptions;
  /** The current update, and whether it is that of the warm-up. */
  #current: { readonly update: ParameterUpdate; readonly isExact: boolean } | null = null;

  constructor(updated: Updated, team: Team, options: OneBitOptions) {
    this.#updated = updated;
    this.#team = team;
    this.#options = options;
  }

  async step(step: Step): Promise<void> {
    const update = await this.#update();
    update.send?.(step.gradients);
    await update.step(step);
  }

  async wholeState(everywhere?: boolean): Promise<WholeState | null> {
    return (await this.#update()).wholeState(everywhere);
  }

  async close(): Promise<void> {
    await this.#current?.update.close();
    this.#current = null;
  }

  async #update(): Promise<ParameterUpdate> {
    const isExact = this.#updated.optimizer.step < this.#options.warmUp;
    if (this.#current?.isExact !== isExact) {
      // Makes the state of the optimizer whole again.
      await this.close();
      const update = isExact
        ? this.#options.exact()
        : new ReplicatedUpdate(this.#updated, new MomentumSigns(this.#updated, this.#team));
      this.#current = { update, isExact };
    }
    return this.#current.update;
  }
}
