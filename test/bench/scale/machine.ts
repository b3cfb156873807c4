import { cpus, loadavg } from "node:os";

/** Call the result to learn how many cores were busy on average since. */
export function coresBusy(): () => number {
  const before = times();
  return () => {
    const after = times();
    const busy = after.busy - before.busy;
    return (busy / (busy + after.idle - before.idle)) * cpus().length;
  };
}

function times(): { busy: number; idle: number } {
  const sum = { busy: 0, idle: 0 };
  for (const { times } of cpus()) {
    sum.idle += times.idle;
    sum.busy += times.user + times.nice + times.sys + times.irq;
  }
  return sum;
}

/** What else was going on: the figures of a busy machine are those of a smaller one. */
export const machine = (): string =>
  `${cpus().length} cores, Node ${process.version}, load average ${loadavg()
    .map((load) => load.toFixed(1))
    .join(" ")}`;
