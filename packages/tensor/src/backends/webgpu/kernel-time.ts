/** The time of a kernel on the GPU, summed over all its runs. */
export interface KernelTime {
  readonly kernel: string;
  readonly runs: number;
  readonly milliseconds: number;
}
