// The first import of the command line: one sentence instead of a stack trace.
import { nodeVersionProblem } from "../core/node-version.ts";

const problem = nodeVersionProblem();
if (problem !== undefined) {
  console.error(problem);
  process.exit(2);
}
