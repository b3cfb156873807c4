// The first import of the package's entries, so that it runs before anything an older Node does not have.
import { nodeVersionProblem } from "./node-version.ts";

const problem = nodeVersionProblem();
if (problem !== undefined) throw new Error(problem);
