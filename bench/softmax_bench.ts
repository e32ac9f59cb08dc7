import { registerSuite } from "./suite.ts";

await registerSuite("softmax");
