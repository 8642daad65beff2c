import type { Tensor } from '../../tensor.js';

/** How x is divided into groups that are normalized, besides the number of channels: the size of gamma. */
export interface GroupNormAttributes {
  readonly epsilon: number;
  readonly groups: number;
  /** The number of times that the channels of a group are repeated in x. */
  readonly pixels: number;
}

/** x as [images, pixels, groups, channels of a group]. */
export function layoutOf(
  x: Tensor,
  { size: channels }: Tensor,
  { groups, pixels }: GroupNormAttributes,
): [images: number, pixels: number, groups: number, perGroup: number] {
  const perImage = pixels * channels;
  return [perImage === 0 ? 0 : x.size / perImage, pixels, groups, channels / groups];
}
