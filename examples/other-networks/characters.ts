/**
 * A small transformer that learns a poem by heart, character by character, and then recites it.
 *
 *     node examples/other-networks/characters.js
 *
 * Its attention layer is built here from `einsum`, `softmax` and a triangular mask: the packages have the parts.
 */
import {
  crossEntropy,
  Dropout,
  Embedding,
  GELU,
  LayerNorm,
  Linear,
  Module,
  noGradient,
  Parameter,
  Sequential,
} from '@mobinet/autograd';
import {
  add,
  argMax,
  einsum,
  equal,
  mul,
  ones,
  Rng,
  reshape,
  slice,
  softmax,
  split,
  type Tensor,
  tensor,
  tidy,
  tril,
  where,
} from '@mobinet/tensor';
import { finalLoss, minimize } from './minimize.js';

const poem = `'Twas brillig, and the slithy toves
Did gyre and gimble in the wabe:
All mimsy were the borogoves,
And the mome raths outgrabe.

"Beware the Jabberwock, my son!
The jaws that bite, the claws that catch!
Beware the Jubjub bird, and shun
The frumious Bandersnatch!"

He took his vorpal sword in hand;
Long time the manxome foe he sought—
So rested he by the Tumtum tree
And stood awhile in thought.
`;

const alphabet = [...new Set(poem)].sort();
const codes = Int32Array.from([...poem], (character) => alphabet.indexOf(character));

/** The number of characters that the network sees. */
const context = 32;

/** Causal self-attention with several heads (Vaswani et al., 2017): from [batch, time, features] to the same. */
class Attention extends Module {
  readonly queriesKeysValues: Linear;
  readonly output: Linear;
  readonly #heads: number;

  constructor(features: number, heads: number, rng: Rng) {
    super();
    this.queriesKeysValues = new Linear(features, 3 * features, { rng });
    this.output = new Linear(features, features, { rng });
    this.#heads = heads;
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const [batch, time, features] = x.shape;
      const all = reshape(this.queriesKeysValues.forward(x), [batch, time, 3, this.#heads, -1]);
      const [q, k, v] = split(all, 1, 2).map((part) => reshape(part, [batch, time, this.#heads, -1]));
      const scores = mul(einsum('bthf,bshf->bhts', q, k), Math.sqrt(this.#heads / features));
      // A character attends to itself and to those before it.
      const isLater = equal(tril(ones([time, time])), 0);
      const weights = softmax(where(isLater, Number.NEGATIVE_INFINITY, scores));
      return this.output.forward(reshape(einsum('bhts,bshf->bthf', weights, v), x.shape));
    });
  }
}

/** Attention, then a layer for each character by itself, each with a shortcut around it. */
class Block extends Module {
  readonly attention: Sequential;
  readonly perCharacter: Sequential;

  constructor(features: number, rng: Rng) {
    super();
    this.attention = new Sequential(
      new LayerNorm(features),
      new Attention(features, 4, rng),
      new Dropout(0.05, { rng }),
    );
    this.perCharacter = new Sequential(
      new LayerNorm(features),
      new Linear(features, 4 * features, { rng }),
      new GELU(),
      new Linear(4 * features, features, { rng }),
      new Dropout(0.05, { rng }),
    );
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const attended = add(x, this.attention.forward(x));
      return add(attended, this.perCharacter.forward(attended));
    });
  }
}

/** Logits of the next character after each of up to `context` characters: from i32 [batch, time] to [batch, time, characters]. */
export class CharacterModel extends Module<[codes: Tensor<'i32'>]> {
  readonly characters: Embedding;
  readonly positions: Parameter;
  readonly blocks: Sequential;
  readonly output: Linear;

  constructor(rng: Rng, features = 64) {
    super();
    this.characters = new Embedding(alphabet.length, features, { rng });
    this.positions = new Parameter(rng.spawn('positions').normal([context, features]));
    this.blocks = new Sequential(new Block(features, rng), new Block(features, rng), new LayerNorm(features));
    this.output = new Linear(features, alphabet.length, { rng });
  }

  override forward(codes: Tensor<'i32'>): Tensor {
    return tidy(() => {
      const positions = slice(this.positions, [0], [codes.shape[1]]);
      return this.output.forward(this.blocks.forward(add(this.characters.forward(codes), positions)));
    });
  }
}

/** Trains a model to predict the next characters of the poem. Returns it, and its loss per character in nats. */
export function trainCharacters({ steps = 300, batch = 16 } = {}): { model: CharacterModel; loss: number } {
  const rng = Rng.fromSeed(0);
  const model = new CharacterModel(rng.split('model'));
  const losses = minimize(model, {
    steps,
    learningRate: 3e-3,
    loss(network, step) {
      const draw = rng.split('batch', step);
      const starts = Array.from({ length: batch }, () => draw.integer(codes.length - context));
      const windows = (shift: number) =>
        tensor(
          starts.map((start) => [...codes.subarray(start + shift, start + shift + context)]),
          { dtype: 'i32' },
        );
      const logits = network.forward(windows(0));
      return crossEntropy(reshape(logits, [batch * context, -1]), reshape(windows(1), [-1]));
    },
  });
  return { model, loss: finalLoss(losses) };
}

/** Continues a text by the most probable characters. */
export function recite(model: CharacterModel, start: string, length: number): string {
  let text = start;
  while (text.length < length) {
    const seen = Array.from(text.slice(-context), (character) => alphabet.indexOf(character));
    const next = tidy(() =>
      noGradient(() => argMax(model.forward(tensor([seen], { dtype: 'i32' }))).values[seen.length - 1]),
    );
    text += alphabet[next];
  }
  return text;
}

if (import.meta.filename === process.argv[1]) {
  const { model, loss } = trainCharacters();
  console.log(`loss ${loss.toFixed(3)} nats per character\n\n${recite(model, "'Twas brill", 180)}`);
}
