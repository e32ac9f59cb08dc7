/**
 * How the ten digits are written by hand: for each digit several variants, each a list of strokes.
 *
 * A stroke is a list of points in a box of about −0.6 … 0.6 across and −1 … 1 down, written in
 * hundredths. A curved one passes smoothly through its points; a straight one joins them by lines.
 *
 * @module
 */

/** One movement of the pen: x and y of its points in turn. */
export interface Stroke {
  /** x₀, y₀, x₁, y₁, …; x to the right, y down. */
  points: readonly number[];
  /** Whether the stroke passes smoothly through its points. */
  curved: boolean;
}

const line = (text: string): Stroke => ({ points: parsePoints(text), curved: false });
const curve = (text: string): Stroke => ({ points: parsePoints(text), curved: true });

/** The variants of each digit. */
export const DIGIT_STROKES: readonly (readonly (readonly Stroke[])[])[] = [
  [ // 0: round, narrow, overlapping at the top, not quite closed
    [curve("0,-100 -44,-71 -62,0 -44,71 0,100 44,71 62,0 44,-71 0,-100")],
    [curve("15,-94 -19,-91 -42,-34 -41,42 -15,94 19,91 42,34 41,-42 15,-94")],
    [curve("25,-100 0,-95 -38,-68 -55,-2 -40,65 -3,95 36,71 55,7 42,-61 10,-105")],
    [curve("30,-82 -18,-90 -55,-39 -55,38 -19,90 29,83 58,21 49,-54")],
  ],
  [ // 1: a bar, with a flag, with a flag and a foot, with a curved flag
    [line("0,-100 0,100")],
    [line("-38,-60 5,-100 5,100")],
    [line("-35,-65 5,-100 5,100"), line("-40,100 45,100")],
    [curve("-30,-70 -10,-80 8,-100"), line("8,-100 0,100")],
  ],
  [ // 2: straight foot, looped foot, wavy foot, angular
    [curve("-50,-60 -35,-90 5,-100 45,-75 40,-30 -50,95"), line("-50,95 60,95")],
    [curve("-50,-65 -30,-93 5,-100 42,-75 35,-30 0,35 -35,85 -60,80 -50,50 -15,60 20,90 65,80")],
    [
      curve("-45,-50 -30,-90 10,-98 42,-65 30,-15 -10,50 -55,95"),
      curve("-55,95 -10,80 25,95 65,85"),
    ],
    [line("-45,-85 20,-95 45,-60 30,-10 -55,95 60,90")],
  ],
  [ // 3: two bows, flat top, wide lower bow, with a loop in the middle
    [
      curve("-50,-75 -10,-100 35,-85 40,-40 -10,-8"),
      curve("-10,-8 40,10 50,55 15,95 -35,95 -55,70"),
    ],
    [line("-50,-95 45,-95 -5,-20"), curve("-5,-20 40,0 50,45 20,90 -25,100 -55,80")],
    [
      curve("-40,-85 0,-100 30,-80 25,-40 -15,-15"),
      curve("-15,-15 35,-10 60,35 35,85 -15,100 -60,80"),
    ],
    [curve("-50,-70 -10,-100 38,-80 30,-30 -5,-5 -20,-15 5,-15 45,15 45,65 5,100 -50,80")],
  ],
  [ // 4: open, closed, open and curved, with a short stem
    [line("-40,-90 -50,10 55,10"), line("35,-90 30,100")],
    [line("25,-100 -60,30 65,30"), line("25,-100 25,100")],
    [curve("-35,-95 -50,-30 -40,8 0,12 40,-5"), line("45,-95 30,100")],
    [line("-25,-100 -55,20 60,15"), line("30,-35 20,100")],
  ],
  [ // 5: cap drawn last, one movement, curved neck, with a small belly
    [
      line("-35,-95 -40,-15"),
      curve("-40,-15 5,-30 50,5 45,65 0,100 -50,80"),
      line("-35,-95 50,-95"),
    ],
    [line("50,-90 -25,-95 -45,-10"), curve("-45,-10 0,-25 42,5 45,55 10,95 -50,85")],
    [curve("55,-95 10,-85 -30,-90 -40,-50 -30,-15 15,-10 48,30 30,80 -10,100 -50,85")],
    [line("45,-100 -20,-90 -35,0"), curve("-35,0 5,-10 35,20 30,70 -10,95 -45,90")],
  ],
  [ // 6: curved, straight neck, with a small loop, wide
    [curve("40,-95 -10,-60 -45,10 -40,70 0,100 42,70 35,20 -5,5 -42,40")],
    [curve("20,-100 -30,-10 -48,55 -15,100 35,80 40,30 0,15 -42,55")],
    [curve("0,-100 -30,-40 -42,30 -30,85 5,100 35,75 25,40 -5,35 -35,60")],
    [curve("50,-80 20,-100 -30,-70 -55,0 -50,65 -5,100 50,75 50,15 5,-10 -50,30")],
  ],
  [ // 7: plain, with a bar, with a serif, curved
    [line("-50,-90 50,-95 -10,100")],
    [line("-50,-95 50,-95 -10,100"), line("-30,0 45,-2")],
    [line("-50,-60 -50,-90 50,-90 0,100")],
    [curve("-55,-75 -20,-95 20,-85 52,-95"), curve("52,-95 15,-10 5,100")],
  ],
  [ // 8: one crossing movement, two rings, narrow, with a small head
    [curve("40,-75 0,-100 -40,-70 -25,-25 20,10 45,55 0,100 -45,60 -20,10 20,-20 42,-70")],
    [
      curve("0,-6 -28,-19 -40,-52 -28,-85 0,-98 28,-85 40,-52 28,-19 0,-6"),
      curve("0,-5 35,10 50,47 35,84 0,99 -35,84 -50,47 -35,10 0,-5"),
    ],
    [curve("25,-90 -10,-100 -32,-70 -10,-25 25,25 30,70 0,100 -32,70 -15,20 20,-30 32,-75 10,-98")],
    [
      curve("5,-22 -16,-33 -25,-60 -16,-87 5,-98 26,-87 35,-60 26,-33 5,-22"),
      curve("0,-20 37,-2 52,40 37,82 0,100 -37,82 -52,40 -37,-2 0,-20"),
    ],
  ],
  [ // 9: straight stem, curved tail, slanted stem, hooked
    [curve("40,-60 10,-100 -35,-85 -42,-35 -5,-10 35,-30 42,-75"), line("42,-75 38,100")],
    [curve("42,-65 5,-100 -40,-70 -30,-20 10,-15 40,-55 42,-10 30,60 -5,100 -40,85")],
    [
      curve("42,-55 30,-85 0,-97 -30,-85 -42,-55 -30,-25 0,-13 30,-25 42,-55"),
      line("42,-60 10,100"),
    ],
    [curve("35,-80 -5,-100 -45,-60 -25,-15 20,-25 42,-70 45,0 35,75 10,100")],
  ],
];

/** Reads `x,y x,y …` in hundredths. */
function parsePoints(text: string): number[] {
  return text.split(/[ ,]/).map((hundredths) => Number(hundredths) / 100);
}
