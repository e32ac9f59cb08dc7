import { registerSuite } from "./suite.ts";

await registerSuite("elementwise");
