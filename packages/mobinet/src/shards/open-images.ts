import { join } from 'node:path';
import { type ImageFolderOptions, openImageFolder, openValidationFolder } from '../data/image-folder.js';
import type { ImageDataset, ValidationSet } from '../data/source.js';
import { openShards, openValidationShards } from './open-shards.js';
import { holdsShards } from './shard-folder.js';

/** Whether a folder holds shards, of all images or of its splits. */
const isOfShards = (directory: string): boolean =>
  [directory, join(directory, 'train'), join(directory, 'val')].some(holdsShards);

/** Opens a folder of images or of shards. */
export async function openImages(directory: string, options: ImageFolderOptions): Promise<ImageDataset> {
  return isOfShards(directory) ? openShards(directory, options) : openImageFolder(directory, options);
}

/**
 * Opens a folder of images or of shards for evaluation.
 * @param options.classes The least number of classes, if they have no names.
 */
export async function openValidationImages(
  directory: string,
  { classes, ...options }: ImageFolderOptions & { classes?: number | undefined },
): Promise<ValidationSet> {
  return isOfShards(directory)
    ? openValidationShards(directory, { ...options, classes })
    : openValidationFolder(directory, options);
}
