/** What a kernel has taken on the GPU, over all its runs. */
export interface KernelTime {
  readonly kernel: string;
  readonly runs: number;
  readonly milliseconds: number;
}
