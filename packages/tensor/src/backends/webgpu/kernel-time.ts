/** The cost of a kernel on the GPU, summed over all its runs. */
export interface KernelTime {
  /** The name of the kernel. */
  readonly kernel: string;
  /** How often it ran. */
  readonly runs: number;
  /** The time of all runs together, by the clock of the GPU. */
  readonly milliseconds: number;
  /** The size of all tensors that it was given: the least that it had to read and write, if it needs all elements. */
  readonly bytes: number;
}
