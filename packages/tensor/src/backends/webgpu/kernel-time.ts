/** The cost of a kernel on the GPU, summed over all its runs. */
export interface KernelTime {
  readonly kernel: string;
  readonly runs: number;
  readonly milliseconds: number;
  /** The size of all tensors that it was given: the least that it had to read and write, if it needs all elements. */
  readonly bytes: number;
}
