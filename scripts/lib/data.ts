import { type ImageDataset, openIdx } from 'mobinet';

/** Where Debian's package dataset-fashion-mnist installs its files. */
export const debianFolder = '/usr/share/datasets/fashion-mnist';

const installHint = `Fashion-MNIST is four IDX files, 31 MB.

On Debian and Ubuntu, a package installs them in ${debianFolder}:

  sudo apt-get install dataset-fashion-mnist

Elsewhere, download these from https://github.com/zalandoresearch/fashion-mnist into a folder, gzipped or not, and pass
that folder with --idx:

  train-images-idx3-ubyte.gz   train-labels-idx1-ubyte.gz
  t10k-images-idx3-ubyte.gz    t10k-labels-idx1-ubyte.gz`;

/** Opens a folder of IDX files. If one is missing, prints how to get them and exits with code 1. */
export function openFashionMnist(folder: string): ImageDataset {
  try {
    return openIdx(folder);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${installHint}`);
    process.exit(1);
  }
}
