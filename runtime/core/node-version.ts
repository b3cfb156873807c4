const NEEDED = "24.12";

/** What is wrong with the Node that runs this, in one sentence; undefined when it is new enough. */
export function nodeVersionProblem(version: string = process.versions.node): string | undefined {
  const [major, minor] = numbers(version);
  const [neededMajor, neededMinor] = numbers(NEEDED);
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return undefined;
  return `Hookline needs Node ${NEEDED} or newer, and this is Node ${version}; install a newer one from https://nodejs.org`;
}

function numbers(version: string): [number, number] {
  const [major, minor] = version.split(".").map(Number);
  return [major ?? 0, minor ?? 0];
}
