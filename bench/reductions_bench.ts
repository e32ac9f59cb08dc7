import { registerBenchmarks } from "./suite.ts";
import { listWorkloads } from "./workloads.ts";

await registerBenchmarks(listWorkloads().filter(({ suite }) => suite === "reductions"));
