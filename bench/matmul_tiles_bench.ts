/**
 * Every tile of the tables that `matmul` chooses from, at 512×512×512: their speeds belong into the tables.
 *
 * @module
 */

import { CARD_TILES, type MatmulPlan, SOFTWARE_TILES } from "../src/ops/matmul_plan.ts";
import { registerBenchmarks } from "./suite.ts";
import { matmulWorkload } from "./workloads.ts";

const SIZE = 512;
const SUM = { parts: 1, chunk: SIZE };

const plans: MatmulPlan[] = [...SOFTWARE_TILES, ...CARD_TILES].map(({ tile, depth }) =>
  depth === undefined
    ? { family: "register", ...tile, ...SUM }
    : { family: "block", ...tile, depth, ...SUM }
);

/** `register 16×8, workgroup 1×8`: rows × columns of an invocation, then of invocations in a workgroup. */
function planName(plan: MatmulPlan): string {
  if (plan.family === "plain") return "plain";
  const { family, rowGroups, columnGroups, lanesM, lanesN } = plan;
  return `${family} ${4 * rowGroups}×${4 * columnGroups}, workgroup ${lanesM}×${lanesN}`;
}

await registerBenchmarks(() => [
  matmulWorkload(SIZE, SIZE, SIZE, { name: "chosen" }),
  ...plans.map((plan) => matmulWorkload(SIZE, SIZE, SIZE, { name: planName(plan), plan })),
]);
