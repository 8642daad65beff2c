/** Counts frames per second. */
export class FrameRate {
  /** When the frames of the last second were done. */
  #times: number[] = [];

  /** Counts a frame that is done now. @returns The frames per second of the last second; null before the second one. */
  count(): number | null {
    const now = performance.now();
    this.#times = [...this.#times.filter((time) => now - time < 1000), now];
    const frames = this.#times.length - 1;
    return frames === 0 ? null : (1000 * frames) / (now - this.#times[0]);
  }
}
