import { type ShapeName, shapes } from './shapes.js';
import { type TextureName, textures } from './textures.js';

/** A class of photos: all that show this shape with this texture. */
export interface PhotoClass {
  /** The name of its folder. */
  readonly name: string;
  readonly shape: ShapeName;
  readonly texture: TextureName;
}

/** The classes of a set, and how many photos each has. */
export interface PhotoSet {
  readonly classes: readonly PhotoClass[];
  readonly perClass: number;
}

const classOf = (texture: TextureName, shape: ShapeName): PhotoClass => ({
  name: `${texture}-${shape}`,
  shape,
  texture,
});

/** The sets that can be drawn. */
export const photoSets = {
  /** Each shape once. The disc and the ring have the same texture. */
  five: {
    classes: [
      classOf('stripes', 'disc'),
      classOf('checks', 'square'),
      classOf('plain', 'triangle'),
      classOf('dots', 'star'),
      classOf('stripes', 'ring'),
    ],
    perClass: 200,
  },

  /** Every shape with every texture, so that neither of them suffices to recognize a class. */
  twenty: {
    classes: namesOf(shapes).flatMap((shape) => namesOf(textures).map((texture) => classOf(texture, shape))),
    perClass: 100,
  },
} as const satisfies Record<string, PhotoSet>;

export type PhotoSetName = keyof typeof photoSets;

function namesOf<K extends string>(record: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(record) as K[];
}
