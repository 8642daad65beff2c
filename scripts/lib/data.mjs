import { openIdx } from 'mobinet';

/** Where Debian's package dataset-fashion-mnist puts its files. */
export const debianFolder = '/usr/share/datasets/fashion-mnist';

const howToGetThem = `Fashion-MNIST is four IDX files, 31 MB.

On Debian and Ubuntu a package puts them into ${debianFolder}:

  sudo apt-get install dataset-fashion-mnist

Elsewhere, fetch these from https://github.com/zalandoresearch/fashion-mnist into a folder, gzipped or not, and name
the folder with --idx:

  train-images-idx3-ubyte.gz   train-labels-idx1-ubyte.gz
  t10k-images-idx3-ubyte.gz    t10k-labels-idx1-ubyte.gz`;

/** The images in a folder of IDX files. Where they are not all there, says how to get them, and ends with code 1. */
export function openFashionMnist(folder) {
  try {
    return openIdx(folder);
  } catch (error) {
    console.error(`${error.message}\n\n${howToGetThem}`);
    process.exit(1);
  }
}
