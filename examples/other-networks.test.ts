import { type AnyModule, loadState, noGradient, saveState } from '@mobinet/autograd';
import { dispose, Rng, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { packModel, unpackModel } from 'mobinet';
import { describe, expect, test } from 'vitest';
import { Autoencoder, negativeBound, trainAutoencoder } from './other-networks/autoencoder.js';
import { CharacterModel, recite, trainCharacters } from './other-networks/characters.js';
import { loadClothes } from './other-networks/clothes.js';
import { draw, intersectionOverUnion, trainSegmentation, UNet } from './other-networks/segmentation.js';
import { accuracyOfPairs, drawPairs, Siamese, trainSiamese } from './other-networks/siamese.js';

// Networks that are not classifiers of images, built from the layers of the packages: they learn, they are saved and
// loaded, and what cannot be packed is refused in words.

/** Saves a network and loads it into a new one, whose results must be the same to the last bit. */
function expectLoaded<N extends AnyModule>(network: N, other: N, run: (network: N) => Tensor): void {
  const before = tidy(() => noGradient(() => run(network).values.slice()));
  other.eval();
  expect(tidy(() => noGradient(() => run(other).values.slice()))).not.toEqual(before);
  loadState(other, saveState(network));
  expect(tidy(() => noGradient(() => run(other).values.slice()))).toEqual(before);
  dispose([...other.parameters().values(), ...other.state().values()]);
}

const rng = Rng.fromSeed(1);

describe('other networks', () => {
  test('a transformer learns a poem by heart', () => {
    const { model, loss } = trainCharacters();
    expect(loss).toBeLessThan(0.4);
    expect(recite(model, "'Twas brill", 68)).toBe(
      "'Twas brillig, and the slithy toves\nDid gyre and gimble in the wabe:",
    );
    const codes = tensor([[1, 2, 3, 4]], { dtype: 'i32' });
    expectLoaded(model, new CharacterModel(rng), (network) => network.forward(codes));
    expect(() => packModel(model as never, { imageShape: [32, 32, 3] })).toThrow(
      'embedding: indices must be i32, not f32',
    );
  });

  test('a U-Net finds drawn shapes', () => {
    const { network, loss } = trainSegmentation();
    expect(loss).toBeLessThan(0.08);
    const drawings = draw(rng.split('drawings'), 32);
    for (const share of intersectionOverUnion(network, drawings)) expect(share).toBeGreaterThan(0.7);
    expectLoaded(network, new UNet(rng), (network) => network.forward(drawings.images));
    expect(() => packModel(network, { imageShape: [32, 32, 1] })).toThrow(
      'packModel: the output is f32 [1, 32, 32, 3], but must be f32 [batch, classes]',
    );
  });

  test('a siamese network tells whether two images show the same kind of clothes', async () => {
    const { train, val } = await loadClothes(1000);
    const { network, loss } = trainSiamese(train);
    expect(loss).toBeLessThan(0.45);
    const pairs = drawPairs(val, rng.split('pairs'), 500);
    expect(accuracyOfPairs(network, pairs)).toBeGreaterThan(80);
    expectLoaded(network, new Siamese(rng), (network) => network.forward(pairs.first, pairs.second));
    expect(() => packModel(network as never, { imageShape: [28, 28, 1] })).toThrow(
      'packModel: forward of Siamese takes 2 arguments, but must take images alone.',
    );
    // The layers that both images go through take one image, and are packed.
    const packed = unpackModel(packModel(network.tower, { imageShape: [28, 28, 1] }));
    expect(packed.forward(pairs.first).values).toEqual(noGradient(() => network.tower.forward(pairs.first)).values);
  });

  test('a variational autoencoder describes images it has not seen', async () => {
    const { train, val } = await loadClothes(1000);
    const { network, loss } = trainAutoencoder(train);
    expect(loss).toBeLessThan(290);
    expect(tidy(() => negativeBound(network, val.images, rng.split('noise')).values[0])).toBeLessThan(300);
    const noise = Rng.fromSeed(2).normal([val.images.shape[0], network.numbers]);
    expectLoaded(network, new Autoencoder(rng), (network) => network.forward(val.images, noise).logits);
    expect(() => packModel(network.encoder, { imageShape: [28, 28, 1] })).toThrow(
      'layers.1: packed files do not support silu',
    );
  });
});
