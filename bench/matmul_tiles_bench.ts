/**
 * Every tile of the tables that `matmul` chooses from, at 512×512×512: their speeds belong into the tables. Takes minutes on a software
 * adapter; `--filter register` and the like run a part.
 *
 * @module
 */

import {
  BROADCAST_TILES,
  CARD_TILES,
  type MatmulPlan,
  SOFTWARE_TILES,
} from "../src/ops/matmul_plan.ts";
import { registerBenchmarks } from "./suite.ts";
import { matmulWorkload } from "./workloads.ts";

const SIZE = 512;
const SUM = { parts: 1, chunk: SIZE };

const plans: MatmulPlan[] = [
  ...SOFTWARE_TILES.map(({ tile }): MatmulPlan => ({ family: "register", ...tile, ...SUM })),
  ...BROADCAST_TILES.flatMap(({ tile }) =>
    (["", "ab"] as const).map((textures): MatmulPlan => ({
      family: "broadcast",
      ...{ ...tile, textures, ...SUM },
    }))
  ),
  ...CARD_TILES.map(({ tile, depth }): MatmulPlan => ({
    family: "block",
    ...{ ...tile, depth: depth!, ...SUM },
  })),
];

/** `register 16×8, workgroup 1×8`: rows × columns of an invocation, then of invocations in a workgroup. */
function planName(plan: MatmulPlan): string {
  if (plan.family === "plain") return "plain";
  const { family, rowGroups, columnGroups, lanesM, lanesN } = plan;
  const from = plan.family === "broadcast" && plan.textures !== "" ? " from textures" : "";
  return `${family}${from} ${4 * rowGroups}×${4 * columnGroups}, workgroup ${lanesM}×${lanesN}`;
}

// A group for each family: all of a group are repeated as often as the quickest of it, which takes long where one is much slower.
await registerBenchmarks(() => [
  matmulWorkload(SIZE, SIZE, SIZE, { name: "chosen" }),
  ...plans.map((plan) => ({
    ...matmulWorkload(SIZE, SIZE, SIZE, { name: planName(plan), plan }),
    group: `${plan.family} ${SIZE}×${SIZE}×${SIZE}`,
  })),
]);
